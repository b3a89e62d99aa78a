"""Routes that cannot forget to ask who is calling: the access is part of adding a route, and is checked before the body
is read."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import Route

from natsuin.errors import Malformed
from natsuin.strict_json import parse_json
from natsuin.web.callers import Access, Callers
from natsuin.web.problems import UnsupportedMediaType
from natsuin.web.requests import media_type
from natsuin.web.view import Caller

ACCESS = "x-natsuin-access"
"""The member of a route's OpenAPI description that states its access."""
FRESH = "x-natsuin-fresh"
"""The member that says that the route asks for a fresh sign-in."""

Identifier = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")]


def caller_of(request: Request) -> Caller:
    """The caller of a route that is not public."""
    caller: Caller = request.state.caller
    return caller


SignedIn = Annotated[Caller, Depends(caller_of)]


class ApiRoutes:
    """Collects the routes of the JSON API. Each is given its access, and its body is read as strict JSON."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self.router = APIRouter(route_class=_route_class(callers))
        self.plain: list[PlainRoute] = []
        """Routes outside FastAPI, whose search for a route costs more than a hot call's own work."""

    def add(
        self,
        method: str,
        path: str,
        endpoint: Callable[..., Any],
        *,
        access: Access,
        status_code: int = 200,
        fresh: bool = False,
    ) -> None:
        """Serve `method path` by `endpoint`, for callers with `access`; with `fresh` only if their sign-in is fresh."""
        self.router.add_api_route(
            path,
            endpoint,
            methods=[method],
            status_code=status_code,
            openapi_extra={ACCESS: access.value} | ({FRESH: True} if fresh else {}),
            response_model=None,
        )

    def add_plain(
        self,
        method: str,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        *,
        access: Access,
    ) -> None:
        """Serve a route that reads its own body: raw bytes, or a hot call that decodes with msgspec."""
        self.plain.append(PlainRoute(path, endpoint, method, access=access, callers=self._callers))


class PlainRoute(Route):
    """A Starlette route with an access."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        method: str,
        *,
        access: Access,
        callers: Callers,
    ) -> None:
        self.access = access

        async def guarded(request: Request) -> Response:
            request.scope["route"] = self
            request.state.caller = await callers.require(request, access)
            return await endpoint(request)

        self.answer = guarded
        super().__init__(path, guarded, methods=[method], name=getattr(endpoint, "__name__", path))


def _route_class(callers: Callers) -> type[APIRoute]:
    class GuardedRoute(APIRoute):
        """A FastAPI route that asks for the caller's right first and parses JSON strictly."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """The handler, with both checks in front."""
            inner = super().get_route_handler()
            access = Access((self.openapi_extra or {})[ACCESS])
            fresh = FRESH in (self.openapi_extra or {})
            reads_body = self.body_field is not None

            async def handle(request: Request) -> Response:
                request.state.caller = await callers.require(request, access)
                if fresh:
                    callers.require_fresh(request.state.caller)
                if reads_body:
                    await _read_strictly(request)
                return await inner(request)

            return handle

    return GuardedRoute


async def _read_strictly(request: Request) -> None:
    """Read the body here, so that FastAPI finds it parsed, and only in our way."""
    body = await request.body()
    if not body:
        return
    kind = media_type(request)
    if kind != "application/json":
        raise UnsupportedMediaType("the body must be application/json")
    value = parse_json(body)
    if not isinstance(value, dict):
        # FastAPI would take null for no body at all.
        raise Malformed("the body is not a JSON object")
    request._json = value
