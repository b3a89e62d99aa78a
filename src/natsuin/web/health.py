"""Whether the process lives, and whether it can do its work now."""

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


class HealthChecks:
    """`/healthz` and `/readyz`."""

    def __init__(self, sam: Sam, database: Database, callers: Callers) -> None:
        self._sam = sam
        self._database = database
        self._callers = callers

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
        problems: list[str] = []
        try:
            await to_thread.run_sync(self._database.check)
        except NatsuinError:
            problems.append("database")
        try:
            report = await ask(self._sam, Health(), HealthReport)
            problems.extend(report.problems if not report.ready else ())
        except NatsuinError:
            problems.append("sam")
        return JSONResponse({"ready": not problems, "problems": problems}, status_code=503 if problems else 200)
