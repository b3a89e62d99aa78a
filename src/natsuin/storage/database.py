"""`Database`: the two ways to write and the one way to read."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import sqlalchemy as sa

from natsuin.errors import Busy
from natsuin.storage import engines
from natsuin.storage.failures import translated
from natsuin.storage.group_commit import GroupCommit

T = TypeVar("T")


class Database:
    """One open database. Thread safe; every thread gets its own connection. Not to be shared across `fork`."""

    def __init__(self, url: sa.URL, name: str) -> None:
        """Use `open_database`."""
        self.name = name
        self.url = url
        self.backend = url.get_backend_name()
        """`sqlite` or `postgresql`."""
        self._write_lock = threading.Lock()
        """Only for SQLite, which has one writer: waiting here is fair and wakes at once, SQLite itself polls."""
        if self.backend == "sqlite":
            self._writer = engines.sqlite_engine(url, begin="BEGIN IMMEDIATE")
            self._reader = engines.sqlite_engine(url, begin="BEGIN", read_only=True)
            self._group_engine = engines.sqlite_engine(url, begin=None)
            self._group = GroupCommit(self._group_engine.connect, "BEGIN IMMEDIATE", self._write_lock)
        else:
            self._writer = engines.postgresql_engine(url)
            self._reader = engines.postgresql_engine(url, read_only=True)
            self._group_engine = self._writer
            self._group = GroupCommit(self._connect_for_groups, "BEGIN", threading.Lock())

    @property
    def engine(self) -> sa.Engine:
        """The engine that writes, for migrations and tests. Ordinary code uses `read`, `write` and `run_grouped`."""
        return self._writer

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent snapshot. Writing through it fails.

        Raises:
            Busy, Unavailable, StorageFailed.
        """
        with translated(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction, durable when the block has ended, undone if the block raises. Do not commit inside.

        On SQLite the transaction holds the only write lock from its first moment (BEGIN IMMEDIATE), so what is read
        inside cannot change before it is written. On PostgreSQL (READ COMMITTED) lock rows with `with_for_update()` or
        state the expected values in the WHERE clause. Nobody retries: `Busy` goes to the caller.

        Raises:
            Busy: the lock was not free within `engines.WAIT_SECONDS`.
            StorageFailed: the commit failed; nothing was recorded.
            Unavailable: the database cannot be reached.
        """
        with self._sole_writer(), translated(), self._writer.begin() as connection:
            yield connection

    def run_grouped(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` in a transaction shared with other callers. Durable on return.

        `work` may run on another caller's thread: it must be quick, must not commit, and must not call the database by
        another way. What it raises undoes only its own writes and is raised here. Nobody retries.

        Raises:
            Busy, Unavailable, StorageFailed: nothing of this call was recorded.
        """
        return self._group.run(work)

    def check(self) -> None:
        """See that the database answers.

        Raises:
            Busy, Unavailable, StorageFailed.
        """
        with self.read() as connection:
            connection.execute(sa.text("SELECT 1"))

    def close(self) -> None:
        """Finish what waits and close every connection. May be called again."""
        self._group.close()
        for engine in {self._writer, self._reader, self._group_engine}:
            engine.dispose()

    def _connect_for_groups(self) -> sa.Connection:
        # AUTOCOMMIT keeps the driver from sending a BEGIN of its own.
        return self._writer.connect().execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def _sole_writer(self) -> Iterator[None]:
        if self.backend != "sqlite":
            yield
            return
        if not self._write_lock.acquire(timeout=engines.WAIT_SECONDS):
            raise Busy("The database is busy with other writes.", hint="Try again in a moment.")
        try:
            yield
        finally:
            self._write_lock.release()


def create_database(url: str, *, name: str = "") -> None:
    """Make an empty database: the SQLite file with mode 0600. A PostgreSQL database is made by its own administrator.

    Raises:
        Conflict: the file is there already.
        DatabaseMissing: there is no such PostgreSQL database.
        Refused: the file cannot be made there.
    """
    parsed = engines.parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        engines.create_sqlite(parsed, name)
    else:
        open_database(url, name=name).close()


def open_database(url: str, *, name: str = "") -> Database:
    """Open an existing database, `sqlite:///FILE` or `postgresql://...`. `name` (web, sam) is for messages.

    Raises:
        DatabaseMissing: there is none; it is never made here.
        DatabaseCorrupt: the file is damaged.
        DatabaseUnsafe: the PostgreSQL server does not keep what it commits.
        Malformed: `url` names no database that Natsuin knows.
        Unavailable: the server does not answer.
    """
    parsed = engines.parse_url(url)
    with translated():
        if parsed.get_backend_name() == "sqlite":
            engines.check_sqlite(parsed, name)
            return Database(parsed, name)
        database = Database(parsed, name)
        try:
            engines.check_postgresql(database.engine, name)
        except BaseException:
            database.close()
            raise
        return database
