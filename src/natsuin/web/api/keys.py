"""A person's own keys, and setting a new PIN with the recovery code."""

from typing import Any

from natsuin import base64url
from natsuin.sam.protocol import Act, ApprovePINReset, PINReset, ProposePINReset
from natsuin.storage import Database
from natsuin.web.api.fields import AssertionCredential, Body, Empty, Sealed
from natsuin.web.callers import Access
from natsuin.web.ceremonies import known_transports, request_options
from natsuin.web.keys import OwnKeys, key_view
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn
from natsuin.web.sam_calls import Sam, ServiceFacts, ask
from natsuin.web.settings import WebSettings


class ResetBody(Body):
    """The owner's approval, and the secrets sealed to sam."""

    credential: AssertionCredential
    sealed_secrets: Sealed


class KeyAPI:
    """`/api/keys/...`."""

    def __init__(
        self, sam: Sam, *, settings: WebSettings, facts: ServiceFacts, database: Database, keys: OwnKeys
    ) -> None:
        self._sam = sam
        self._settings = settings
        self._facts = facts
        self._database = database
        self._keys = keys

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add("GET", "/api/keys", self.list, access=Access.SIGNER)
        routes.add("POST", "/api/keys/{key_id}/pin-reset", self.propose_reset, access=Access.SIGNER)
        routes.add("POST", "/api/keys/{key_id}/pin-reset/{act_id}", self.approve_reset, access=Access.SIGNER)

    async def list(self, caller: SignedIn) -> dict[str, Any]:
        """The caller's keys."""
        return {"keys": [key_view(key).as_json() for key in await self._keys.of(caller.user_id)]}

    async def propose_reset(self, key_id: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, Any]:
        """Have sam write the act by which the owner sets a new PIN."""
        await self._keys.require(caller.user_id, key_id)
        act = await ask(self._sam, ProposePINReset(key_id=key_id, user_id=caller.user_id), Act)
        facts = await self._facts.get()
        known = await known_transports(self._database, act.credential_ids)
        return {
            "act_id": act.act_id,
            "record": act.record.decode(),
            "challenge": base64url.encode(act.challenge),
            "expires_at": act.expires_at,
            "hpke_public_key": base64url.encode(facts.hpke_public_key),
            "publicKey": request_options(
                self._settings.party, challenge=act.challenge, credential_ids=act.credential_ids, transports=known
            ),
        }

    async def approve_reset(
        self, key_id: Identifier, act_id: Identifier, body: ResetBody, caller: SignedIn
    ) -> dict[str, Any]:
        """Pass the approval and the sealed secrets to sam."""
        await self._keys.require(caller.user_id, key_id)
        message = ApprovePINReset(
            act_id=act_id, assertion=body.credential.message(), sealed_secrets=body.sealed_secrets
        )
        answer = await ask(self._sam, message, PINReset)
        return {"key": key_view(answer.key).as_json()}
