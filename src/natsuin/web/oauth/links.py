"""Which applications a person has let in, and ending it; and the page where a person decides."""

from typing import Any

from anyio import to_thread
from starlette.requests import Request

from natsuin.authentication.oauth import Clients, Tokens
from natsuin.errors import NotFound
from natsuin.web.api.fields import Empty
from natsuin.web.callers import Access
from natsuin.web.oauth.endpoints import PAGE
from natsuin.web.pages import Context, Page
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn


class LinkedApplications:
    """`/api/applications`, the page `/applications`, and the page of one access request."""

    def __init__(self, clients: Clients, tokens: Tokens) -> None:
        self._clients = clients
        self._tokens = tokens

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add("GET", "/api/applications", self.applications, access=Access.SIGNER)
        routes.add("POST", "/api/applications/{client_id}/unlink", self.unlink, access=Access.SIGNER)

    def pages(self) -> tuple[Page, ...]:
        """Both pages. That of an access request is public, because a browser that another site sends here does not show
        its session at first (the cookie is SameSite=Strict): the page then loads itself once more."""
        return (
            Page(PAGE + "/{handle}", "authorize", Access.PUBLIC, _authorize),
            Page("/applications", "applications", Access.SIGNER, self._page),
        )

    async def applications(self, caller: SignedIn) -> dict[str, Any]:
        """The applications with a grant that has not ended, the newest first."""
        return {"applications": await to_thread.run_sync(self._linked, caller.user_id)}

    async def unlink(self, client_id: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, int]:
        """End everything that the person granted it. Raises `NotFound` if that is nothing."""
        ended = await to_thread.run_sync(self._tokens.unlink, caller.user_id, client_id)
        if not ended:
            raise NotFound("there is no such application")
        return {"ended": ended}

    async def _page(self, request: Request) -> Context:
        return {"applications": await to_thread.run_sync(self._linked, request.state.caller.user_id)}

    def _linked(self, user_id: str) -> list[dict[str, Any]]:
        found = []
        for client_id, granted_at in self._tokens.granted_by(user_id):
            client = self._clients.find(client_id)
            name = client_id if client is None else client.name
            found.append({"client_id": client_id, "name": name, "granted_at": granted_at})
        return sorted(found, key=lambda one: one["granted_at"], reverse=True)


async def _authorize(request: Request) -> Context:
    return {"handle": request.path_params["handle"], "sent_again": "again" in request.query_params}
