"""Closing what a crash left open, before anything new is signed.

An intent without an outcome gets the outcome `unknown`: whether a signature was made is not known, and it was not
released. An outcome `signed` whose answer was never recorded gets an entry `undelivered`. Uses that were reserved are
consumed: their digests are never signed again, and an identical request is told to approve anew. A key that the log
says was suspended, resumed, revoked or destroyed is put into that state, whatever the database says.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin.errors import Tampered
from natsuin.key_management import MOVE_OF, Foundation, KeyMoves
from natsuin.signing.reservation import CONSUMED, RESERVED
from natsuin.signing.tables import log_mark, use
from natsuin.signing_log import SigningLog

_MARK = "closed"


@dataclass
class Unfinished:
    """What the log tells since the last time everything was closed: by tx, the index of its intent or signed
    outcome."""

    intents: dict[str, tuple[int, str]] = field(default_factory=dict)
    signed: dict[str, tuple[int, str]] = field(default_factory=dict)
    moves: list[dict[str, Any]] = field(default_factory=list)
    """Entries that tell of a key's state, in order."""


@dataclass(frozen=True)
class Closed:
    """How many of each kind were closed, and how many moves of keys were made good."""

    unknown: int
    undelivered: int
    never_begun: int
    moves: int = 0


def close_unfinished(foundation: Foundation, log: SigningLog) -> Closed:
    """Give every intent its outcome and every reserved use its end. Durable on return; running it twice changes
    nothing."""
    with foundation.database.read() as connection:
        mark = foundation.find(connection, log_mark, name=_MARK) or {"size": 0}
        reserved = connection.execute(sa.select(use).where(use.c.state == RESERVED)).mappings().all()
    open_uses = {row["tx"]: foundation.checked(use, row) for row in reserved}
    if mark["size"] > log.size:
        raise Tampered(
            "the database knows more of the signing log than there is",
            hint="The log was cut or replaced by an older one. Do not sign; tell the security officer.",
        )
    found = read_unfinished(log.entries(mark["size"]), reserved=open_uses.keys())
    moves = KeyMoves(foundation)
    made_good = sum(moves.make_good(entry) for entry in found.moves)
    unknown = 0
    for tx, (index, key) in found.intents.items():
        foundation.journal.submit("outcome", {"tx": tx, "key": key, "intent": index, "result": "unknown"}).result()
        unknown += 1
    undelivered = [tx for tx in found.signed if tx in open_uses]
    for tx in undelivered:
        index, key = found.signed[tx]
        foundation.journal.submit("undelivered", {"tx": tx, "key": key, "outcome": index}).result()
    _consume(foundation, open_uses.values(), log.size)
    begun = found.intents.keys() | found.signed.keys()
    return Closed(unknown, len(undelivered), len([tx for tx in open_uses if tx not in begun]), made_good)


def note_all_closed(foundation: Foundation, log: SigningLog) -> None:
    """After the last signature, at an orderly stop: the next start need not read what is in the log now."""
    with foundation.database.write() as connection:
        if connection.execute(sa.select(use.c.tx).where(use.c.state == RESERVED).limit(1)).first() is None:
            _mark(foundation, connection, log.size)


def read_unfinished(entries: Iterable[tuple[int, bytes]], *, reserved: Container[str]) -> Unfinished:
    """Intents without outcome among `entries`, and outcomes `signed` of uses that are still `reserved` (by tx)."""
    found = Unfinished()
    for index, leaf in entries:
        entry = msgspec.json.decode(leaf)
        if entry["type"] == "intent":
            found.intents[entry["tx"]] = (index, entry["key"])
        elif entry["type"] == "outcome":
            found.intents.pop(entry["tx"], None)
            if entry["result"] == "signed" and entry["tx"] in reserved:
                found.signed[entry["tx"]] = (index, entry["key"])
        elif entry["type"] == "undelivered":
            found.signed.pop(entry["tx"], None)
        elif entry["type"] in MOVE_OF:
            found.moves.append(entry)
    return found


def _consume(foundation: Foundation, rows: Iterable[dict[str, Any]], size: int) -> None:
    with foundation.database.write() as connection:
        for row in rows:
            foundation.update(connection, use, row, state=CONSUMED)
        _mark(foundation, connection, size)


def _mark(foundation: Foundation, connection: sa.Connection, size: int) -> None:
    connection.execute(log_mark.delete().where(log_mark.c.name == _MARK))
    foundation.insert(connection, log_mark, {"name": _MARK, "size": size})
