"""A person's own keys, the statement of what each did, and setting a new PIN with the recovery code."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from natsuin.sam.protocol import Act, ApprovePINReset, KeyStatement, PINReset, ProposePINReset, StateKey
from natsuin.web.act_answers import ActAnswers
from natsuin.web.api.fields import AssertionCredential, Body, Empty, Sealed
from natsuin.web.callers import Access, Callers
from natsuin.web.downloads import download
from natsuin.web.keys import OwnKeys
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn
from natsuin.web.sam_calls import Sam, ask
from natsuin.web.sign_in_passkeys import SignInPasskeys


class ResetBody(Body):
    """The owner's approval, and the secrets sealed to sam."""

    credential: AssertionCredential
    sealed_secrets: Sealed


class KeyAPI:
    """`/api/keys`, `/api/keys/{key_id}/statement` and `/api/keys/{key_id}/pin-reset`."""

    def __init__(
        self, sam: Sam, *, keys: OwnKeys, answers: ActAnswers, passkeys: SignInPasskeys, callers: Callers
    ) -> None:
        self._sam = sam
        self._keys = keys
        self._answers = answers
        self._passkeys = passkeys
        self._callers = callers

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add("GET", "/api/keys", self.list, access=Access.SIGNER)
        routes.add("POST", "/api/keys/{key_id}/statement", self.state, access=Access.SIGNER, fresh=True)
        routes.add("POST", "/api/keys/{key_id}/pin-reset", self.propose_reset, access=Access.SIGNER)
        routes.add("POST", "/api/keys/{key_id}/pin-reset/{act_id}", self.approve_reset, access=Access.SIGNER)

    async def list(self, request: Request, caller: SignedIn) -> dict[str, Any]:
        """The caller's keys."""
        kept = await self._passkeys.settle(caller.user_id, besides=None)
        return {"keys": [self._keys.view(key, kept).as_json() for key in await self._keys.of(caller.user_id)]}

    async def state(self, key_id: Identifier, caller: SignedIn, body: Empty | None = None) -> Response:
        """Everything that the signing log has about one of the caller's keys, as a file (docs/statement.md)."""
        answer = await ask(self._sam, StateKey(user_id=caller.user_id, key_id=key_id), KeyStatement)
        return download(answer.statement, name=f"statement-{key_id[:8]}.json", media_type="application/json")

    async def propose_reset(self, key_id: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, Any]:
        """Have sam write the act by which the owner sets a new PIN."""
        await self._keys.require(caller.user_id, key_id)
        return await self._answers.of(await ask(self._sam, ProposePINReset(key_id=key_id, user_id=caller.user_id), Act))

    async def approve_reset(
        self, key_id: Identifier, act_id: Identifier, body: ResetBody, caller: SignedIn
    ) -> dict[str, Any]:
        """Pass the approval and the sealed secrets to sam."""
        await self._keys.require(caller.user_id, key_id)
        message = ApprovePINReset(
            act_id=act_id, assertion=body.credential.message(), sealed_secrets=body.sealed_secrets
        )
        answer = await ask(self._sam, message, PINReset)
        return {"key": self._keys.view(answer.key).as_json()}
