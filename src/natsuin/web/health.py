"""Whether the process lives, and whether it can do its work now."""

import asyncio
import time

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute

from natsuin.errors import NatsuinError
from natsuin.sam.protocol import Health, HealthReport
from natsuin.storage import Database
from natsuin.web.callers import Access, Callers
from natsuin.web.routing import PlainRoute
from natsuin.web.sam_calls import Sam, ask

_Found = tuple[tuple[str, ...], tuple[str, ...]]
"""Problems, for which nothing can be signed now, and warnings, in spite of which it can."""
_PATIENCE_SECONDS = 5.0
"""A sam that takes longer for this is not ready."""


class HealthChecks:
    """`/healthz` and `/readyz`. However often it is asked, `/readyz` asks sam about once in `remember_seconds`."""

    def __init__(self, sam: Sam, database: Database, callers: Callers, *, remember_seconds: float) -> None:
        self._sam = sam
        self._database = database
        self._callers = callers
        self._remember_seconds = remember_seconds
        self._known: tuple[float, _Found] | None = None
        self._asking = asyncio.Lock()

    def routes(self) -> list[BaseRoute]:
        """The routes, open to everyone; they say nothing but which part is not ready."""
        return [
            PlainRoute("/healthz", self.live, "GET", access=Access.PUBLIC, callers=self._callers),
            PlainRoute("/readyz", self.ready, "GET", access=Access.PUBLIC, callers=self._callers),
        ]

    async def live(self, request: Request) -> Response:
        """This process answers."""
        return PlainTextResponse("ok\n")

    async def ready(self, request: Request) -> Response:
        """The database and sam answer too, and sam can sign."""
        problems, warnings = await self._found()
        answer: dict[str, object] = {"ready": not problems, "problems": list(problems)}
        if warnings:
            answer["warnings"] = list(warnings)
        return JSONResponse(answer, status_code=503 if problems else 200)

    async def _found(self) -> _Found:
        known = self._known
        if known is not None and (self._asking.locked() or self._is_fresh(known)):
            return known[1]
        async with self._asking:
            if self._known is None or not self._is_fresh(self._known):
                self._known = (time.monotonic(), await self._ask())
            return self._known[1]

    def _is_fresh(self, known: tuple[float, _Found]) -> bool:
        return time.monotonic() - known[0] < self._remember_seconds

    async def _ask(self) -> _Found:
        problems: list[str] = []
        warnings: tuple[str, ...] = ()
        try:
            await to_thread.run_sync(self._database.check)
        except NatsuinError:
            problems.append("database")
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                report = await ask(self._sam, Health(), HealthReport)
            problems.extend(report.problems if not report.ready else ())
            warnings = report.warnings
        except (NatsuinError, TimeoutError):
            problems.append("sam")
        return tuple(problems), warnings
