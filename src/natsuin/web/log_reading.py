"""What an auditor sees of the signing log. sam finds it, verifies it and notes the reading in the log; here it is put
into the form of pages and files."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from anyio import to_thread
from starlette.datastructures import QueryParams

from natsuin.sam.protocol import Activity, LogEntry, LogFound, LogQuery, ReadActivity, SearchLog
from natsuin.storage import Database
from natsuin.user_management import names_of, people_named
from natsuin.web.sam_calls import Sam, ask

PAGE: Final = 50
LARGEST_FILE: Final = 10_000
_MOST_PEOPLE: Final = 100
_LONGEST: Final = 128
_LONGEST_INDEX: Final = 15
_YEAR_10000: Final = 253_402_300_800_000


@dataclass(frozen=True)
class Wish:
    """What the auditor typed, as it stands in the address: days as YYYY-MM-DD in UTC, the last one included."""

    first: str = ""
    last: str = ""
    kind: str = ""
    key: str = ""
    person: str = ""
    said: str = ""
    before: int = 0

    @classmethod
    def read(cls, query: QueryParams) -> "Wish":
        """What can be read of an address; the rest is as if it were not there."""
        days = {name: query.get(name, "") for name in ("first", "last")}
        words = {name: query.get(name, "").strip()[:_LONGEST] for name in ("kind", "key", "person", "said")}
        before = query.get("before", "")
        number = int(before) if before.isascii() and before.isdigit() and len(before) <= _LONGEST_INDEX else 0
        return cls(
            **{name: value for name, value in days.items() if _day(value) is not None},
            **{name: value for name, value in words.items() if name == "person" or _plain(value)},
            before=number,
        )

    def address(self, **changes: Any) -> str:
        """The query part of the address, without its question mark."""
        return urlencode({name: value for name, value in (vars(self) | changes).items() if value})

    def query(self, people: tuple[str, ...]) -> LogQuery:
        """What sam is asked."""
        first, last = _day(self.first), _day(self.last)
        return LogQuery(
            since=_milliseconds(first) if first else 0,
            until=_milliseconds(last + timedelta(days=1)) if last and last < date.max else 0,
            kinds=(self.kind,) if self.kind else (),
            key_id=self.key,
            user_ids=people,
            said=self.said,
        )


NOBODY = "(no account of that name)"
"""Stands for an account where the register knows no name; no account is called so."""


@dataclass(frozen=True)
class EntryView:
    """One entry. `time` in milliseconds, None if it has none that can be shown; `text` is its JSON, indented."""

    index: int
    time: int | None
    kind: str
    key: str
    said: str
    private: bool
    text: str


class LogReading:
    """Asks sam for auditors. For one event loop."""

    def __init__(self, sam: Sam, *, database: Database) -> None:
        self._sam = sam
        self._database = database

    async def search(
        self, auditor_id: str, reading: bytes, wish: Wish, *, limit: int = PAGE, file: str = ""
    ) -> LogFound | None:
        """The entries that fit, newest first; None where nobody is known by the name that is looked for.

        Raises what sam raises.
        """
        people: tuple[str, ...] = ()
        if wish.person:
            people = await to_thread.run_sync(self._people, wish.person)
        unknown = bool(wish.person) and not people
        asked = SearchLog(
            auditor_id=auditor_id,
            reading=reading,
            query=wish.query((NOBODY,) if unknown else people),
            before=wish.before,
            limit=limit,
            file=file,
        )
        # Asked for nobody, too, so that sam's entry tells of every search.
        found = await ask(self._sam, asked, LogFound)
        return None if unknown else found

    async def activity(self, auditor_id: str, reading: bytes, *, first_day: int, days: int) -> Activity:
        """How much happened. Raises what sam raises."""
        asked = ReadActivity(auditor_id=auditor_id, reading=reading, first_day=first_day, days=days)
        return await ask(self._sam, asked, Activity)

    async def names(self, openings: Iterable[Mapping[str, Any] | None]) -> dict[str, str]:
        """The names that the register has for the accounts in what was opened: web's word, not the log's."""
        values = [value for fields in openings for value in (fields or {}).values()]
        single = [one for value in values for one in (value if isinstance(value, list) else [value])]
        ids = {one for one in single if isinstance(one, str) and len(one) <= _LONGEST}

        def look_up() -> dict[str, str]:
            with self._database.read() as connection:
                return names_of(connection, ids)

        return await to_thread.run_sync(look_up)

    def _people(self, words: str) -> tuple[str, ...]:
        with self._database.read() as connection:
            found = people_named(connection, words, most=_MOST_PEOPLE - 1)
        # An account may be named by its id, also one that only sam knows.
        return (*found, words) if _plain(words) else found


def entry_view(entry: LogEntry) -> EntryView:
    """An entry for a page. Whatever its fields hold, the text shows all of it."""
    content = content_of(entry)
    moment = content.get("time")
    said = " ".join(_shown(content[name]) for name in ("result", "reason") if content.get(name))
    return EntryView(
        index=entry.index,
        time=moment if isinstance(moment, int) and 0 <= moment < _YEAR_10000 else None,
        kind=_shown(content.get("type", "")),
        key=_shown(content.get("key", "")),
        said=said,
        private=isinstance(content.get("commitment"), str),
        # ASCII only, so that no text in an entry can turn the direction of what stands around it.
        text=json.dumps(content, indent=2, sort_keys=True) if content else ascii(entry.leaf),
    )


def content_of(entry: LogEntry) -> dict[str, Any]:
    """The fields of an entry; empty for one that is no JSON object, which sam writes none of."""
    try:
        content = json.loads(entry.leaf)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if _plain(text) else json.dumps(text)[1:-1]


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text) if len(text) == len("2000-01-01") else None
    except ValueError:
        return None
    return found if found is not None and found.year >= 1970 else None


def _milliseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
