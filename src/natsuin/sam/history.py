"""What the signing log tells about one person: their registration, and every event of every key they have or had.

The log itself is read, not a table beside it, so that nothing can be in one and not in the other. Where its entries
about a key stand is remembered in memory, 8 bytes each, and caught up with at each question.
"""

import threading
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

import msgspec
import sqlalchemy as sa

from natsuin.errors import Busy, Malformed
from natsuin.key_management import Foundation, Keys, log_opening
from natsuin.sam.protocol import Event, Events, ListEvents, ListNews, News, NewsPage
from natsuin.signing_log import SigningLog

LONGEST_PAGE = 200
MOST_NEWS = 1000
MOST_AT_ONCE = 100_000
"""So many entries are read for one question, which takes some seconds; after a start of a long log people ask again."""
_OF_PERSONS = frozenset(
    {
        "enrolment-approved",
        "enrolment-approval-refused",
        "enrolment-refused",
        "replacement-proposed",
        "replacement-begun",
        "replacement-completed",
        "replacement-cancelled",
        "replacement-refused",
    }
)
"""Entries without a key: whom they are about stands only in what they commit to."""
_LEFT_OUT = frozenset({"intent"})
"""Every intent has an outcome, which tells the same and more."""


class _Public(msgspec.Struct, frozen=True):
    """The fields of an entry that are told. Other fields are passed over."""

    type: str
    time: int
    key: str = ""
    tx: str = ""
    reason: str = ""
    result: str = ""


class _Committed(msgspec.Struct, frozen=True):
    """The fields of an opening that are told."""

    user: str = ""
    instruction: str = ""
    slot: str = ""
    tries_left: int = -1


_decode = msgspec.json.Decoder(_Public).decode
_decode_opening = msgspec.json.Decoder(_Committed).decode


@dataclass(frozen=True)
class History:
    """Answers `ListEvents` and `ListNews`. Reads only; safe from several threads."""

    foundation: Foundation
    keys: Keys
    log: SigningLog
    _places: "dict[str, array[int]]" = field(default_factory=dict)
    _read: "list[int]" = field(default_factory=lambda: [0])
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def events(self, message: ListEvents) -> Events:
        """The newest events below index `before` (0: of all), newest first. Raises `Malformed`, and `Busy` while much
        of the log is still to be read after a start."""
        if not 1 <= message.limit <= LONGEST_PAGE or message.before < 0:
            raise Malformed("a page has 1 to 200 events")
        self._catch_up()
        owned = [key.key_id for key in self.keys.owned_by(message.user_id)]
        names = [_of_person(message.user_id), *map(_of_key, owned)]
        found = [index for name in names for index in self._places.get(name, ())]
        wanted = sorted((index for index in found if not message.before or index < message.before), reverse=True)
        page = wanted[: message.limit]
        return Events(events=tuple(self._told(page)), more=len(wanted) > len(page))

    def news(self, message: ListNews) -> NewsPage:
        """What entries from `since` on tell about people's keys, oldest first. Raises `Malformed`."""
        if not 1 <= message.limit <= MOST_NEWS or message.since < 0:
            raise Malformed("a page of news is of 1 to 1000 entries")
        size = self.log.size
        entries = islice(self.log.entries(message.since), message.limit) if message.since < size else ()
        decoded = {index: _decode(entry) for index, entry in entries}
        about = {index: entry for index, entry in decoded.items() if entry.key and entry.type not in _LEFT_OUT}
        owners = self.keys.owners({entry.key for entry in about.values()})
        news = tuple(
            News(event=event, user_id=owners[event.key_id].user_id, one_time=owners[event.key_id].one_time)
            for event in self._events(about)
            if event.key_id in owners
        )
        return NewsPage(news=news, reached=max(decoded, default=size - 1) + 1, size=size)

    def entries_about(self, key_id: str) -> list[int]:
        """Where everything that the log has about a key stands, oldest first. Raises `Busy` as `events` does."""
        self._catch_up()
        return sorted(index for name in (_of_key(key_id), _uses_of(key_id)) for index in self._places.get(name, ()))

    def _catch_up(self) -> None:
        """Read what the log holds beyond what was read. One thread at a time, and none waits for another."""
        if self._read[0] >= self.log.size:
            return
        if not self._reading.acquire(blocking=False):
            raise _reading()
        try:
            entries = islice(self.log.entries(self._read[0]), MOST_AT_ONCE)
            for index, entry in entries:
                self._note(index, _decode(entry))
                self._read[0] = index + 1
        finally:
            self._reading.release()
        if self._read[0] < self.log.size:
            raise _reading()

    def _note(self, index: int, entry: _Public) -> None:
        name = ""
        if entry.key and entry.type in _LEFT_OUT:
            name = _uses_of(entry.key)
        elif entry.key:
            name = _of_key(entry.key)
        elif entry.type in _OF_PERSONS:
            name = _of_person(self._openings([entry.tx]).get(entry.tx, _Committed()).user)
        if name:
            self._places.setdefault(name, array("Q")).append(index)

    def _told(self, indices: Iterable[int]) -> list[Event]:
        return self._events({index: _decode(next(self.log.entries(index))[1]) for index in indices})

    def _events(self, entries: Mapping[int, _Public]) -> list[Event]:
        openings = self._openings([entry.tx for entry in entries.values() if entry.tx])
        events = []
        for index, entry in entries.items():
            opening = openings.get(entry.tx, _Committed())
            events.append(
                Event(
                    index=index,
                    time=entry.time,
                    kind=entry.type,
                    key_id=entry.key,
                    reason=entry.reason,
                    result=entry.result,
                    instruction_id=opening.instruction,
                    secret=opening.slot,
                    tries_left=opening.tries_left,
                )
            )
        return events

    def _openings(self, names: list[str]) -> dict[str, _Committed]:
        """What was committed to, as far as it was not erased."""
        with self.foundation.database.read() as connection:
            query = sa.select(log_opening.c.tx, log_opening.c.fields).where(log_opening.c.tx.in_(names))
            return {tx: _decode_opening(fields) for tx, fields in connection.execute(query)}


def _of_key(key_id: str) -> str:
    return f"key {key_id}"


def _uses_of(key_id: str) -> str:
    return f"uses {key_id}"


def _of_person(user_id: str) -> str:
    return f"person {user_id}"


def _reading() -> Busy:
    return Busy("the log is being read after a start", hint="Try again in a moment.")
