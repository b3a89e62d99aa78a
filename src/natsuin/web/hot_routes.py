"""A short way to the routes that are called for every signature: one look into a table, in place of the layers and the
search that routes for people pass.

It stands inside all layers of `natsuin.web.app`, so the same checks come before it, and the route asks for its access
itself. Whatever is not in the table goes on as always.
"""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from natsuin.errors import NatsuinError
from natsuin.web.answers import problem_answer
from natsuin.web.routing import PlainRoute


class HotRoutes:
    """Serves routes without parameters in their path."""

    def __init__(self, app: ASGIApp, *, routes: Iterable[PlainRoute]) -> None:
        self._app = app
        self._routes = {(method, route.path): route for route in routes for method in route.methods or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or pass it on."""
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        try:
            answer = await route.answer(Request(scope, receive, send))
        except NatsuinError as error:
            answer = problem_answer(error, scope)
        await answer(scope, receive, send)
