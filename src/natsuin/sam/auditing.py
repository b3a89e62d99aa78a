"""What an auditor reads of the signing log, and the entry that tells of each reading before its answer leaves.

Entries are led back to the signed checkpoint, each time they are read. What they commit to is told for single entries
that are named, and only where the opening opens the commitment.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import msgspec

from natsuin.errors import Busy, Malformed, NatsuinError, NotFound
from natsuin.key_management import Keys, Officers, opened_fields
from natsuin.sam.log_index import LogIndex, Wanted
from natsuin.sam.protocol import (
    Activity,
    ActivityCount,
    EntriesOpened,
    EntryOpening,
    LogEntry,
    LogFound,
    OpenEntries,
    ReadActivity,
    SearchLog,
)
from natsuin.sam.readings import Reading, Readings
from natsuin.signing_log import SigningLog

LONGEST_PAGE: Final = 100
LONGEST_FILE: Final = 10_000
"""Entries in one answer that is shown, and in one that is saved."""
LARGEST_ANSWER: Final = 8 * 1024 * 1024
"""Bytes of entries in one answer; a frame takes twice as much."""
MOST_DAYS: Final = 366
"""Days of activity in one answer."""
MOST_OPENED: Final = 50
"""Entries opened by one request."""
_AT_ONCE: Final = 250
_FILES: Final = frozenset({"", "csv", "jsonl"})
_MOST_KINDS: Final = 50
_MOST_PEOPLE: Final = 100
_LONGEST_TEXT: Final = 128
_LAST_MOMENT: Final = 253_402_300_800_000
"""The year 10000."""
_NEAR: Final = 512
"""Entries that are read on over, because finding the next place anew costs more."""


class _Committing(msgspec.Struct, frozen=True):
    tx: str = ""
    commitment: str = ""


_decode = msgspec.json.Decoder(_Committing).decode


@dataclass(frozen=True)
class Auditing:
    """Answers auditors. Safe from several threads; each answer's entry is durable before it is returned."""

    officers: Officers
    keys: Keys
    log: SigningLog

    @cached_property
    def readings(self) -> Readings:
        """Who may read just now."""
        return Readings(self.officers)

    @cached_property
    def index(self) -> LogIndex:
        """Where entries stand."""
        return LogIndex(self.officers.foundation, self.log)

    def search(self, message: SearchLog) -> LogFound:
        """A page of entries, or a file of them.

        Raises `Malformed`, `ReadingOver`, `Forbidden`, `Busy` after a start, `LogDamaged`.
        """
        _check_search(message)
        query = message.query
        reading = self.readings.take(message.reading, message.auditor_id)
        wanted = Wanted(
            query.since,
            query.until,
            query.kinds,
            query.key_id,
            query.user_ids,
            tuple(key.key_id for user_id in query.user_ids for key in self.keys.owned_by(user_id)),
            query.said,
        )
        asked = {name: value for name, value in msgspec.to_builtins(query).items() if value}
        if message.before:
            asked["before"] = message.before
        with self._noting_failure(reading, message.file or "search", asked):
            found = self.index.find(wanted, before=message.before, limit=message.limit)
            kinds, said = self.index.vocabulary()
            checkpoint = self.log.checkpoint
            entries = self._newest(found.places)
        return LogFound(
            entries=entries,
            matching=found.matching,
            more=found.more or len(entries) < len(found.places),
            checkpoint=checkpoint,
            noted=self._note(reading, message.file or "search", asked, len(entries)),
            kinds=kinds,
            said=said,
        )

    def activity(self, message: ReadActivity) -> Activity:
        """How much happened on each day. Raises as `search`, without `LogDamaged`."""
        if not (0 <= message.first_day <= _LAST_MOMENT // 86_400_000 and 1 <= message.days <= MOST_DAYS):
            raise Malformed("that is no time of at most 366 days")
        reading = self.readings.take(message.reading, message.auditor_id)
        asked = {"first_day": message.first_day, "days": message.days}
        with self._noting_failure(reading, "activity", asked):
            counts = tuple(
                ActivityCount(day=day, kind=kind, result=result, count=count)
                for day, kind, result, count in self.index.activity(message.first_day, message.days)
            )
        size, checkpoint = self.log.size, self.log.checkpoint
        noted = self._note(reading, "activity", asked, len(counts))
        return Activity(counts=counts, entries=size, checkpoint=checkpoint, noted=noted)

    def open(self, message: OpenEntries) -> EntriesOpened:
        """What entries commit to. Raises `NotFound` beyond the end of the log, and as `search`."""
        indices = message.indices
        if not 1 <= len(indices) <= MOST_OPENED or len(set(indices)) < len(indices) or min(indices) < 0:
            raise Malformed("1 to 50 different entries are opened at once")
        if max(indices) >= self.log.size:
            raise NotFound("the log has no entry of that index")
        reading = self.readings.take(message.reading, message.auditor_id, openings=len(indices))
        committing = {index: _committing(leaf) for index, leaf in self._read(indices)}
        with self.officers.foundation.database.read() as connection:
            asked = {one.tx: one.commitment for one in committing.values() if one.commitment}
            opened = opened_fields(connection, asked)
        noted = self._note(reading, "open", {"entries": list(indices)}, len(indices))
        return EntriesOpened(
            openings=tuple(_opening(index, committing[index], opened) for index in indices), noted=noted
        )

    def close(self) -> None:
        """Let go of the index."""
        self.index.close()

    def _newest(self, places: Sequence[int]) -> tuple[LogEntry, ...]:
        """The entries at `places`, newest first, as many as one answer holds."""
        entries, size = list[LogEntry](), 0
        for start in range(0, len(places), _AT_ONCE):
            for index, leaf in sorted(self._read(places[start : start + _AT_ONCE]), reverse=True):
                size += len(leaf)
                if size > LARGEST_ANSWER:
                    return tuple(entries)
                entries.append(LogEntry(index=index, leaf=leaf))
        return tuple(entries)

    def _read(self, places: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """The entries at `places`, in the order of the log, each led back to the signed root."""
        entries: Iterator[tuple[int, bytes]] = iter(())
        at = -1
        for place in sorted(places):
            if at < 0 or place - at > _NEAR:
                entries = self.log.entries(place)
            for found, leaf in entries:
                if found == place:
                    yield place, leaf
                    break
            at = place

    @contextmanager
    def _noting_failure(self, reading: Reading, what: str, query: Mapping[str, Any]) -> Iterator[None]:
        """Have an entry for what was asked and could not be answered, with the reason."""
        try:
            yield
        except Busy:
            # Who is told to ask again after a start was told nothing, and asks the same.
            raise
        except NatsuinError as error:
            self._note(reading, what, {**query, "failed": error.code}, 0)
            raise

    def _note(self, reading: Reading, what: str, query: Mapping[str, Any], count: int) -> int:
        """Write the entry of a reading; its index."""
        foundation = self.officers.foundation
        receipt = foundation.journal.record(
            "audit-read",
            public={"reading": what},
            private={"auditor": reading.auditor_id, "session": reading.name, "query": dict(query), "count": count},
        )
        return foundation.journal.log.place_of(receipt)


def _check_search(message: SearchLog) -> None:
    query = message.query
    if message.file not in _FILES or not 1 <= message.limit <= (LONGEST_FILE if message.file else LONGEST_PAGE):
        raise Malformed("a page has 1 to 100 entries, a file at most 10,000")
    if not all(0 <= moment <= _LAST_MOMENT for moment in (message.before, query.since, query.until)):
        raise Malformed("there is no such time or place")
    if len(query.kinds) > _MOST_KINDS or len(query.user_ids) > _MOST_PEOPLE:
        raise Malformed("too much is looked for at once", hint="Ask for at most 50 types and 100 accounts.")
    for text in (*query.kinds, query.key_id, *query.user_ids, query.said):
        if len(text) > _LONGEST_TEXT or not text.isascii() or not text.isprintable():
            raise Malformed("what is looked for has at most 128 plain characters")


def _committing(leaf: bytes) -> _Committing:
    try:
        return _decode(leaf)
    except msgspec.MsgspecError:
        return _Committing()


def _opening(index: int, entry: _Committing, opened: Mapping[str, bytes]) -> EntryOpening:
    if not entry.commitment:
        return EntryOpening(index=index, state="none")
    fields = opened.get(entry.tx)
    if fields is None:
        return EntryOpening(index=index, state="gone")
    return EntryOpening(index=index, state="opened", fields=fields)
