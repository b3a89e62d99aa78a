"""What the owner of a key does with it after it was made: each act is written by sam and approved by a passkey."""

from typing import Annotated, Any, Literal

import msgspec
from anyio import to_thread
from fastapi import Request
from pydantic import Field

from natsuin import base64url
from natsuin.algorithms import KeyAlgorithm
from natsuin.sam.protocol import Act, ApproveKeyAct, KeyActDone, OfferPasskey, PasskeyOffer, ProposeKeyAct
from natsuin.storage import Database
from natsuin.user_management import find_person
from natsuin.web.act_answers import ActAnswers
from natsuin.web.api.fields import AssertionCredential, AttestationCredential, Body, CredentialId, Empty, Sealed
from natsuin.web.callers import Access, Callers
from natsuin.web.ceremonies import creation_options
from natsuin.web.keys import OwnKeys
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn
from natsuin.web.sam_calls import Sam, ask
from natsuin.web.settings import WebSettings
from natsuin.web.sign_in_passkeys import SignInPasskeys

_ALGORITHMS = "|".join(algorithm.value for algorithm in KeyAlgorithm)
Note = Annotated[str, Field(max_length=200)]
Reason = Literal[
    "",
    "unspecified",
    "keyCompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
]
"""Why a certificate is revoked, in the words of RFC 5280, 5.3.1; empty for every other act."""


class ActBody(Body):
    """What the owner wants. What an act has no use for is refused by sam."""

    act: Literal[
        "suspend",
        "resume",
        "revoke",
        "destroy",
        "renew",
        "one-time",
        "change-pin",
        "add-passkey",
        "remove-passkey",
    ]
    note: Note = ""
    reason: Reason = ""
    algorithm: Annotated[str, Field(pattern=f"^({_ALGORITHMS})?$")] = ""
    offer_id: Annotated[str, Field(max_length=128)] = ""
    credential: AttestationCredential | None = None
    """The new passkey, made for the offer."""
    credential_id: CredentialId | None = None
    """The passkey to be removed."""


class ApprovalBody(Body):
    """The owner's approval, and for acts that need the PIN the secrets sealed to sam."""

    credential: AssertionCredential
    sealed_secrets: Sealed | None = None


class KeyActAPI:
    """`/api/keys/{key_id}/acts` and `/api/keys/{key_id}/passkey-offer`."""

    def __init__(
        self,
        sam: Sam,
        *,
        settings: WebSettings,
        database: Database,
        keys: OwnKeys,
        answers: ActAnswers,
        passkeys: SignInPasskeys,
        callers: Callers,
    ) -> None:
        self._sam = sam
        self._settings = settings
        self._database = database
        self._keys = keys
        self._answers = answers
        self._passkeys = passkeys
        self._callers = callers

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add("POST", "/api/keys/{key_id}/acts", self.propose, access=Access.SIGNER)
        routes.add("POST", "/api/keys/{key_id}/acts/{act_id}", self.approve, access=Access.SIGNER)
        routes.add("POST", "/api/keys/{key_id}/passkey-offer", self.offer, access=Access.SIGNER, fresh=True)

    async def offer(self, key_id: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, Any]:
        """Begin to make a further passkey, on a device that has none of those that the key knows."""
        await self._keys.require(caller.user_id, key_id)
        offered = await ask(self._sam, OfferPasskey(key_id=key_id, user_id=caller.user_id), PasskeyOffer)
        person = await to_thread.run_sync(self._find, caller.user_id)
        return {
            "offer_id": offered.offer_id,
            "expires_at": offered.expires_at,
            "publicKey": creation_options(
                self._settings.party,
                user_id=caller.user_id,
                name=person.email if person is not None and person.email else caller.display_name,
                display_name=caller.display_name,
                challenge=offered.challenge,
                known=offered.known,
            ),
        }

    async def propose(self, key_id: Identifier, body: ActBody, caller: SignedIn) -> dict[str, Any]:
        """Have sam write the act that the owner's passkey is to approve."""
        await self._keys.require(caller.user_id, key_id)
        message = ProposeKeyAct(
            key_id=key_id,
            user_id=caller.user_id,
            act=body.act,
            reason=body.reason,
            note=body.note,
            algorithm=body.algorithm,
            offer_id=body.offer_id,
            attestation=body.credential.message() if body.credential is not None else None,
            credential_id=body.credential_id or b"",
        )
        act = await ask(self._sam, message, Act)
        # What is to be removed cannot approve that, so the browser is not to offer it.
        able = tuple(one for one in act.credential_ids if one != body.credential_id)
        return await self._answers.of(msgspec.structs.replace(act, credential_ids=able))

    async def approve(
        self, request: Request, key_id: Identifier, act_id: Identifier, body: ApprovalBody, caller: SignedIn
    ) -> dict[str, Any]:
        """Pass the approval to sam, which then does it; and let the passkeys that sign in follow."""
        await self._keys.require(caller.user_id, key_id)
        message = ApproveKeyAct(
            act_id=act_id,
            assertion=body.credential.message(),
            sealed_secrets=body.sealed_secrets or b"",
            key_id=key_id,
        )
        done = await ask(self._sam, message, KeyActDone)
        if done.passkey is not None:
            await self._passkeys.add(caller.user_id, done.passkey)
        kept = await self._passkeys.settle(caller.user_id, besides=self._callers.secret_of(request))
        return {
            "key": self._keys.view(done.key, kept).as_json(),
            "made": self._keys.view(done.made, kept).as_json() if done.made is not None else None,
            "passkey": base64url.encode(done.passkey.credential_id) if done.passkey is not None else None,
        }

    def _find(self, user_id: str) -> Any:
        with self._database.read() as connection:
            return find_person(connection, user_id)
