"""A limited number of places for slow work, given out in turn, so that nobody's work waits for all of another's."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from natsuin.errors import Busy


class FairPlaces:
    """`count` places. Each person has at most `each` at a time and `waiting` further requests in their own line, and at
    most `waiting_together` wait in all; a place that gets free goes to the person whose turn it is. For one event
    loop."""

    def __init__(self, count: int, *, each: int, waiting: int, waiting_together: int) -> None:
        self._free = count
        self._each = each
        self._waiting = waiting
        self._waiting_together = waiting_together
        self._held: dict[str, int] = {}
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """Who waits, in the order of turns; after a turn a person goes to the end."""

    @asynccontextmanager
    async def place_for(self, person: str) -> AsyncIterator[None]:
        """Hold a place during the block. Raises `Busy` when too many requests of this person, or of all, wait."""
        await self._take(person)
        try:
            yield
        finally:
            self._give_back(person)

    async def _take(self, person: str) -> None:
        if self._free and self._may_have_more(person):
            self._hold(person)
            return
        line = self._lines.get(person, deque())
        together = sum(len(one) for one in self._lines.values())
        if len(line) >= self._waiting or together >= self._waiting_together:
            raise Busy("Too many documents are being worked on.", hint="Try again in a moment.")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        self._lines[person] = line
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._leave(person, turn)
            else:
                # The place was given at the very moment at which the request was called off.
                self._give_back(person)
            raise

    def _may_have_more(self, person: str) -> bool:
        return self._held.get(person, 0) < self._each

    def _hold(self, person: str) -> None:
        self._free -= 1
        self._held[person] = self._held.get(person, 0) + 1

    def _give_back(self, person: str) -> None:
        self._free += 1
        self._held[person] -= 1
        if not self._held[person]:
            del self._held[person]
        self._next()

    def _leave(self, person: str, turn: "asyncio.Future[None]") -> None:
        line = self._lines[person]
        line.remove(turn)
        if not line:
            del self._lines[person]

    def _next(self) -> None:
        for person in tuple(self._lines):
            if not self._free:
                return
            if not self._may_have_more(person):
                continue
            line = self._lines[person]
            self._hold(person)
            line.popleft().set_result(None)
            if line:
                self._lines.move_to_end(person)
            else:
                del self._lines[person]
