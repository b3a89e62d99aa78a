"""The web application: routes, and around them the layers that every request passes.

From outside to inside: `ClientAddress` (behind a proxy), `RequestLog` (number, log line, last resort),
`SecurityHeaders`, `RequestGuard` (host, source, size), `RunningRequests` (how many), `HotRoutes` (a short way), then
the routes, each with its access. All layers are pure ASGI.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Lifespan

from natsuin.clock import Clock
from natsuin.config import Config
from natsuin.errors import NatsuinError, NotFound, Refused
from natsuin.storage import Database
from natsuin.web.answers import problem_answer
from natsuin.web.document_work import DocumentWork
from natsuin.web.guard import RequestGuard
from natsuin.web.headers import SecurityHeaders
from natsuin.web.hot_routes import HotRoutes
from natsuin.web.limits import WebLimits
from natsuin.web.problems import InvalidFields, MethodNotAllowed
from natsuin.web.proxies import ClientAddress
from natsuin.web.request_log import RequestLog
from natsuin.web.running import RunningRequests
from natsuin.web.sam_calls import Sam
from natsuin.web.settings import settings_of
from natsuin.web.static_files import PortalFiles
from natsuin.web.view import ServiceView
from natsuin.web.wiring import Parts, assemble

HOUSEKEEPING_SECONDS = 30.0
NOTICES_SECONDS = 10.0
_log = structlog.get_logger("natsuin.web")


def create_app(
    config: Config,
    database: Database,
    sam: Sam,
    *,
    clock: Clock | None = None,
    work: DocumentWork | None = None,
    limits: WebLimits | None = None,
) -> FastAPI:
    """The application for one installation. `sam` is a `natsuin.sam.client.SamClient`; both are closed by the
    caller."""
    settings = settings_of(config, limits)
    parts = assemble(settings, database, sam, clock=clock, work=work)
    service = ServiceView(settings.name, settings.origin, settings.rp_id, settings.demo)
    app = FastAPI(
        title="Natsuin",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(parts),
        middleware=[
            Middleware(ClientAddress, proxies=settings.proxies),
            Middleware(RequestLog, service=service),
            Middleware(SecurityHeaders, https=settings.is_https),
            Middleware(RequestGuard, settings=settings, callers=parts.callers),
            Middleware(RunningRequests, most=settings.limits.running),
            Middleware(HotRoutes, routes=[route for route in parts.api.plain if route.path == "/api/signatures"]),
        ],
        exception_handlers={
            NatsuinError: _tell,
            RequestValidationError: _tell_fields,
            HTTPException: _tell_status,
        },
    )
    # In this order, because routes are tried one after the other: the hot call stands first.
    app.router.routes.extend((*parts.api.plain, *parts.plain_routes, Mount("/static", PortalFiles(), name="static")))
    app.include_router(parts.api.router)
    return app


def _lifespan(parts: Parts) -> Lifespan[FastAPI]:
    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        works = [_keep_house(parts), _keep_telling(parts)]
        works += [_keep_delivering(parts, way) for way in parts.telling.outbox.ways]
        keeping = [asyncio.create_task(work) for work in works]
        yield
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
        await to_thread.run_sync(parts.work.close)

    return run


async def _keep_house(parts: Parts) -> None:
    """Finish what was left unfinished, and delete what is over. A failure is tried again at the next round."""
    with suppress(NatsuinError):
        # Ready before the first document comes; if this fails, the first document tries again and tells.
        await to_thread.run_sync(parts.work.start)
    restarted = True
    while True:
        try:
            finished = await parts.signing.finish_all(restarted=restarted)
            restarted = False
            purged = await to_thread.run_sync(parts.sessions.purge)
            purged += await to_thread.run_sync(parts.sign_in_limits.purge)
            dropped = await to_thread.run_sync(parts.instructions.drop_expired) + await to_thread.run_sync(
                parts.applications.purge
            )
            forgotten = await parts.telling.purge()
            if finished or purged or dropped or forgotten:
                _log.info("housekeeping", finished=finished, purged=purged, dropped=dropped, forgotten=forgotten)
        except Exception as error:
            # Whatever it was: without these rounds nothing is finished or deleted until the next start.
            _log.warning("housekeeping-failed", code=_code_of(error))
        await asyncio.sleep(HOUSEKEEPING_SECONDS)


async def _keep_telling(parts: Parts) -> None:
    """Find what people must be told."""
    while True:
        try:
            if kept := await parts.telling.catch_up():
                _log.info("notices", kept=kept)
        except Exception as error:
            _log.warning("notices-failed", code=_code_of(error))
        await asyncio.sleep(NOTICES_SECONDS)


async def _keep_delivering(parts: Parts, way: str) -> None:
    """Send the notices that are due on one way. Whoever does not answer there holds up nothing else."""
    while True:
        try:
            if sent := await parts.telling.deliver(way):
                _log.info("notices-sent", way=way, sent=sent)
        except Exception as error:
            _log.warning("notices-failed", way=way, code=_code_of(error))
        await asyncio.sleep(NOTICES_SECONDS)


def _code_of(error: Exception) -> str:
    """What the log says of a failure: our own code, or the kind of a surprise, whose text may hold anything."""
    return error.code if isinstance(error, NatsuinError) else type(error).__name__


async def _tell(request: Request, error: Exception) -> Response:
    return problem_answer(error, request.scope)


async def _tell_fields(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    if any(entry["loc"][:1] == ("path",) for entry in found):
        return problem_answer(NotFound("there is no such thing"), request.scope)
    # Names of fields are ours or the sender's; values are never repeated.
    fields = {".".join(str(part) for part in entry["loc"][1:])[:80] or "body" for entry in found}
    return problem_answer(InvalidFields(tuple(sorted(fields))[:20]), request.scope)


async def _tell_status(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return problem_answer(NotFound("there is nothing at this address"), request.scope)
    if status == 405:
        return problem_answer(MethodNotAllowed("this address does not do that"), request.scope)
    return problem_answer(Refused("the request cannot be read"), request.scope)
