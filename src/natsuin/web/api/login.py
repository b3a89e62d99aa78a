"""Signing in and out, and who is signed in."""

from typing import Any

from anyio import to_thread
from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from natsuin.authentication import Login, Sessions, SignInFailed, SignInLimits, Throttle, passkeys_of, transports_of
from natsuin.storage import Database
from natsuin.user_management import find_person
from natsuin.web.api.fields import AssertionCredential, Body, Empty
from natsuin.web.callers import Access, Callers
from natsuin.web.ceremonies import request_options
from natsuin.web.requests import origin_of, sender
from natsuin.web.routing import ApiRoutes, SignedIn


class LoginBody(Body):
    """The answer of the passkey."""

    credential: AssertionCredential


class LoginAPI:
    """`/api/login`, `/api/step-up`, `/api/logout`, `/api/me`."""

    def __init__(self, login: Login, callers: Callers, database: Database, limits: SignInLimits) -> None:
        self._login = login
        self._callers = callers
        self._sessions: Sessions = callers.sessions
        self._database = database
        self._limits = limits
        # Costs nothing to answer; the bound is there for the log.
        self._challenges = Throttle(600, seconds=0.05)

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add("POST", "/api/login/options", self.options, access=Access.PUBLIC)
        routes.add("POST", "/api/login", self.login, access=Access.PUBLIC)
        routes.add("POST", "/api/step-up/options", self.step_up_options, access=Access.SIGNED_IN)
        routes.add("POST", "/api/step-up", self.step_up, access=Access.SIGNED_IN)
        routes.add("POST", "/api/logout", self.logout, access=Access.SIGNED_IN)
        routes.add("GET", "/api/me", self.me, access=Access.SIGNED_IN)

    async def options(self, request: Request, body: Empty | None = None) -> dict[str, Any]:
        """A new challenge for any passkey of this service."""
        self._challenges.take(sender(request))
        return {"publicKey": request_options(self._login.party, challenge=self._login.challenge())}

    async def login(self, request: Request, body: LoginBody) -> Response:
        """Sign in: always a new session, whatever cookie came with the request."""
        return await self._sign_in(request, body)

    async def step_up_options(self, caller: SignedIn, body: Empty | None = None) -> dict[str, Any]:
        """A new challenge for the caller's own passkeys."""
        known = await to_thread.run_sync(self._passkeys, caller.user_id)
        return {
            "publicKey": request_options(
                self._login.party, challenge=self._login.challenge(), credential_ids=tuple(known), transports=known
            )
        }

    async def step_up(self, request: Request, body: LoginBody, caller: SignedIn) -> Response:
        """Sign in again as oneself: the session goes on as a new one, with another cookie. Raises `SignInFailed` for
        somebody else's passkey, and the old session stays."""
        return await self._sign_in(request, body, as_user=caller.user_id)

    async def _sign_in(self, request: Request, body: LoginBody, *, as_user: str | None = None) -> Response:
        source, assertion = sender(request), body.credential.message()
        await to_thread.run_sync(self._limits.begin, source, assertion.credential_id)
        user_id = await to_thread.run_sync(self._login.finish, assertion)
        person = await to_thread.run_sync(self._find, user_id)
        if person is None or as_user not in (None, user_id):
            raise SignInFailed("the sign-in could not be verified")
        await to_thread.run_sync(self._limits.succeeded, source, assertion.credential_id)
        earlier = self._callers.secret_of(request)
        secret = await to_thread.run_sync(
            lambda: self._sessions.open(
                user_id, replaces=earlier, by=assertion.credential_id, origin=origin_of(request)
            )
        )
        answer = JSONResponse(
            {"user_id": person.user_id, "display_name": person.display_name, "roles": list(person.roles)}
        )
        self._callers.set_cookie(answer, secret)
        return answer

    async def logout(self, request: Request, body: Empty | None = None) -> Response:
        """End this session."""
        await to_thread.run_sync(self._sessions.close, self._callers.secret_of(request) or "")
        answer = Response(status_code=204)
        self._callers.clear_cookie(answer)
        return answer

    async def me(self, caller: SignedIn) -> dict[str, Any]:
        """Who is signed in."""
        return {
            "user_id": caller.user_id,
            "display_name": caller.display_name,
            "roles": list(caller.roles),
            "level": caller.level,
        }

    def _passkeys(self, user_id: str) -> dict[bytes, tuple[str, ...]]:
        with self._database.read() as connection:
            known = tuple(one.credential_id for one in passkeys_of(connection, user_id))
            return dict.fromkeys(known, ()) | transports_of(connection, known)

    def _find(self, user_id: str) -> Any:
        with self._database.read() as connection:
            return find_person(connection, user_id)
