"""Where entries of the signing log stand by time, type, key, person, result and reason.

Made from the log itself at each start of sam and caught up with at each question, in a temporary database of SQLite
that no other process can open and that the kernel deletes with this process; about 70 bytes an entry and 200 for each
account that an opening names, of which 16 MB are kept in memory. It only says where to look: what is told is read from
the log again. Whom an opening names is kept as a hash under a key of this process, until the log says that the opening
was erased.
"""

import hashlib
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec

from natsuin.errors import Busy, Unavailable
from natsuin.key_management import Foundation, opened_fields
from natsuin.signing_log import SigningLog

MOST_AT_ONCE: Final = 100_000
"""So many entries are read for one question, which takes some seconds; after a start of a long log people ask again."""
_BATCH: Final = 500
_DAY_MS: Final = 24 * 3600 * 1000
_MOST_WORDS: Final = 500
_MOST_WORDS_KEPT: Final = 50_000
_WAIT_SECONDS: Final = 5.0
_ERASURE: Final = "erasure"

_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA cache_size = -16384;
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE entry (place INTEGER PRIMARY KEY, time INTEGER, kind INTEGER, key INTEGER, result INTEGER, reason INTEGER);
CREATE INDEX entry_time ON entry (time);
CREATE INDEX entry_kind ON entry (kind, place);
CREATE INDEX entry_key ON entry (key, place);
CREATE TABLE named (who TEXT, place INTEGER, tx TEXT);
CREATE INDEX named_who ON named (who, place);
CREATE INDEX named_tx ON named (tx);
CREATE TABLE saying (word INTEGER PRIMARY KEY);
CREATE TABLE activity (day INTEGER, kind INTEGER, result INTEGER, number INTEGER, PRIMARY KEY (day, kind, result))
    WITHOUT ROWID;
"""
_WORDS: Final = "SELECT id FROM word WHERE text IN (SELECT value FROM json_each(?))"


class _Entry(msgspec.Struct, frozen=True):
    """What is looked for. Other fields are passed over, and a field of another shape is none."""

    type: str = ""
    time: int = 0
    key: str = ""
    tx: str = ""
    commitment: str = ""
    result: str = ""
    reason: str = ""
    openings: tuple[str, ...] = ()
    """Of an entry of an erasure."""


class _Naming(msgspec.Struct, frozen=True):
    """The committed fields that hold an account's id."""

    user: str = ""
    officer: str = ""
    auditor: str = ""
    officers: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(_Entry).decode
_decode_naming = msgspec.json.Decoder(_Naming).decode


@dataclass(frozen=True)
class Wanted:
    """Which entries; what is empty or 0 does not matter. Times in milliseconds; `keys` are the keys of `people`."""

    since: int = 0
    until: int = 0
    kinds: tuple[str, ...] = ()
    key: str = ""
    people: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    said: str = ""


@dataclass(frozen=True)
class Places:
    """Newest first; `matching` of all that fit, `more` below the last."""

    places: tuple[int, ...]
    matching: int
    more: bool


class LogIndex:
    """The index. Safe from several threads, which wait for each other except while much is being read."""

    def __init__(self, foundation: Foundation, log: SigningLog) -> None:
        self._foundation = foundation
        self._log = log
        self._read = 0
        self._hash_key = os.urandom(32)
        self._lock = threading.Lock()
        self._words: dict[str, int] = {}
        self._connection: sqlite3.Connection | None = None

    def find(self, wanted: Wanted, *, before: int, limit: int) -> Places:
        """The newest `limit` places below `before` (0: of all). Raises `Busy` after a start, `Unavailable`."""
        with self._caught_up() as connection:
            where, values = self._condition(wanted)
            # What is put together are column names of this file; every value is bound.
            ((matching,),) = connection.execute(f"SELECT count(*) FROM entry WHERE {where}", values)  # noqa: S608
            query = f"SELECT place FROM entry WHERE {where} AND place < ? ORDER BY place DESC LIMIT ?"  # noqa: S608
            below = before or self._read
            found = [place for (place,) in connection.execute(query, (*values, below, limit + 1))]
        return Places(tuple(found[:limit]), matching, len(found) > limit)

    def activity(self, first_day: int, days: int) -> list[tuple[int, str, str, int]]:
        """Day (since 1970, UTC), type, result and number of entries, in order. Raises as `find`."""
        query = """
            SELECT day, kinds.text, results.text, number FROM activity
            JOIN word AS kinds ON kinds.id = kind JOIN word AS results ON results.id = result
            WHERE day >= ? AND day < ? ORDER BY day, kinds.text, results.text"""
        with self._caught_up() as connection:
            return connection.execute(query, (first_day, first_day + days)).fetchall()

    def vocabulary(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Every type, and at most 500 results and reasons, that the log has. Raises as `find`."""
        with self._caught_up() as connection:
            kinds = connection.execute("SELECT DISTINCT text FROM activity JOIN word ON id = kind ORDER BY text")
            said = connection.execute(
                "SELECT text FROM saying JOIN word ON id = word ORDER BY text LIMIT ?", (_MOST_WORDS,)
            )
            return tuple(text for (text,) in kinds), tuple(text for (text,) in said)

    def close(self) -> None:
        """Let go of the temporary database. May be called again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection, self._read = None, 0

    @contextmanager
    def _caught_up(self) -> Iterator[sqlite3.Connection]:
        if not self._lock.acquire(timeout=_WAIT_SECONDS):
            raise _reading()
        try:
            if self._connection is None:
                self._words, self._read = {}, 0
                self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
                self._connection.executescript(_SCHEMA)
            self._catch_up(self._connection)
            yield self._connection
        except sqlite3.Error as error:
            # Half of a batch may be in it; the next question begins anew.
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            raise Unavailable(
                "the index of the log cannot be made", hint="Is there room for temporary files of SQLite?"
            ) from error
        finally:
            self._lock.release()

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        if self._read >= self._log.size:
            return
        entries = islice(self._log.entries(self._read), MOST_AT_ONCE)
        while batch := list(islice(entries, _BATCH)):
            decoded = [(place, _decoded(leaf)) for place, leaf in batch]
            named = self._named(decoded)
            connection.execute("BEGIN")
            self._take(connection, decoded)
            connection.executemany("INSERT INTO named VALUES (?, ?, ?)", named)
            erased = [(tx,) for _, entry in decoded if entry.type == _ERASURE for tx in entry.openings]
            connection.executemany("DELETE FROM named WHERE tx = ?", erased)
            connection.execute("COMMIT")
            self._read = batch[-1][0] + 1
        if self._read < self._log.size:
            raise _reading()

    def _take(self, connection: sqlite3.Connection, entries: Sequence[tuple[int, _Entry]]) -> None:
        rows, counted, said = [], Counter[tuple[int, int, int]](), set[tuple[int]]()
        for place, entry in entries:
            kind, key, result, reason = (
                self._word(connection, text) for text in (entry.type, entry.key, entry.result, entry.reason)
            )
            rows.append((place, entry.time, kind, key, result, reason))
            counted[entry.time // _DAY_MS, kind, result] += 1
            said.update((word,) for word, text in ((result, entry.result), (reason, entry.reason)) if text)
        connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.executemany("INSERT OR IGNORE INTO saying VALUES (?)", said)
        connection.executemany(
            "INSERT INTO activity VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET number = number + excluded.number",
            [(*what, number) for what, number in counted.items()],
        )

    def _named(self, entries: Sequence[tuple[int, _Entry]]) -> list[tuple[str, int, str]]:
        """Whom the openings of these entries name, hashed, with place and `tx`."""
        committed = {entry.tx: (place, entry.commitment) for place, entry in entries if entry.tx and entry.commitment}
        with self._foundation.database.read() as database:
            opened = opened_fields(database, {tx: commitment for tx, (_, commitment) in committed.items()})
        rows = []
        for tx, fields in opened.items():
            naming = _naming(fields)
            people = {naming.user, naming.officer, naming.auditor, *naming.officers} - {""}
            rows += [(self._hashed(user_id), committed[tx][0], tx) for user_id in people]
        return rows

    def _word(self, connection: sqlite3.Connection, text: str) -> int:
        known = self._words.get(text)
        if known is None:
            row = connection.execute("SELECT id FROM word WHERE text = ?", (text,)).fetchone()
            known = row[0] if row else connection.execute("INSERT INTO word (text) VALUES (?)", (text,)).lastrowid
            if len(self._words) < _MOST_WORDS_KEPT:
                self._words[text] = known or 0
        return known or 0

    def _condition(self, wanted: Wanted) -> tuple[str, tuple[Any, ...]]:
        parts, values = ["place < ?"], list[Any]([self._read])
        for condition, value in (("time >= ?", wanted.since), ("time < ?", wanted.until)):
            if value:
                parts.append(condition)
                values.append(value)
        if wanted.kinds:
            parts.append(f"kind IN ({_WORDS})")
            values.append(_json(wanted.kinds))
        if wanted.key:
            parts.append(f"key IN ({_WORDS})")
            values.append(_json([wanted.key]))
        if wanted.said:
            parts.append(f"(result IN ({_WORDS}) OR reason IN ({_WORDS}))")
            values += [_json([wanted.said])] * 2
        if wanted.people:
            named = "SELECT place FROM named WHERE who IN (SELECT value FROM json_each(?))"
            parts.append(f"(place IN ({named}) OR key IN ({_WORDS}))")
            values += [_json([self._hashed(one) for one in wanted.people]), _json(wanted.keys)]
        return " AND ".join(parts), tuple(values)

    def _hashed(self, user_id: str) -> str:
        return hashlib.blake2b(user_id.encode("utf-8", "surrogatepass"), key=self._hash_key, digest_size=16).hexdigest()


def _json(values: Sequence[str]) -> str:
    return msgspec.json.encode(values).decode()


def _decoded(leaf: bytes) -> _Entry:
    try:
        return _decode(leaf)
    except msgspec.MsgspecError:
        return _Entry()


def _naming(fields: bytes) -> _Naming:
    try:
        return _decode_naming(fields)
    except msgspec.MsgspecError:
        return _Naming()


def _reading() -> Busy:
    return Busy("the log is being read after a start", hint="Try again in a moment.")
