"""What a witness remembers: of each log the newest checkpoint that it cosigned. One SQLite file, made once.

An empty disk must not make a witness forget, so the file is never made by opening it.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from natsuin.errors import Conflict, NotFound, StorageFailed, Tampered

_SCHEMA: Final = """
CREATE TABLE seen (
    origin TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


class WitnessStateMissing(NotFound):
    """The file with what the witness has seen is missing: it would cosign any history."""

    code = "witness_state_missing"


class WitnessStateDamaged(Tampered):
    """The file with what the witness has seen cannot be read."""

    code = "witness_state_damaged"


class WitnessLocked(Conflict):
    """Another process is this witness already."""

    code = "witness_locked"


@dataclass(frozen=True)
class Seen:
    """The newest checkpoint that was cosigned: size, root (32 bytes), and the note with log's and witness's lines."""

    size: int
    root: bytes
    note: str


class WitnessState:
    """The open file. Safe from several threads; one process only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """For `open` only."""
        self._connection = connection
        self._turn = threading.Lock()

    @classmethod
    def create(cls, path: Path) -> None:
        """Make the file, empty, readable by its owner only. Raises `Conflict` where there is one, `StorageFailed`."""
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            connection = _connect(path)
            connection.executescript(_SCHEMA)
            connection.close()
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except FileExistsError as error:
            raise Conflict(f"there is something already: {path}") from error
        except (OSError, sqlite3.Error) as error:
            raise StorageFailed(f"this file cannot be made: {path}") from error

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open what `create` made. Raises `WitnessStateMissing`, `WitnessStateDamaged`, `WitnessLocked`."""
        if not path.is_file():
            raise WitnessStateMissing(
                f"what this witness has seen is missing: {path}",
                hint="Bring the file back, or make a new witness with a new name and key: see docs/witnesses.md.",
            )
        connection: sqlite3.Connection | None = None
        try:
            connection = _connect(path)
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise WitnessStateDamaged(f"what this witness has seen is damaged: {path}")
            connection.execute("SELECT count(*), max(size), max(note) FROM seen").fetchone()
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            if getattr(error, "sqlite_errorname", "") in ("SQLITE_BUSY", "SQLITE_LOCKED"):
                raise WitnessLocked("another process is this witness already") from error
            raise WitnessStateDamaged(f"what this witness has seen cannot be read: {path}") from error
        return cls(connection)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else looks or writes until the end of the block, so that what was compared is what is replaced."""
        with self._turn:
            yield

    def seen(self, origin: str) -> Seen | None:
        """The newest checkpoint of a log; None before its first. Raises `StorageFailed`."""
        try:
            row = self._connection.execute("SELECT size, root, note FROM seen WHERE origin = ?", (origin,)).fetchone()
        except sqlite3.Error as error:
            raise StorageFailed("what this witness has seen cannot be read") from error
        return None if row is None else Seen(*row)

    def replace(self, origin: str, before: Seen | None, after: Seen) -> None:
        """Remember `after` in the place of `before`. Durable on return. Raises `StorageFailed` otherwise."""
        row = (after.size, after.root, after.note, origin)
        try:
            if before is None:
                done = self._connection.execute("INSERT INTO seen (size, root, note, origin) VALUES (?, ?, ?, ?)", row)
            else:
                done = self._connection.execute(
                    "UPDATE seen SET size = ?, root = ?, note = ? WHERE origin = ? AND size = ? AND root = ?",
                    (*row, before.size, before.root),
                )
        except sqlite3.Error as error:
            raise StorageFailed("what this witness has seen cannot be written") from error
        if done.rowcount != 1:
            raise StorageFailed("what this witness has seen was changed by somebody else")

    def close(self) -> None:
        """Close the file."""
        with self._turn:
            self._connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
