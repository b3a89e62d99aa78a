"""Which applications a person has let in, and ending it; and the page where a person decides."""

from typing import Any

from anyio import to_thread
from starlette.requests import Request

from natsuin.authentication.oauth import Clients, Elsewhere, Tokens
from natsuin.errors import NotFound
from natsuin.web.api.fields import Empty
from natsuin.web.callers import Access
from natsuin.web.oauth.endpoints import PAGE
from natsuin.web.pages import Context, Page
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn


class LinkedApplications:
    """`/api/applications`, the page `/applications`, and the page of one access request."""

    def __init__(self, clients: Clients, tokens: Tokens, elsewhere: Elsewhere) -> None:
        self._clients = clients
        self._tokens = tokens
        self._elsewhere = elsewhere

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
        """The applications with a grant that has not ended, the newest first; and the requests that wait for an answer,
        the oldest first."""
        return await to_thread.run_sync(self._all, caller.user_id)

    async def unlink(self, client_id: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, int]:
        """End everything that the person granted it. Raises `NotFound` if that is nothing."""
        ended = await to_thread.run_sync(self._tokens.unlink, caller.user_id, client_id)
        if not ended:
            raise NotFound("there is no such application")
        return {"ended": ended}

    async def _page(self, request: Request) -> Context:
        found = await to_thread.run_sync(self._all, request.state.caller.user_id)
        return {**found, "answered": "answered" in request.query_params}

    def _all(self, user_id: str) -> dict[str, Any]:
        return {"applications": self._linked(user_id), "requests": self._unanswered(user_id)}

    def _unanswered(self, user_id: str) -> list[dict[str, Any]]:
        found = []
        for one in self._elsewhere.waiting_for(user_id):
            client = self._clients.find(one.asked.client_id)
            if client is not None:
                about = {"description": one.asked.description, "count": len(one.asked.digests)}
                times = {"created_at": one.created_at, "expires_at": one.expires_at}
                found.append({"page": f"{PAGE}/{one.page}", "name": client.name, **about, **times})
        return found

    def _linked(self, user_id: str) -> list[dict[str, Any]]:
        found = []
        for client_id, granted_at in self._tokens.granted_by(user_id):
            client = self._clients.find(client_id)
            name = client_id if client is None else client.name
            found.append({"client_id": client_id, "name": name, "granted_at": granted_at})
        return sorted(found, key=lambda one: one["granted_at"], reverse=True)


async def _authorize(request: Request) -> Context:
    return {"handle": request.path_params["handle"], "sent_again": "again" in request.query_params}
