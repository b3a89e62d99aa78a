"""Closing what a crash left open, before anything new is signed.

An intent without an outcome gets the outcome `unknown`: whether a signature was made is not known, and it was not
released. An outcome `signed` whose answer was never recorded gets an entry `undelivered`. Uses that were reserved are
consumed: their digests are never signed again, and an identical request is told to approve anew. A key that the log
says was suspended, resumed, revoked or destroyed is put into that state, whatever the database says. A database that is
older than the log is noticed, and gives nothing back (`natsuin.signing.roll_back`), and what the log says is erased is
erased in it.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin import faults
from natsuin.errors import Tampered
from natsuin.key_management import (
    CHANGES,
    MOVE_OF,
    Foundation,
    KeyMoves,
    RowSealer,
    WrappingKeys,
    forget_openings,
    make_cancellation_good,
)
from natsuin.signing.roll_back import Missed, catch_up
from natsuin.signing.tables import CONSUMED, RESERVED, log_mark, use
from natsuin.signing_log import SigningLog
from natsuin.storage import Database

_MARK = "closed"
_PUT_BACK = "put-back"
"""The mark of a database that was found to be older, until the log tells of it; its size is what it knew."""


@dataclass
class Unfinished:
    """What the log tells since the last time everything was closed: by tx, the place of its intent or signed
    outcome."""

    intents: dict[str, tuple[int, str]] = field(default_factory=dict)
    signed: dict[str, tuple[int, str]] = field(default_factory=dict)
    moves: list[dict[str, Any]] = field(default_factory=list)
    """Entries that tell of a key's state, in order."""
    cancelled: list[dict[str, Any]] = field(default_factory=list)
    """Entries that tell of a cancelled replacement of a lost passkey."""
    wrapping_keys: list[dict[str, Any]] = field(default_factory=list)
    """Entries that tell of the token's wrapping keys, in order."""
    erased: list[str] = field(default_factory=list)
    """Openings that the log says are erased, by tx."""


@dataclass(frozen=True)
class Closed:
    """How many of each kind were closed, and how many moves of keys were made good."""

    unknown: int
    undelivered: int
    never_begun: int
    moves: int = 0
    restored: bool = False
    """Whether this database is older than the log."""
    lost_keys: int = 0
    """Keys that the log tells of and an older database does not know."""


def close_unfinished(foundation: Foundation, log: SigningLog) -> Closed:
    """Give every intent its outcome and every reserved use its end. Durable on return; running it twice changes
    nothing."""
    with foundation.database.read() as connection:
        mark = foundation.find(connection, log_mark, name=_MARK) or {"size": 0}
        put_back = foundation.find(connection, log_mark, name=_PUT_BACK) is not None
        reserved = connection.execute(sa.select(use).where(use.c.state == RESERVED)).mappings().all()
    open_uses = {row["tx"]: foundation.checked(use, row) for row in reserved}
    if mark["size"] > log.size:
        raise Tampered(
            "the database knows more of the signing log than there is",
            hint="The log was cut or replaced by an older one. Do not sign; tell the security officer.",
        )
    missed = Missed(foundation)
    found = read_unfinished(missed.watch(log.entries(mark["size"])), reserved=open_uses.keys())
    moves = KeyMoves(foundation)
    made_good = sum(moves.make_good(entry) for entry in found.moves)
    for entry in found.cancelled:
        make_cancellation_good(foundation, entry)
    wrapping_keys = WrappingKeys(foundation.database, foundation.sealer, foundation.clock)
    for entry in found.wrapping_keys:
        wrapping_keys.make_good(entry)
    forget_openings(foundation.database, found.erased)
    unknown = 0
    for tx, (place, key) in found.intents.items():
        intent = log.index_of(place)
        foundation.journal.add("outcome", {"tx": tx, "key": key, "intent": intent, "result": "unknown"})
        unknown += 1
    # What an older database takes for open was finished long ago, and may well have been delivered.
    undelivered = [] if put_back or missed.older else [tx for tx in found.signed if tx in open_uses]
    for tx in undelivered:
        place, key = found.signed[tx]
        foundation.journal.add("undelivered", {"tx": tx, "key": key, "outcome": log.index_of(place)})
    _consume(foundation, open_uses.values(), missed, log.size)
    begun = found.intents.keys() | found.signed.keys()
    never_begun = len([tx for tx in open_uses if tx not in begun])
    restored = _tell_of_restoration(foundation, log.size)
    return Closed(unknown, len(undelivered), never_begun, made_good, restored, missed.lost_keys if restored else 0)


def note_all_closed(foundation: Foundation, log: SigningLog) -> None:
    """After the last signature, at an orderly stop: the next start need not read what is in the log now."""
    with foundation.database.write() as connection:
        if connection.execute(sa.select(use.c.tx).where(use.c.state == RESERVED).limit(1)).first() is None:
            _mark(foundation, connection, log.size)


def mark_put_back(database: Database, sealer: RowSealer, size: int) -> None:
    """Tell a DB-2 that it comes from a backup, with a log of `size` entries: the next start takes back what it would
    give back, even where the log that was restored with it knows of nothing newer."""
    with database.write() as connection:
        connection.execute(log_mark.delete().where(log_mark.c.name == _PUT_BACK))
        connection.execute(log_mark.insert(), sealer.sealed(log_mark, {"name": _PUT_BACK, "size": size}))


def read_unfinished(entries: Iterable[tuple[int, bytes]], *, reserved: Container[str]) -> Unfinished:
    """Intents without outcome among `entries`, and outcomes `signed` of uses that are still `reserved` (by tx)."""
    found = Unfinished()
    for place, leaf in entries:
        entry = msgspec.json.decode(leaf)
        if entry["type"] == "intent":
            found.intents[entry["tx"]] = (place, entry["key"])
        elif entry["type"] == "outcome":
            found.intents.pop(entry["tx"], None)
            if entry["result"] == "signed" and entry["tx"] in reserved:
                found.signed[entry["tx"]] = (place, entry["key"])
        elif entry["type"] == "undelivered":
            found.signed.pop(entry["tx"], None)
        elif entry["type"] in MOVE_OF:
            found.moves.append(entry)
        elif entry["type"] == "replacement-cancelled":
            found.cancelled.append(entry)
        elif entry["type"] in CHANGES:
            found.wrapping_keys.append(entry)
        elif entry["type"] == "erasure":
            found.erased += entry["openings"]
    return found


def _consume(foundation: Foundation, rows: Iterable[dict[str, Any]], missed: Missed, size: int) -> None:
    with foundation.database.write() as connection:
        for row in rows:
            foundation.update(connection, use, row, state=CONSUMED)
        put_back = foundation.find(connection, log_mark, name=_PUT_BACK)
        if missed.older or put_back is not None:
            # In the same transaction as the mark, because wrong tries must be counted once.
            catch_up(foundation, connection, missed)
            known = put_back["size"] if put_back is not None else missed.first
            _mark(foundation, connection, min(known, missed.first), name=_PUT_BACK)
        _mark(foundation, connection, size)


def _tell_of_restoration(foundation: Foundation, size: int) -> bool:
    """The entry about an older database, also when a crash came between noticing and telling."""
    with foundation.database.read() as connection:
        put_back = foundation.find(connection, log_mark, name=_PUT_BACK)
    if put_back is None:
        return False
    foundation.journal.record("database-restored", public={"known": put_back["size"], "size": size}, private={})
    faults.point("recovery.after_restored")
    with foundation.database.write() as connection:
        connection.execute(log_mark.delete().where(log_mark.c.name == _PUT_BACK))
    return True


def _mark(foundation: Foundation, connection: sa.Connection, size: int, *, name: str = _MARK) -> None:
    connection.execute(log_mark.delete().where(log_mark.c.name == name))
    foundation.insert(connection, log_mark, {"name": name, "size": size})
