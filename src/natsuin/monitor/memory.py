"""What the monitor remembers, in one SQLite file: how far each log was read, what the rules remember of it, every
alarm, and whom it has still to be told. Because all of it changes in one transaction, a crash between reading and
telling loses no alarm and finds none twice.

WAL mode with synchronous=FULL: what was committed survives a power cut.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Self

from natsuin.errors import Conflict, NotFound, StorageFailed

_FILE: Final = "monitor.sqlite"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS log (
    name TEXT PRIMARY KEY,
    vkey TEXT NOT NULL,
    shard TEXT NOT NULL,
    shard_vkey TEXT NOT NULL,
    checkpoint TEXT NOT NULL,
    size INTEGER NOT NULL,
    read INTEGER NOT NULL,
    first_size INTEGER,
    rules BLOB NOT NULL,
    added_at INTEGER NOT NULL,
    visited_at INTEGER,
    grown_at INTEGER NOT NULL,
    error TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS head (
    log TEXT NOT NULL, key BLOB NOT NULL, head BLOB NOT NULL, PRIMARY KEY (log, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counted_entries (
    log TEXT NOT NULL, type TEXT NOT NULL, entries INTEGER NOT NULL, PRIMARY KEY (log, type)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counted_alarms (
    log TEXT NOT NULL, kind TEXT NOT NULL, alarms INTEGER NOT NULL, PRIMARY KEY (log, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counted_days (
    log TEXT NOT NULL, day INTEGER NOT NULL, entries INTEGER NOT NULL, alarms INTEGER NOT NULL, PRIMARY KEY (log, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alarm (
    id TEXT PRIMARY KEY,
    log TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    severity INTEGER NOT NULL,
    found_at INTEGER NOT NULL,
    entry INTEGER,
    entry_time INTEGER,
    facts TEXT NOT NULL,
    count INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    last_entry INTEGER,
    history INTEGER NOT NULL,
    closed INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS alarm_group ON alarm (log, kind, subject) WHERE NOT closed;
CREATE INDEX IF NOT EXISTS alarm_history ON alarm (log, kind, subject) WHERE history;
CREATE INDEX IF NOT EXISTS alarm_recent ON alarm (log, severity, found_at);
CREATE TABLE IF NOT EXISTS condition (
    log TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, since INTEGER NOT NULL, told_at INTEGER NOT NULL,
    PRIMARY KEY (log, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS delivery (
    alarm TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    receiver TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (alarm, sequence, receiver)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (receiver, next_at);
CREATE TABLE IF NOT EXISTS receiver (
    name TEXT PRIMARY KEY,
    sent INTEGER NOT NULL DEFAULT 0,
    given_up INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
"""


class MemoryInUse(Conflict):
    """Another monitor works with the same state folder."""

    code = "monitor_in_use"


class MemoryMissing(NotFound):
    """No monitor worked with this state folder yet."""

    code = "monitor_missing"


class Memory:
    """The open memory. Thread safe: transactions come one after the other."""

    def __init__(self, connection: sqlite3.Connection, lock_file: int | None) -> None:
        """Use `open` or `look`."""
        self._connection = connection
        self._lock_file = lock_file
        self._turn = threading.RLock()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open or begin the memory in `folder`, for this process alone.

        Raises `MemoryInUse`; `StorageFailed` where the folder or file cannot be used.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageFailed(f"the state folder {folder} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(folder / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = _connect(folder / _FILE)
            connection.executescript(_SCHEMA)
        except BlockingIOError as error:
            os.close(held)
            raise MemoryInUse("another monitor uses this state folder", hint="Stop that one first.") from error
        except (OSError, sqlite3.Error) as error:
            os.close(held)
            raise StorageFailed(f"the file {_FILE} in the state folder cannot be used") from error
        return cls(connection, held)

    @classmethod
    def look(cls, folder: Path) -> Self:
        """Open the memory for reading only, also while a monitor works. Raises `MemoryMissing`, `StorageFailed`."""
        if not (folder / _FILE).is_file():
            raise MemoryMissing("no monitor has worked with this state folder yet")
        try:
            return cls(_connect(folder / _FILE, read_only=True), None)
        except sqlite3.Error as error:
            raise StorageFailed(f"the file {_FILE} in the state folder cannot be read") from error

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction, durable when the block has ended, undone if it raises. Raises `StorageFailed`."""
        with self._turn, self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A consistent look. Raises `StorageFailed`."""
        with self._turn, self._told():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of file and folder."""
        with self._turn:
            self._connection.close()
            if self._lock_file is not None:
                os.close(self._lock_file)
                self._lock_file = None

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageFailed("the monitor's memory cannot be read or written") from error


def _connect(file: Path, *, read_only: bool = False) -> sqlite3.Connection:
    # The path is quoted by pathlib, since in an URI a question mark would end it.
    address = f"{file.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
    connection = sqlite3.connect(address, uri=True, timeout=10, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        if not read_only:
            with closing(connection.execute("PRAGMA journal_mode=WAL")):
                pass
            connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA trusted_schema=OFF")
    except BaseException:
        connection.close()
        raise
    return connection
