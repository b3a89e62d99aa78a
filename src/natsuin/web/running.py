"""A bound on the requests that the server works on at the same time."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from natsuin.errors import Busy
from natsuin.web.answers import problem_answer

_ALWAYS = "/healthz"
"""Answered at any time: a process that is busy is not one that should be started again."""


class RunningRequests:
    """Answers 503 when too many requests are under way.

    A request that waits for its client, to send the rest of its body or to take the answer, does not count: nobody
    keeps others out by being slow.
    """

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app = app
        self._most = most
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] == _ALWAYS:
            await self._app(scope, receive, send)
            return
        if self._running >= self._most:
            refusal = problem_answer(Busy("too many requests are under way"), scope)
            await refusal(scope, receive, send)
            return
        waits = 0

        def begin_wait() -> None:
            nonlocal waits
            waits += 1
            if waits == 1:
                self._running -= 1

        def end_wait() -> None:
            nonlocal waits
            waits -= 1
            if waits == 0:
                self._running += 1

        async def receive_uncounted() -> Message:
            begin_wait()
            try:
                return await receive()
            finally:
                end_wait()

        async def send_uncounted(message: Message) -> None:
            begin_wait()
            try:
                await send(message)
            finally:
                end_wait()

        self._running += 1
        try:
            await self._app(scope, receive_uncounted, send_uncounted)
        finally:
            self._running -= 1
