"""The record of the last checkpoint that was signed: one row that is only ever swapped against its known content.

A folder alone cannot tell that it was rolled back to an older state of itself. This row can, and it decides which of
two writers goes on. Beside it stand the entries of the newest commits, written in the same transaction: one fsync makes
a commit durable, and the files of the log are made durable later, many commits at a time. A table holds the newest
entry of each key, which the next one of that key names.

The record is a SQLite file of its own, in WAL mode with synchronous=FULL (the default of WAL mode may lose the last
commits when power fails), and it must be there before a log is opened: an empty disk never begins a log anew.
"""

import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from natsuin.errors import StorageFailed
from natsuin.signing_log.key_chains import Head
from natsuin.signing_log.refusals import BadTile, LogExists, LogLocked, LoosePermissions, StateDamaged, StateMissing
from natsuin.signing_log.tiles import decode_bundle, encode_bundle

_SCHEMA: Final = """
CREATE TABLE signed (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note TEXT NOT NULL,
    opened INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE staged (
    start INTEGER PRIMARY KEY,
    entries BLOB NOT NULL
) STRICT;
CREATE TABLE key_head (
    key TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;
"""
_PUT_HEAD: Final = "INSERT OR REPLACE INTO key_head VALUES (?, ?, ?)"
_UNWRITABLE: Final = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")


@dataclass(frozen=True)
class Staged:
    """One commit whose files may not be durable yet: the index of its first entry and the entries' bytes."""

    start: int
    entries: tuple[bytes, ...]


@dataclass(frozen=True)
class Signed:
    """The last signed checkpoint: its size, its root (32 bytes) and the whole note."""

    size: int
    root: bytes
    note: str


class State:
    """The open record. Used by one thread at a time; whatever returns is durable."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def create(cls, path: Path, first: Signed, heads: Mapping[str, Head] | None = None) -> None:
        """Make the record with its first row, readable by its owner only; `heads` are those of a log that was there
        before. Raises `LogExists`, `StorageFailed`."""
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            connection = _connect(path)
            connection.executescript(_SCHEMA)
            connection.execute("BEGIN")
            connection.execute("INSERT INTO signed VALUES (1, ?, ?, ?, 0)", (first.size, first.root, first.note))
            connection.executemany(_PUT_HEAD, _head_rows(heads or {}))
            connection.execute("COMMIT")
            connection.close()
            _synchronise(path.parent)
        except FileExistsError as error:
            raise LogExists("the record of a log is already there") from error
        except (OSError, sqlite3.Error) as error:
            raise StorageFailed("the record of the log cannot be made") from error

    @classmethod
    def create_after(cls, path: Path, first: Signed, *, older: Path) -> None:
        """Make the record of a log in which the chains of keys go on where the record `older` left them, which nobody
        has open. It appears whole, or not at all; durable on return. Raises `StorageFailed`, `LogExists`."""
        new = path.with_name(f".{path.name}.new")
        try:
            new.unlink(missing_ok=True)
            cls.create(new, first)
            connection = sqlite3.connect(f"file:{quote(str(new))}", uri=True, isolation_level=None)
            try:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("ATTACH ? AS older", (f"file:{quote(str(older))}?mode=ro",))
                connection.execute("INSERT INTO main.key_head SELECT * FROM older.key_head")
            finally:
                connection.close()
            os.link(new, path)
            new.unlink()
            _synchronise(path.parent)
        except FileExistsError as error:
            raise LogExists("the record of a log is already there") from error
        except (OSError, sqlite3.Error) as error:
            raise StorageFailed("the record of the log cannot be made") from error

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the record that `create` made.

        Raises `StateMissing`, `LoosePermissions`, `StateDamaged`, `LogLocked`, `StorageFailed`.
        """
        try:
            mode = path.stat().st_mode
        except OSError as error:
            hint = "Bring the record back, or begin a new log with a new origin."
            raise StateMissing("the record of the last signed checkpoint is missing", hint=hint) from error
        if mode & 0o077:
            hint = "Set its permissions to 0600 (chmod 600)."
            raise LoosePermissions("the record of the last signed checkpoint is open to others", hint=hint)
        connection: sqlite3.Connection | None = None
        try:
            connection = _connect(path)
            # A write of its own makes durable what an earlier process may have left half-written.
            connection.execute("UPDATE signed SET opened = opened + 1 WHERE id = 1")
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            if error.sqlite_errorname in ("SQLITE_BUSY", "SQLITE_LOCKED"):
                hint = "That is sam, if it is running: stop it first."
                raise LogLocked("another process holds the record of the last signed checkpoint", hint=hint) from error
            if error.sqlite_errorname.startswith(_UNWRITABLE):
                raise StorageFailed("the record of the last signed checkpoint cannot be written") from error
            raise StateDamaged("the record of the last signed checkpoint cannot be read") from error
        return cls(connection)

    def read(self) -> Signed:
        """The row. Raises `StateMissing` when there is none, `StateDamaged` when it cannot be read."""
        try:
            row = self._connection.execute("SELECT size, root, note FROM signed WHERE id = 1").fetchone()
        except sqlite3.Error as error:
            raise StateDamaged("the record of the last signed checkpoint cannot be read") from error
        if row is None:
            raise StateMissing("the record of the last signed checkpoint is empty")
        return Signed(*row)

    def read_staged(self) -> tuple[Staged, ...]:
        """The commits since files were last durable, oldest first.

        Raises `StateDamaged` unless they lead to the row's size.
        """
        size = self.read().size
        try:
            rows = self._connection.execute("SELECT start, entries FROM staged ORDER BY start").fetchall()
            staged = tuple(Staged(start, tuple(decode_bundle(content))) for start, content in rows)
        except (sqlite3.Error, BadTile) as error:
            raise StateDamaged("the newest entries in the record of the log cannot be read") from error
        ends = [*(commit.start for commit in staged[1:]), size]
        if any(commit.start + len(commit.entries) != end for commit, end in zip(staged, ends, strict=False)):
            raise StateDamaged("the newest entries in the record of the log have gaps")
        return staged

    def head(self, key: str) -> Head | None:
        """The newest entry of `key`; None before its first. Raises `StorageFailed`."""
        try:
            row = self._connection.execute("SELECT number, digest FROM key_head WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise StorageFailed("the record of the log cannot be read") from error
        return None if row is None else Head(*row)

    def swap(
        self, old: Signed, new: Signed, *, entries: Sequence[bytes], heads: Mapping[str, Head], settled: int
    ) -> None:
        """Put `new` in the place of `old`, with the `entries` between them and the `heads` of the keys they are about.
        From here on the new checkpoint stands.

        Forgets staged entries below index `settled`. Raises `StorageFailed` when the row was not `old` or cannot be
        written; the writer must then stop.
        """
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            done = execute(
                "UPDATE signed SET size = ?, root = ?, note = ? WHERE id = 1 AND size = ? AND root = ?",
                (new.size, new.root, new.note, old.size, old.root),
            )
            if done.rowcount != 1:
                execute("ROLLBACK")
                raise StorageFailed("another writer has signed a checkpoint of this log")
            if settled:
                execute("DELETE FROM staged WHERE start < ?", (settled,))
            execute("INSERT INTO staged VALUES (?, ?)", (old.size, encode_bundle(entries)))
            if heads:
                self._connection.executemany(_PUT_HEAD, _head_rows(heads))
            execute("COMMIT")
        except sqlite3.Error as error:
            raise StorageFailed("the record of the last signed checkpoint cannot be written") from error

    def settle(self, settled: int) -> None:
        """Forget staged entries below index `settled`: their files are durable. Raises `StorageFailed`."""
        try:
            self._connection.execute("DELETE FROM staged WHERE start < ?", (settled,))
        except sqlite3.Error as error:
            raise StorageFailed("the record of the last signed checkpoint cannot be written") from error

    def close(self) -> None:
        """Close the file. The row stays."""
        self._connection.close()


def _head_rows(heads: Mapping[str, Head]) -> list[tuple[str, int, bytes]]:
    return [(key, head.number, head.digest) for key, head in heads.items()]


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
    try:
        # Held by one process for good, so that a second writer is refused here, too.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _synchronise(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
