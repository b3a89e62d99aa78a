"""Bodies of requests as they come: counted, limited, and not waited for without end."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import Message, Receive

from natsuin.errors import Busy, TooLarge
from natsuin.web.limits import WebLimits
from natsuin.web.problems import RequestTimeout


class Budget:
    """How many bytes of bodies may be under way, in all and of each sender. Changed from the event loop only."""

    def __init__(self, total: int, *, each: int) -> None:
        self._total = total
        self._each = each
        self._held: Counter[str] = Counter()
        self._sum = 0

    def take(self, who: str, size: int) -> None:
        """Count bytes in. Raises `Busy` if that is too much; they are counted nevertheless, until given back."""
        self._held[who] += size
        self._sum += size
        if self._sum > self._total or self._held[who] > self._each:
            raise Busy("too many large requests are under way")

    def give_back(self, who: str, size: int) -> None:
        """Count bytes out."""
        self._sum -= size
        self._held[who] -= size
        if not self._held[who]:
            del self._held[who]


@dataclass(frozen=True)
class Share:
    """Whose bytes they are, and in which budget they count."""

    budget: Budget
    who: str


class Body:
    """The body of one request. `share` says in which budget it counts, asked once it is larger than what is free."""

    def __init__(
        self, receive: Receive, *, most: int, limits: WebLimits, share: Callable[[], Awaitable[Share]]
    ) -> None:
        self._receive = receive
        self._most = most
        self._limits = limits
        self._ask_share = share
        self._share: Share | None = None
        self._received = 0
        self._counted = 0
        self._waited = 0.0
        self.complete = False
        """Whether all of it has come."""

    async def read(self) -> Message:
        """The next message. Raises `TooLarge`, `RequestTimeout`, `Busy`."""
        if self.complete:
            # What may still come is the news that the client went away, which takes as long as it takes.
            return await self._receive()
        message = await self._next()
        self._received += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        if self._received > self._most:
            raise too_large(self._most)
        uncounted = self._received - self._limits.free_body_bytes - self._counted
        if uncounted > 0:
            if self._share is None:
                self._share = await self._ask_share()
            self._counted += uncounted
            self._share.budget.take(self._share.who, uncounted)
        return message

    def release(self) -> None:
        """The request is over: give back what was counted."""
        if self._share is not None:
            self._share.budget.give_back(self._share.who, self._counted)
            self._counted = 0

    async def _next(self) -> Message:
        # Only the time spent waiting for the client counts, not what the server does in between.
        limits, now = self._limits, asyncio.get_running_loop().time
        allowed = limits.body_grace_seconds + self._received / limits.body_bytes_per_second - self._waited
        begun = now()
        try:
            async with asyncio.timeout(min(limits.stall_seconds, max(0.0, allowed))):
                return await self._receive()
        except TimeoutError as cause:
            raise RequestTimeout("the rest of the request did not come in time") from cause
        finally:
            self._waited += now() - begun


def too_large(limit: int) -> TooLarge:
    """What a body above `limit` bytes is refused with."""
    return TooLarge(f"the body is larger than the {limit // 1024} KiB that are taken here")
