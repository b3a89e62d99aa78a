"""Each person's own account: what signs them in, where they are signed in and ending that, what they are told of."""

import unicodedata
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from natsuin import base64url
from natsuin.authentication import PASSKEY_LEVEL, name_passkey, passkeys_of
from natsuin.errors import Malformed, NotFound
from natsuin.storage import Database
from natsuin.web.api.fields import Body, CredentialId, Empty
from natsuin.web.callers import Access, Callers
from natsuin.web.notices import Telling
from natsuin.web.pages import Context, Page
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn
from natsuin.web.view import Caller

LONGEST_NAME = 60


class PasskeyName(Body):
    """What a person calls a passkey; empty for no name."""

    credential_id: CredentialId
    name: Annotated[str, Field(max_length=LONGEST_NAME)]


class NoticeChoice(Body):
    """Whether a person wishes to be told of each use of their keys."""

    of_use: bool


class Account:
    """`/api/account` and the page `/account`, for whoever is signed in."""

    def __init__(self, callers: Callers, database: Database, telling: Telling) -> None:
        self._callers = callers
        self._sessions = callers.sessions
        self._database = database
        self._telling = telling

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add("GET", "/api/account", self.account, access=Access.SIGNED_IN)
        routes.add("POST", "/api/account/passkey-name", self.name, access=Access.SIGNED_IN, fresh=True)
        routes.add("POST", "/api/account/notices", self.choose, access=Access.SIGNER, fresh=True)
        routes.add("POST", "/api/account/sessions/{session_id}/end", self.end, access=Access.SIGNED_IN)
        routes.add("POST", "/api/account/end-other-sessions", self.end_others, access=Access.SIGNED_IN)

    def pages(self) -> tuple[Page, ...]:
        """The page."""
        return (Page("/account", "account", Access.SIGNED_IN, self._page),)

    async def account(self, caller: SignedIn) -> dict[str, Any]:
        """The caller's passkeys, oldest first, open sessions, newest first, and what they are told of. Times in
        milliseconds."""
        return await to_thread.run_sync(self._facts, caller)

    async def name(self, body: PasskeyName, caller: SignedIn) -> dict[str, str]:
        """Give a passkey another name. Raises `Malformed` for unseen characters, `NotFound` unless it is the
        caller's."""
        name = unicodedata.normalize("NFC", body.name).strip()
        if any(unicodedata.category(character)[0] in "CZ" and character != " " for character in name):
            raise Malformed("the name has characters that cannot be seen")
        if not await to_thread.run_sync(self._name, caller.user_id, body.credential_id, name):
            raise NotFound("there is no such passkey")
        return {"name": name}

    async def choose(self, body: NoticeChoice, caller: SignedIn) -> dict[str, bool]:
        """Be told of each use of one's keys, or not. Who turns it off is told of that."""
        await to_thread.run_sync(lambda: self._telling.choose(caller.user_id, of_use=body.of_use))
        return {"of_use": body.of_use}

    async def end(
        self, session_id: Identifier, request: Request, caller: SignedIn, body: Empty | None = None
    ) -> Response:
        """End one of the caller's sessions; their own too. Raises `NotFound` if it is nobody's or somebody else's."""
        if not await to_thread.run_sync(self._sessions.end, caller.user_id, session_id):
            raise NotFound("there is no such session")
        answer = Response(status_code=204)
        if session_id == caller.session_id:
            self._callers.clear_cookie(answer)
        return answer

    async def end_others(self, request: Request, caller: SignedIn, body: Empty | None = None) -> Response:
        """End every session of the caller but the one that asks."""
        mine = self._callers.secret_of(request) or ""
        await to_thread.run_sync(lambda: self._sessions.end_others(caller.user_id, besides=mine))
        return Response(status_code=204)

    async def _page(self, request: Request) -> Context:
        return await to_thread.run_sync(self._facts, request.state.caller) | {"longest_name": LONGEST_NAME}

    def _name(self, user_id: str, credential_id: bytes, name: str) -> bool:
        with self._database.write() as connection:
            return name_passkey(connection, user_id, credential_id, name)

    def _facts(self, caller: Caller) -> dict[str, Any]:
        with self._database.read() as connection:
            passkeys = passkeys_of(connection, caller.user_id)
            of_use = self._telling.of_use_told(connection, caller.user_id)
        return {
            "level": caller.level,
            "notices": {
                "told": self._telling.outbox.leads_anywhere,
                "use_can_be_told": self._telling.of_use,
                "of_use": of_use,
            },
            "passkeys": [
                {
                    "credential_id": base64url.encode(one.credential_id),
                    "name": one.name,
                    "added_at": one.created_at,
                    "last_used_at": one.last_used_at,
                    "synced": one.backup_eligible,
                    "level": PASSKEY_LEVEL,
                }
                for one in passkeys
            ],
            "sessions": [
                {
                    "session_id": one.session_id,
                    "level": one.level,
                    "created_at": one.created_at,
                    "last_used_at": one.last_used_at,
                    "expires_at": one.expires_at,
                    "address": one.address,
                    "browser": one.browser,
                    "mine": one.session_id == caller.session_id,
                }
                for one in self._sessions.of(caller.user_id)
            ],
        }
