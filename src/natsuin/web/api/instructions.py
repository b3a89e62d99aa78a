"""Instructions to sign: over a stored document, or over digests that an application computed."""

from typing import Annotated, Any

from pydantic import Field

from natsuin import base64url
from natsuin.documents import Placement
from natsuin.plain_text import plain_text
from natsuin.sam.protocol import HPKE_INFO_APPROVE, MAX_DIGESTS, Instruction, KeyInformation
from natsuin.storage import Database
from natsuin.web.api.fields import AssertionCredential, Base64URL, Body, Empty, Sealed
from natsuin.web.callers import Access
from natsuin.web.ceremonies import known_transports, request_options
from natsuin.web.document_signing import Approval, DocumentSigning
from natsuin.web.document_work import Wish
from natsuin.web.hash_signing import HashSigning
from natsuin.web.keys import certificate_view
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn
from natsuin.web.sam_calls import ServiceFacts
from natsuin.web.settings import WebSettings

KeyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")]
Points = Annotated[float, Field(ge=0, le=20_000, allow_inf_nan=False)]
MAX_REASON = 200
Reason = Annotated[str, Field(max_length=MAX_REASON)]


class PlacementBody(Body):
    """Where the seal mark stands: page from 0, points from the lower left corner as displayed."""

    page: Annotated[int, Field(ge=0, le=100_000)]
    x: Points
    y: Points
    width: Annotated[Points, Field(gt=0)]
    height: Annotated[Points, Field(gt=0)]

    def placement(self) -> Placement:
        """As `natsuin.documents` wants it."""
        return Placement(page=self.page, x=self.x, y=self.y, width=self.width, height=self.height)


class DocumentInstructionBody(Body):
    """How to sign a document."""

    key_id: KeyId | None = None
    placement: PlacementBody | None = None
    reason: Reason = ""


class DigestInstructionBody(Body):
    """What to sign for an application."""

    key_id: KeyId
    scheme: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    digests: Annotated[
        list[Annotated[Base64URL, Field(min_length=20, max_length=64)]], Field(min_length=1, max_length=MAX_DIGESTS)
    ]
    reason: Reason = ""


class ApprovalBody(Body):
    """The signer's approval: the passkey's answer, and the PIN sealed to sam."""

    credential: AssertionCredential
    sealed_pin: Sealed

    def approval(self) -> Approval:
        """As the signing flow wants it."""
        return Approval(assertion=self.credential.message(), sealed_pin=self.sealed_pin)


class InstructionMembers:
    """What a page needs to have an instruction approved: the record, and how to ask the passkey and seal the PIN."""

    def __init__(self, settings: WebSettings, *, facts: ServiceFacts, database: Database) -> None:
        self._settings = settings
        self._facts = facts
        self._database = database

    async def of(self, made: Instruction, key: KeyInformation) -> dict[str, Any]:
        """For the JSON API."""
        facts = await self._facts.get()
        known = await known_transports(self._database, made.credential_ids)
        return {
            "instruction_id": made.instruction_id,
            "record": made.record.decode(),
            "challenge": base64url.encode(made.challenge),
            "expires_at": made.expires_at,
            "key_id": key.key_id,
            "certificate": certificate_view(key.certificate).as_json(),
            "hpke_public_key": base64url.encode(facts.hpke_public_key),
            "hpke_info": base64url.encode(HPKE_INFO_APPROVE),
            "publicKey": request_options(
                self._settings.party, challenge=made.challenge, credential_ids=made.credential_ids, transports=known
            ),
        }


class InstructionAPI:
    """`/api/documents/{id}/instruction` and `/api/instructions/...`."""

    def __init__(self, *, members: InstructionMembers, signing: DocumentSigning, hash_signing: HashSigning) -> None:
        self._members = members
        self._signing = signing
        self._hash_signing = hash_signing

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        one = "/api/instructions/{instruction_id}"
        routes.add("POST", "/api/documents/{document_id}/instruction", self.instruct, access=Access.SIGNER)
        routes.add("POST", f"{one}/approval", self.approve, access=Access.SIGNER)
        routes.add("POST", f"{one}/cancel", self.cancel, access=Access.SIGNER)
        routes.add("POST", "/api/instructions", self.instruct_digests, access=Access.SIGNER)
        routes.add("POST", f"{one}/activation", self.activate, access=Access.SIGNER)

    async def instruct(
        self, document_id: Identifier, body: DocumentInstructionBody, caller: SignedIn
    ) -> dict[str, Any]:
        """Prepare a document, and have sam write the record that the signer is to approve."""
        wish = Wish(
            key_id=body.key_id,
            placement=body.placement.placement() if body.placement else None,
            reason=plain_text(body.reason, "the reason", most=MAX_REASON),
        )
        made = await self._signing.instruct(caller.user_id, document_id, wish)
        label = {"name": made.document.name, "size": made.document.size, "sha256": made.document.sha256.hex()}
        members = await self._members.of(made.instruction, made.key)
        return members | {"documents": [label], "dtbs_sha256": made.prepared.dtbs_sha256}

    async def approve(self, instruction_id: Identifier, body: ApprovalBody, caller: SignedIn) -> dict[str, str]:
        """Sign and finish the document. The same approval sent again gives the same document."""
        document_id = await self._signing.approve(caller.user_id, instruction_id, body.approval())
        return {"document_id": document_id, "state": "signed"}

    async def cancel(self, instruction_id: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, int]:
        """Withdraw the instruction."""
        return {"unused": await self._signing.cancel(caller.user_id, instruction_id)}

    async def instruct_digests(self, body: DigestInstructionBody, caller: SignedIn) -> dict[str, Any]:
        """Have sam write the record over an application's digests."""
        made = await self._hash_signing.instruct(
            caller.user_id,
            body.key_id,
            scheme=body.scheme,
            digests=tuple(body.digests),
            purpose=plain_text(body.reason, "the reason", most=MAX_REASON),
        )
        return await self._members.of(made.instruction, made.key) | {"documents": []}

    async def activate(self, instruction_id: Identifier, body: ApprovalBody, caller: SignedIn) -> dict[str, Any]:
        """Exchange the approval for a SAD, which the application keeps until it signs."""
        activated = await self._hash_signing.activate(caller.user_id, instruction_id, body.approval())
        return {"sad": base64url.encode(activated.sad), "expires_at": activated.expires_at}
