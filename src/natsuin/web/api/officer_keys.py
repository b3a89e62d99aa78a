"""What officers see of everybody's keys, and do with them by their own passkey."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from natsuin.sam.protocol import Act, ApproveKeyAct, KeyActDone, ProposeKeyAct
from natsuin.web.act_answers import ActAnswers
from natsuin.web.api.fields import AssertionCredential, Base64URL, Body
from natsuin.web.api.key_acts import Note, Reason
from natsuin.web.callers import Access
from natsuin.web.keys import certificate_view
from natsuin.web.officer_keys import PAGE, STATES, OfficerKeys
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn
from natsuin.web.sam_calls import Sam, ask
from natsuin.web.uploaded_certificates import MOST, certificates_in

State = Annotated[str, Query(pattern=f"^({'|'.join(STATES)})?$")]
Certificate = Annotated[Base64URL, Field(min_length=1, max_length=65536)]


class OfficersActBody(Body):
    """What the officer wants. The owner is not named: sam knows whose key it is."""

    act: Literal["suspend", "resume", "revoke", "install-certificate"]
    note: Note = ""
    reason: Reason = ""
    certificates: Annotated[list[Certificate], Field(max_length=MOST)] = Field(default_factory=list)
    """Files in PEM or DER."""


class OfficersApprovalBody(Body):
    """The officer's approval."""

    credential: AssertionCredential


class OfficerKeyAPI:
    """`/api/officer/keys/...`."""

    def __init__(self, sam: Sam, *, keys: OfficerKeys, answers: ActAnswers) -> None:
        self._sam = sam
        self._keys = keys
        self._answers = answers

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add("GET", "/api/officer/keys", self.page, access=Access.KEYHOLDING)
        routes.add("POST", "/api/officer/keys/{key_id}/acts", self.propose, access=Access.KEYHOLDING)
        routes.add("POST", "/api/officer/keys/{key_id}/acts/{act_id}", self.approve, access=Access.KEYHOLDING)

    async def page(
        self,
        caller: SignedIn,
        after: Annotated[str, Query(max_length=128)] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = PAGE,
        name: Annotated[str, Query(max_length=100)] = "",
        state: State = "",
    ) -> dict[str, Any]:
        """A page of everybody's keys."""
        found = await self._keys.page(after=after, limit=limit, name=name, state=state)
        return {"keys": [key.as_json() for key in found.keys], "next": found.following}

    async def propose(self, key_id: Identifier, body: OfficersActBody, caller: SignedIn) -> dict[str, Any]:
        """Have sam write the act that the officer's passkey is to approve."""
        key = await self._keys.require(key_id)
        certificates = certificates_in(body.certificates, key.certificate_request)
        message = ProposeKeyAct(
            key_id=key_id,
            user_id=key.user_id,
            act=body.act,
            officer_id=caller.user_id,
            reason=body.reason,
            note=body.note,
            certificates=certificates,
        )
        act = await ask(self._sam, message, Act)
        shown = [certificate_view(der).as_json() for der in certificates]
        return await self._answers.of(act) | {"certificates": shown}

    async def approve(
        self, key_id: Identifier, act_id: Identifier, body: OfficersApprovalBody, caller: SignedIn
    ) -> dict[str, Any]:
        """Pass the approval to sam, which then does it."""
        message = ApproveKeyAct(act_id=act_id, assertion=body.credential.message(), key_id=key_id)
        done = await ask(self._sam, message, KeyActDone)
        return {"key": (await self._keys.view(done.key)).as_json()}
