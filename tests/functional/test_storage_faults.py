"""Databases that fail: a commit that does not become durable, a server that goes away, a caller that is interrupted,
a process that is killed."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from natsuin.errors import NatsuinError, StorageFailed, Unavailable
from natsuin.storage import Database, DatabaseMissing, DatabaseUnsafe, create_database, open_database
from rigs.waiting_writers import queued

METADATA = sa.MetaData()
NOTES = sa.Table("notes", METADATA, sa.Column("text", sa.String(40), unique=True))


def add(text: str) -> Callable[[sa.Connection], None]:
    return lambda connection: connection.execute(sa.insert(NOTES).values(text=text)) and None


def texts(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.execute(sa.select(NOTES.c.text)).scalars())


class FailingCommit:
    """A driver's connection whose next commit fails, as fsync does on a dying disk."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def __getattr__(self, name: str) -> Any:
        return getattr(self.driver, name)

    def commit(self) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
        raise error


def test_commit_that_fails_fails_everybody_and_records_nothing(
    database_with: Callable[[sa.MetaData], Database],
) -> None:
    database = database_with(METADATA)
    database.run_grouped(add("before"))
    group = database._group
    holding, free = threading.Event(), threading.Event()

    def hold(connection: sa.Connection) -> None:
        holding.set()
        assert free.wait(10)

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(database.run_grouped, hold)
        assert holding.wait(10)
        waiting = queued(pool, database, *(add(f"lost {number}") for number in range(5)))
        driver, group._driver = group._driver, FailingCommit(group._driver)
        free.set()
    for future in [first, *waiting]:
        with pytest.raises(StorageFailed):
            future.result(10)
    assert texts(database) == {"before"}
    group._driver = driver
    database.run_grouped(add("after"))
    assert texts(database) == {"before", "after"}


def test_interrupted_caller_does_not_stop_the_others(database_with: Callable[[sa.MetaData], Database]) -> None:
    database = database_with(METADATA)
    free = threading.Event()

    class Interrupted(BaseException):
        pass

    def interrupt(*_: object) -> None:
        free.set()
        raise Interrupted

    def hold(connection: sa.Connection) -> None:
        assert free.wait(20)

    holder = threading.Thread(target=lambda: database.run_grouped(hold))
    holder.start()
    while not database._group._led:
        pass
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(Interrupted):
            database.run_grouped(add("the caller is gone before anybody began"))
    finally:
        signal.signal(signal.SIGALRM, before)
    holder.join(20)
    database.run_grouped(add("next"))
    assert texts(database) == {"next"}


def test_postgresql_connections_that_were_cut_are_made_again(postgresql_url: str) -> None:
    database = open_database(postgresql_url, name="sam")
    METADATA.create_all(database.engine)
    database.run_grouped(add("one"))
    assert texts(database) == {"one"}

    def cut() -> None:
        import psycopg

        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )

    cut()
    database.run_grouped(add("two"))
    cut()
    with database.write() as connection:
        add("three")(connection)
    cut()
    assert texts(database) == {"one", "two", "three"}

    def cut_within(connection: sa.Connection) -> None:
        add("never")(connection)
        cut()
        add("never either")(connection)

    with pytest.raises(NatsuinError) as caught:
        database.run_grouped(cut_within)
    assert isinstance(caught.value, Unavailable)
    database.run_grouped(add("four"))
    assert texts(database) == {"one", "two", "three", "four"}
    database.close()


def test_postgresql_database_that_does_not_exist(postgresql_url: str) -> None:
    address = sa.make_url(postgresql_url).set(database="nowhere").render_as_string(hide_password=False)
    with pytest.raises(DatabaseMissing):
        open_database(address, name="sam")
    with pytest.raises(DatabaseMissing):
        create_database(address, name="sam")


def test_postgresql_server_that_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        open_database(f"postgresql://postgres@/x?host={tmp_path}", name="sam")


def test_postgresql_that_does_not_wait_for_the_disk_is_refused(postgresql_url: str) -> None:
    import psycopg

    name = sa.make_url(postgresql_url).database
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with pytest.raises(DatabaseUnsafe, match="synchronous_commit"):
        open_database(postgresql_url, name="sam")


_WRITER = """
import sys, threading
import sqlalchemy as sa
from natsuin.storage import open_database
database = open_database(sys.argv[1])
table = sa.table("notes", sa.column("text"))
def write(thread):
    for number in range(10_000):
        text = f"{thread}-{number}"
        database.run_grouped(lambda connection: connection.execute(sa.insert(table).values(text=text)))
        sys.stdout.write(text + "\\n")
        sys.stdout.flush()
threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
[thread.start() for thread in threads]
"""


def test_what_was_acknowledged_survives_kill_9(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    METADATA.create_all(database.engine)
    database.close()
    process = subprocess.Popen([sys.executable, "-c", _WRITER, sqlite_url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(200)]
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += [line.strip() for line in process.stdout.read().splitlines()[:-1]]
    process.wait()
    database = open_database(sqlite_url)
    assert set(filter(None, acknowledged)) <= texts(database)
    database.close()
