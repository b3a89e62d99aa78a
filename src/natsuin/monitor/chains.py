"""The chains of keys, followed with the newest place of each key in the monitor's memory: as flat for ten million keys
as for ten."""

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence

from natsuin.monitor.entries import harmless
from natsuin.monitor.rules import Found
from natsuin.signing_log import ChainBroken, ChainReader


def follow_chains(
    connection: sqlite3.Connection, log: str, first: int, contents: Sequence[bytes], keys: Sequence[str | None]
) -> list[Found]:
    """Take the entries from index `first` on, each about the key in `keys`; answers with the gaps found.

    After a gap a key's chain is followed from the place that the entry itself claims.
    """
    names = {key for key in keys if key is not None}
    before = _recall(connection, log, names)
    reader = ChainReader(before, entries=first)
    try:
        reader.read(first, contents)
        gaps: list[Found] = []
    except ChainBroken:
        reader, gaps = _one_by_one(ChainReader(before, entries=first), first, contents, keys)
    after = reader.standing()[1]
    for name in names:
        row = (log, _row_of(name))
        if name not in after:
            connection.execute("DELETE FROM head WHERE log = ? AND key = ?", row)
        elif after[name] != before.get(name):
            connection.execute("INSERT OR REPLACE INTO head VALUES (?, ?, ?)", (*row, after[name]))
    return gaps


def _one_by_one(
    reader: ChainReader, first: int, contents: Sequence[bytes], keys: Sequence[str | None]
) -> tuple[ChainReader, list[Found]]:
    gaps = []
    for index, (content, key) in enumerate(zip(contents, keys, strict=True), first):
        try:
            reader.read(index, [content])
        except ChainBroken:
            shown = harmless(key or "")
            gaps.append(Found("chain-broken", shown, index, None, {"key": shown}))
            heads = dict(reader.standing()[1])
            heads.pop(key or "", None)
            reader = ChainReader(heads | _claimed(index, content), entries=index + 1)
    return reader, gaps


def _claimed(index: int, content: bytes) -> dict[str, bytes]:
    """The place that an entry says it has; nothing when that is no place."""
    believing = ChainReader({}, entries=index, since=1)
    try:
        believing.read(index, [content])
    except ChainBroken:
        return {}
    return dict(believing.standing()[1])


def _recall(connection: sqlite3.Connection, log: str, names: Iterable[str]) -> dict[str, bytes]:
    found = {}
    for name in names:
        row = connection.execute("SELECT head FROM head WHERE log = ? AND key = ?", (log, _row_of(name))).fetchone()
        if row is not None:
            found[name] = row["head"]
    return found


def _row_of(name: str) -> bytes:
    """A key in the memory: as long for every name, since names in a hostile log may be."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
