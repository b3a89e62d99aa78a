"""What the page of an access request asks for: who asks for what, the record to approve, and where the browser goes.

For scope `service` the person allows with a click, signed in. For scope `credential` sam records the instruction over
exactly the digests that the client named, and the person approves it with passkey and PIN, as with every signature; the
SAD that comes of it goes under the code that the client is given, and nowhere else.
"""

from typing import Any

from anyio import to_thread
from sqlalchemy import Connection

from natsuin import base64url
from natsuin.algorithms import DEFAULT_SCHEME, FACTS, KeyAlgorithm
from natsuin.authentication.oauth import (
    CREDENTIAL,
    OF_DOCUMENTS,
    OF_ORIGINALS,
    SERVICE,
    AccessRequestOver,
    AccessRequests,
    Approved,
    Asked,
    Client,
    Clients,
    Elsewhere,
    Waiting,
)
from natsuin.errors import Conflict, NotFound, Refused
from natsuin.sam.protocol import KeyInformation
from natsuin.web.api.fields import Body, Empty
from natsuin.web.api.instructions import ApprovalBody, InstructionMembers, KeyId
from natsuin.web.callers import Access
from natsuin.web.csc.attributes import attributes_over, digests_of
from natsuin.web.csc.credentials import is_credential
from natsuin.web.hash_signing import Application, HashSigning
from natsuin.web.keys import OwnKeys
from natsuin.web.oauth.answers import redirect_with
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn

APPROVAL_SECONDS = 600
BACK_IN_PORTAL = "/applications?answered"
"""Where the browser goes that no application sent."""


class KeyBody(Body):
    """The key that the person chose, where the client leaves the choice to them."""

    key_id: KeyId | None = None


class CredentialRefused(Refused):
    """The key that an application asks for cannot sign what it asks for."""

    code = "credential_refused"


class Interaction:
    """`/api/access-requests/...`."""

    def __init__(
        self,
        issuer: str,
        *,
        clients: Clients,
        requests: AccessRequests,
        elsewhere: Elsewhere,
        keys: OwnKeys,
        hash_signing: HashSigning,
        members: InstructionMembers,
    ) -> None:
        self._issuer = issuer
        self._clients = clients
        self._requests = requests
        self._elsewhere = elsewhere
        self._keys = keys
        self._hash_signing = hash_signing
        self._members = members

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        one = "/api/access-requests/{handle}"
        routes.add("GET", one, self.show, access=Access.SIGNER)
        routes.add("POST", f"{one}/instruction", self.instruct, access=Access.SIGNER)
        routes.add("POST", f"{one}/approval", self.approve, access=Access.SIGNER)
        routes.add("POST", f"{one}/consent", self.consent, access=Access.SIGNER)
        routes.add("POST", f"{one}/denial", self.deny, access=Access.SIGNER)

    async def show(self, handle: Identifier, caller: SignedIn) -> dict[str, Any]:
        """Who asks for what."""
        waiting, client = await self._look(handle, caller.user_id)
        asked = waiting.asked
        members: dict[str, Any] = {
            "client": {"client_id": client.client_id, "name": client.name, "returns_to": asked.redirect_uri or None},
            "scope": asked.scope,
            "description": asked.description,
            "expires_at": waiting.expires_at,
        }
        if asked.scope == CREDENTIAL:
            key = await self._key(caller.user_id, asked, None)
            members |= {
                "key_id": key.key_id,
                "count": len(asked.digests),
                "hash": asked.hash_name,
                "hash_kind": asked.hash_kind,
                "digests": [base64url.encode(digest) for digest in asked.digests],
                "labels": list(asked.labels),
            }
        return members

    async def instruct(self, handle: Identifier, caller: SignedIn, body: KeyBody | None = None) -> dict[str, Any]:
        """Have sam write the record over exactly the client's digests, or over what is made of them where they are of
        documents."""
        waiting, client = await self._look(handle, caller.user_id)
        asked = waiting.asked
        if asked.scope != CREDENTIAL:
            raise Conflict("nothing is to be signed here")
        if asked.hash_kind == OF_ORIGINALS:
            raise Conflict("the document is signed on its own page")
        key = await self._key(caller.user_id, asked, body.key_id if body else None)
        digests = asked.digests
        attributes: tuple[bytes, ...] = ()
        if asked.hash_kind == OF_DOCUMENTS:
            attributes = await attributes_over(key, asked.hash_name, asked.digests)
            digests = digests_of(attributes, asked.hash_name)
        made = await self._hash_signing.instruct(
            caller.user_id,
            key.key_id,
            scheme=scheme_over(key, asked.hash_name),
            digests=digests,
            purpose=asked.description,
            application=Application(client.client_id, asked.labels, APPROVAL_SECONDS),
        )
        instruction_id = made.instruction.instruction_id
        await to_thread.run_sync(self._requests.note_instruction, handle, caller.user_id, instruction_id)
        members = await self._members.of(made.instruction, made.key)
        # With them the browser checks that the record is over the digests that are shown.
        return members | {"signed_attributes": [base64url.encode(one) for one in attributes]} if attributes else members

    async def approve(self, handle: Identifier, body: ApprovalBody, caller: SignedIn) -> dict[str, str]:
        """Take the approval to sam, and the browser back to the client with a code."""
        waiting, _ = await self._look(handle, caller.user_id)
        if waiting.instruction_id is None:
            raise Conflict("there is nothing to approve yet", hint="Reload the page.")
        activated = await self._hash_signing.activate(caller.user_id, waiting.instruction_id, body.approval())
        instruction = await self._hash_signing.instruction(caller.user_id, waiting.instruction_id)
        approved = Approved(
            user_id=caller.user_id,
            level=caller.level,
            key_id=instruction.key_id,
            instruction_id=waiting.instruction_id,
            sad=activated.sad,
            expires_at=activated.expires_at,
        )
        return await self._answer(handle, approved)

    async def consent(self, handle: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, str]:
        """Let the client see the person's keys and certificates."""
        waiting, _ = await self._look(handle, caller.user_id)
        if waiting.asked.scope != SERVICE:
            raise Conflict("this needs an approval with passkey and PIN")
        return await self._answer(handle, Approved(user_id=caller.user_id, level=caller.level))

    async def deny(self, handle: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, str]:
        """Send the browser back with nothing."""

        def refuse(connection: Connection, asked: Asked) -> str:
            if asked.without_browser:
                self._elsewhere.deny(connection, handle)
                return BACK_IN_PORTAL
            return self._back(asked, error="access_denied", error_description="The user denied the request.")

        return {"redirect": await to_thread.run_sync(self._requests.answer, handle, caller.user_id, refuse)}

    async def _answer(self, handle: str, approved: Approved) -> dict[str, str]:
        def grant(connection: Connection, asked: Asked) -> str:
            if asked.without_browser:
                self._elsewhere.grant(connection, handle, asked, approved)
                return BACK_IN_PORTAL
            return self._back(asked, code=self._elsewhere.tokens.issue_code(connection, asked, approved))

        return {"redirect": await to_thread.run_sync(self._requests.answer, handle, approved.user_id, grant)}

    def _back(self, asked: Asked, **members: str) -> str:
        return redirect_with(asked.redirect_uri, {**members, "state": asked.state, "iss": self._issuer})

    async def _look(self, handle: str, user_id: str) -> tuple[Waiting, Client]:
        waiting = await to_thread.run_sync(self._requests.look, handle, user_id)
        client = await to_thread.run_sync(self._clients.find, waiting.asked.client_id)
        if client is None:
            raise AccessRequestOver("the application is not registered any more")
        return waiting, client

    async def _key(self, user_id: str, asked: Asked, chosen: str | None) -> KeyInformation:
        if asked.credential_id and chosen not in (None, asked.credential_id):
            raise CredentialRefused("the application asks for another key than the one chosen")
        try:
            key = await self._keys.choose(user_id, asked.credential_id or chosen)
        except NotFound as cause:
            raise CredentialRefused(
                "the application asks for a key that is not yours",
                hint="Perhaps you are signed in as somebody else than in the application.",
            ) from cause
        if not is_credential(key):
            raise CredentialRefused("the key that the application asks for is not one for applications")
        scheme_over(key, asked.hash_name)
        return key


def scheme_over(key: KeyInformation, hash_name: str) -> str:
    """How a key signs digests of a hash function. Raises `CredentialRefused` if it does not."""
    algorithm = KeyAlgorithm(key.algorithm)
    if algorithm.value.startswith("rsa"):
        return f"rsa-any-{hash_name}"
    scheme = DEFAULT_SCHEME[algorithm]
    facts = FACTS[scheme]
    if not facts.prehashed or facts.hash_name != hash_name:
        raise CredentialRefused(
            f"the key ({algorithm.value}) does not sign digests of {hash_name}",
            hint="Tell the people behind the application.",
        )
    return scheme.value
