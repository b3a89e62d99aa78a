"""Engines: how a connection to SQLite or PostgreSQL is opened and what is set on it."""

import os
import sqlite3
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import sqlalchemy.exc
from sqlalchemy import event

from natsuin.errors import Conflict, Malformed, Refused

WAIT_SECONDS = 4
"""How long anybody waits for a lock or a connection, so that a blocked request is answered within five seconds."""

_SQLITE_SETTINGS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "temp_store=MEMORY",
)


class DatabaseMissing(Refused):
    """There is no database where the configuration says. Opening never makes one."""

    code = "database_missing"


class DatabaseCorrupt(Refused):
    """The database file is damaged. Nothing is read from it."""

    code = "database_corrupt"


class DatabaseUnsafe(Refused):
    """The database server is set so that a commit could be lost."""

    code = "database_unsafe"


def parse_url(url: str) -> sa.URL:
    """`sqlite:///FILE` (absolute with four slashes) or `postgresql://...`, which goes through psycopg 3.

    Raises:
        Malformed: another kind of database, or no file.
    """
    hint = "Write sqlite:////absolute/path/to/file or postgresql://user@host/name."
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise Malformed("The database address cannot be read.", hint=hint) from error
    if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed
    if parsed.get_backend_name() == "postgresql" and parsed.database:
        return parsed.set(drivername="postgresql+psycopg")
    raise Malformed("The database address is neither a SQLite file nor PostgreSQL.", hint=hint)


def sqlite_file(url: sa.URL) -> Path:
    """The file of a SQLite database."""
    return Path(url.database or "")


def create_sqlite(url: sa.URL, name: str) -> None:
    """Make the empty file, readable by its owner alone, and put it into WAL mode.

    Raises:
        Conflict: it is there already.
        Refused: its folder is missing or not writable.
    """
    file = sqlite_file(url)
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError as error:
        raise Conflict(f"The {name} database exists already: {file}") from error
    except OSError as error:
        raise Refused(f"The {name} database cannot be made at {file}: {error.strerror}.") from error
    connection = _connect_sqlite(file)
    connection.execute("PRAGMA user_version=0")
    connection.close()


def check_sqlite(url: sa.URL, name: str) -> None:
    """See that the file is there, ours and whole.

    Raises:
        DatabaseMissing, DatabaseCorrupt, Refused.
    """
    file = sqlite_file(url)
    if not file.exists():
        raise DatabaseMissing(
            f"The {name} database does not exist: {file}",
            hint="Make a new installation with `natsuin init --dir DIR`, or put the file back from a backup.",
        )
    if not os.access(file, os.R_OK | os.W_OK):
        raise Refused(f"The {name} database cannot be read and written: {file}", hint=f"chmod u+rw {file}")
    try:
        connection = _connect_sqlite(file)
        try:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        raise Refused(f"The {name} database cannot be opened: {error}.") from error
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise DatabaseCorrupt(
            f"The {name} database is damaged ({found}): {file}",
            hint="Keep the file for examination and restore the last backup.",
        )


def _connect_sqlite(file: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open an existing file. `mode=rw` keeps SQLite from making one."""
    address = f"file:{urllib.parse.quote(str(file.absolute()))}?mode=rw"
    connection = sqlite3.connect(
        address, uri=True, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    for setting in _SQLITE_SETTINGS:
        connection.execute(f"PRAGMA {setting}")
    if read_only:
        connection.execute("PRAGMA query_only=ON")
    return connection


def sqlite_engine(url: sa.URL, *, begin: str | None, read_only: bool = False) -> sa.Engine:
    """An engine whose transactions start with the statement `begin`, or with none if the caller states them itself."""
    file = sqlite_file(url)
    creator: Callable[[], Any] = lambda: _connect_sqlite(file, read_only=read_only)  # noqa: E731
    engine = sa.create_engine(
        "sqlite://",
        creator=creator,
        poolclass=sa.QueuePool,
        hide_parameters=True,
        pool_size=32,
        max_overflow=-1,
        pool_use_lifo=True,
        pool_timeout=WAIT_SECONDS,
    )
    if begin is not None:
        statement = begin

        @event.listens_for(engine, "begin")
        def _begin(connection: sa.Connection) -> None:
            # The driver begins nothing by itself, because its isolation_level is None.
            connection.connection.driver_connection.execute(statement)  # type: ignore[union-attr]

    return engine


def postgresql_engine(url: sa.URL, *, read_only: bool = False) -> sa.Engine:
    """An engine that waits at most `WAIT_SECONDS` for a connection or a lock and checks connections before use."""
    import psycopg

    engine = sa.create_engine(
        url,
        hide_parameters=True,
        pool_size=16,
        max_overflow=16,
        pool_timeout=WAIT_SECONDS,
        pool_pre_ping=True,
        pool_use_lifo=True,
        connect_args={"connect_timeout": WAIT_SECONDS},
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: psycopg.Connection[Any], _record: object) -> None:
        connection.execute(f"SET lock_timeout = '{WAIT_SECONDS}s'")
        connection.execute("SET timezone = 'UTC'")
        connection.commit()
        if read_only:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

    return engine


def check_postgresql(engine: sa.Engine, name: str) -> None:
    """See that the server is there and that a commit is durable when it returns.

    Raises:
        DatabaseMissing: no such database.
        DatabaseUnsafe: `fsync` or `synchronous_commit` is off.
        Unavailable: the server does not answer.
    """
    try:
        with engine.connect() as connection:
            settings = {
                key: connection.exec_driver_sql(f"SHOW {key}").scalar() for key in ("fsync", "synchronous_commit")
            }
    except sa.exc.OperationalError as error:
        if 'database "' in str(error.orig) and "does not exist" in str(error.orig):
            raise DatabaseMissing(
                f"The {name} database does not exist on the PostgreSQL server.",
                hint="Create it with `createdb`, then run `natsuin init --dir DIR`.",
            ) from error
        raise
    for key, value in settings.items():
        if value == "off":
            raise DatabaseUnsafe(
                f"The PostgreSQL server of the {name} database has {key} = off: a commit could be lost.",
                hint=f"Set {key} = on in postgresql.conf.",
            )
