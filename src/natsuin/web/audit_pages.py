"""The auditor's pages: where a reading is begun, the search, and activity over time.

Nothing is shown without a reading that sam has opened; without one each page offers to begin it.
"""

from typing import Final

from starlette.requests import Request

from natsuin.clock import Clock, milliseconds
from natsuin.errors import NatsuinError, Tampered
from natsuin.web.activity import HEIGHT, WIDTH, activity_view
from natsuin.web.callers import Access, Callers
from natsuin.web.log_reading import LARGEST_FILE, LogReading, Wish, entry_view
from natsuin.web.pages import Context, Page

SPANS: Final = (30, 90, 364)
_DAY_MS: Final = 24 * 3600 * 1000
_OVER: Final = "reading_over"


class AuditPages:
    """Makes them."""

    def __init__(self, log: LogReading, callers: Callers, clock: Clock) -> None:
        self._log = log
        self._callers = callers
        self._clock = clock

    def pages(self) -> tuple[Page, ...]:
        """All of them."""
        return (
            Page("/auditor", "auditor", Access.AUDITOR, self._start),
            Page("/auditor/log", "audit_log", Access.AUDITOR, self._search),
            Page("/auditor/activity", "audit_activity", Access.AUDITOR, self._activity),
        )

    async def _start(self, request: Request) -> Context:
        return _begin("/auditor/log")

    async def _search(self, request: Request) -> Context:
        wish = Wish.read(request.query_params)
        reading = self._callers.reading_of(request)
        if not reading:
            return _begin(f"/auditor/log?{wish.address()}")
        try:
            found = await self._log.search(request.state.caller.user_id, reading, wish)
        except Tampered:
            return _found(wish) | {"damaged": True}
        except NatsuinError as error:
            if error.code != _OVER:
                raise
            return _begin(f"/auditor/log?{wish.address()}", over=True)
        if found is None:
            return _found(wish)
        entries = [entry_view(entry) for entry in found.entries]
        return _found(wish) | {
            "found": found,
            "entries": entries,
            "older": wish.address(before=entries[-1].index) if found.more and entries else "",
            "private": [entry.index for entry in entries if entry.private],
        }

    async def _activity(self, request: Request) -> Context:
        asked = request.query_params.get("days", "")
        days = int(asked) if asked in map(str, SPANS) else SPANS[0]
        first_day = milliseconds(self._clock.now()) // _DAY_MS - days + 1
        reading, here = self._callers.reading_of(request), f"/auditor/activity?days={days}"
        if not reading:
            return _begin(here)
        try:
            told = await self._log.activity(request.state.caller.user_id, reading, first_day=first_day, days=days)
        except NatsuinError as error:
            if error.code != _OVER:
                raise
            return _begin(here, over=True)
        return {
            "view": activity_view(told.counts, first_day=first_day, days=days),
            "told": told,
            "days": days,
            "spans": SPANS,
            "width": WIDTH,
            "height": HEIGHT,
            "kept": f"&days={days}",
        }


def _begin(following: str, *, over: bool = False) -> Context:
    """The page on which a reading is begun, which then leads to `following`."""
    return {"template": "auditor", "next": following, "over": over}


def _found(wish: Wish) -> Context:
    """The page of the search, with nothing found."""
    return {
        "wish": wish,
        "found": None,
        "entries": [],
        "older": "",
        "private": [],
        "damaged": False,
        "address": wish.address(),
        "newest": wish.address(before=0),
        "largest_file": LARGEST_FILE,
        "kept": f"&{wish.address()}" if wish.address() else "",
    }
