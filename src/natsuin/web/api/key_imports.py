"""Keys that were made elsewhere: an officer brings the authority's envelope, the owner approves it, too."""

from typing import Annotated, Any

from pydantic import Field

from natsuin.sam.protocol import Act, ApproveKeyImport, KeyImportStep, ProposeKeyImport
from natsuin.web.api.fields import AssertionCredential, Base64URL, Body, Sealed
from natsuin.web.callers import Access
from natsuin.web.keys import OwnKeys
from natsuin.web.officer_keys import OfficerKeys
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn
from natsuin.web.sam_calls import Sam, ask
from natsuin.web.shared_acts import SharedActs

LARGEST_ENVELOPE = 256 * 1024
"""Bytes; what is sealed in one has at most 64 KiB, the rest is certificates."""


class EnvelopeBody(Body):
    """The authority's file."""

    envelope: Annotated[Base64URL, Field(min_length=1, max_length=LARGEST_ENVELOPE)]


class OfficersApprovalBody(Body):
    """The officer's approval of the record."""

    credential: AssertionCredential


class OwnersApprovalBody(Body):
    """The owner's approval, and PIN and new recovery code sealed to sam."""

    credential: AssertionCredential
    sealed_secrets: Sealed


class KeyImportAPI:
    """What an officer and then the owner do."""

    def __init__(self, sam: Sam, *, shared: SharedActs, keys: OwnKeys, officer_keys: OfficerKeys) -> None:
        self._sam = sam
        self._shared = shared
        self._keys = keys
        self._officer_keys = officer_keys

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add("POST", "/api/officer/keys/{key_id}/import", self.propose, access=Access.SECURITY)
        routes.add("POST", "/api/officer/imports/{act_id}", self.approve, access=Access.SECURITY)
        routes.add("POST", "/api/imports/{act_id}", self.approve_as_owner, access=Access.SIGNER)

    async def propose(self, key_id: Identifier, body: EnvelopeBody, caller: SignedIn) -> dict[str, Any]:
        """Have sam open the envelope for the owner of this key, check it, and write the act."""
        key = await self._officer_keys.require(key_id)
        message = ProposeKeyImport(
            officer_id=caller.user_id, user_id=key.user_id, key_id=key_id, envelope=body.envelope
        )
        act = await ask(self._sam, message, Act)
        view, answer = await self._shared.of_officer(caller.user_id, act.act_id, mine=True)
        return answer | view.as_json()

    async def approve(self, act_id: Identifier, body: OfficersApprovalBody, caller: SignedIn) -> dict[str, Any]:
        """Pass the officer's approval to sam."""
        message = ApproveKeyImport(act_id=act_id, assertion=body.credential.message(), by=caller.user_id)
        step = await ask(self._sam, message, KeyImportStep)
        return {"waiting_for": await self._shared.names(step.waiting_for)}

    async def approve_as_owner(self, act_id: Identifier, body: OwnersApprovalBody, caller: SignedIn) -> dict[str, Any]:
        """Pass the owner's approval and the sealed secrets to sam, which then takes the key in."""
        message = ApproveKeyImport(
            act_id=act_id, assertion=body.credential.message(), sealed_secrets=body.sealed_secrets, by=caller.user_id
        )
        step = await ask(self._sam, message, KeyImportStep)
        return {"key": self._keys.view(step.key).as_json() if step.key is not None else None}
