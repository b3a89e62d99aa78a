"""signatures/signDoc: signature objects for PDFs that the application prepared, from the digests that were approved.

The person approves document digests (hashType `sdr`); sam's record holds the digests of the signed attributes made of
them and of the certificate alone, so nothing that is signed is chosen after the approval. The same attributes are made
again here. Were the certificate another by now, they would be others, and sam would refuse.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from anyio import from_thread, to_thread

from natsuin import documents
from natsuin.authentication.oauth import HASH_BYTES, OF_DOCUMENTS, OF_ORIGINALS, Access, OAuthRefused, read_digest
from natsuin.errors import Refused, Unavailable
from natsuin.sam.protocol import KeyInformation, Reply, TimeStamp
from natsuin.web.csc.algorithms import Wanted, read_wanted
from natsuin.web.csc.attributes import attributes_over, digests_of
from natsuin.web.csc.bodies import Members, refused
from natsuin.web.csc.credentials import Credentials
from natsuin.web.csc.signing import Signing, check_mode, in_approved_order, told
from natsuin.web.csc.uploads import Uploads
from natsuin.web.document_store import StoredDocument
from natsuin.web.hash_signing import HashSigning
from natsuin.web.instruction_store import InstructionStore
from natsuin.web.sam_calls import Sam, ask_again

FORMAT = "P"
ENVELOPES = ("Certification", "Revision")
LEVELS = ("AdES-B-B", "AdES-B-T")
NOT_AUTHORIZED = "documentDigests or documents are not authorized by the SAD"
_OTHER_HASH = "Document or documentDigest does not match authorized hash"
_STAMPED = {"ades-b-b": False, "ades-b": False, "ades-b-t": True, "ades-t": True}


@dataclass(frozen=True)
class _Item:
    digests: tuple[bytes, ...]
    wanted: Wanted
    stamped: bool


class DocumentSignatures:
    """signatures/signDoc with `documentDigests`, and with one of `documents` that the person signed."""

    def __init__(
        self,
        sam: Sam,
        credentials: Credentials,
        signing: Signing,
        *,
        hash_signing: HashSigning,
        uploads: Uploads,
        instructions: InstructionStore,
    ) -> None:
        self._sam = sam
        self._credentials = credentials
        self._signing = signing
        self._hash_signing = hash_signing
        self._uploads = uploads
        self._instructions = instructions

    async def prepare(self, access: Access, bearer: str, members: Members) -> Callable[[], Awaitable[dict[str, Any]]]:
        """Check a request. What this gives makes a signature object (CMS, DER in base64) for each digest, in the
        client's order.

        The identical request again embeds the recorded signatures; at AdES-B-T with a new time-stamp. Raises
        `OAuthRefused`, `Unavailable` when there is no time-stamp (nothing is lost: ask again), and what is wrong here.
        """
        key = await self._credentials.require(access, members.required("credentialID"))
        approved = await self._signing.approval(access, bearer, members)
        check_mode(members)
        members.flag("returnValidationInfo")
        if approved.asked.hash_kind == OF_ORIGINALS and members.has("documents"):
            return await self._whole(approved, members)
        items = _items(members)
        wanted = items[0].wanted
        if wanted.scheme.value not in key.schemes or any(item.wanted != wanted for item in items):
            raise refused("Invalid parameter signAlgo")
        digests = tuple(digest for item in items for digest in item.digests)
        if approved.asked.hash_kind != OF_DOCUMENTS or approved.asked.hash_name != wanted.hash_name:
            raise refused(NOT_AUTHORIZED)
        try:
            ordered = in_approved_order(approved.asked.digests, digests)
        except OAuthRefused as other:
            raise refused(_OTHER_HASH, "invalid_hash") from other

        async def sign() -> dict[str, Any]:
            return await self._objects(key, approved, items, ordered)

        return sign

    async def _whole(self, approved: Access, members: Members) -> Callable[[], Awaitable[dict[str, Any]]]:
        """The document that the person signed on its page, at AdES-B-T, which holds all that B-B does."""
        if members.has("documentDigests"):
            raise refused("Both documentDigests and documents parameters passed")
        found = members.objects("documents", "Invalid array parameter documents")
        if not found:
            raise refused("Empty documentDigests and documents objects")
        if len(found) != 1:
            raise refused(NOT_AUTHORIZED)
        wanted = _wishes(found[0])[0]
        stored = await to_thread.run_sync(
            self._uploads.find, approved.client_id, approved.user_id, approved.asked.digests[0]
        )
        if stored is None or stored.state != "signed":
            raise refused(NOT_AUTHORIZED)
        if not await to_thread.run_sync(_names, found[0], stored):
            raise refused(_OTHER_HASH, "invalid_hash")
        made = await to_thread.run_sync(self._instructions.of_document, approved.user_id, stored.document_id)
        if (made.key_id, made.scheme) != (approved.key_id, wanted.scheme.value):
            raise refused("Invalid parameter signAlgo")

        async def give() -> dict[str, Any]:
            def read() -> str:
                content = self._uploads.documents.content(approved.user_id, stored.document_id, kind="signed")
                return base64.b64encode(content).decode()

            return {"DocumentWithSignature": [await to_thread.run_sync(read)]}

        return give

    async def _objects(
        self, key: KeyInformation, approved: Access, items: tuple[_Item, ...], ordered: tuple[bytes, ...]
    ) -> dict[str, Any]:
        wanted = items[0].wanted
        attributes = await attributes_over(key, wanted.hash_name, ordered)
        signatures = await self._sign(approved, digests_of(attributes, wanted.hash_name), wanted)
        places: dict[bytes, list[tuple[bytes, bytes]]] = {}
        for digest, one, signature in zip(ordered, attributes, signatures, strict=True):
            places.setdefault(digest, []).append((one, signature))
        made = []
        for item in items:
            for digest in item.digests:
                one, signature = places[digest].pop(0)
                made.append(await self._object(key, wanted, one, signature, stamped=item.stamped))
        return {"SignatureObject": made}

    async def _sign(self, approved: Access, dtbs: tuple[bytes, ...], wanted: Wanted) -> tuple[bytes, ...]:
        scheme, salt = wanted.scheme.value, wanted.salt_bytes
        try:
            signed = await self._hash_signing.sign(approved.user_id, approved.sad, dtbs, scheme=scheme, salt_bytes=salt)
        except Refused as refusal:
            raise told(refusal, NOT_AUTHORIZED) from refusal
        return signed.signatures

    async def _object(
        self, key: KeyInformation, wanted: Wanted, attributes: bytes, signature: bytes, *, stamped: bool
    ) -> str:
        def time_stamp(request: bytes) -> bytes:
            reply: Reply = from_thread.run(ask_again, self._sam, TimeStamp(request=request), Reply)
            return reply.der

        def make() -> bytes:
            return documents.signature_object(
                key.certificate,
                # The root is what a reader has to trust already.
                key.chain[:-1],
                wanted.scheme,
                attributes=attributes,
                signature=signature,
                time_stamper=time_stamp if stamped else None,
            )

        try:
            return base64.b64encode(await to_thread.run_sync(make)).decode()
        except documents.TimeStampFailed as failed:
            raise Unavailable("the time-stamp authority gave no time-stamp") from failed


def _items(members: Members) -> tuple[_Item, ...]:
    """Raises `OAuthRefused`."""
    if members.has("documents"):
        if members.has("documentDigests"):
            raise refused("Both documentDigests and documents parameters passed")
        members.objects("documents", "Invalid array parameter documents")
        # What is signed in a whole document is made before the approval, and no approval here is over such a document.
        raise refused(NOT_AUTHORIZED)
    if not members.has("documentDigests"):
        raise refused("Empty documentDigests and documents objects")
    found = members.objects("documentDigests", "Invalid object parameter documentDigests")
    if not found:
        raise refused("Empty documentDigests and documents objects")
    return tuple(_item(one) for one in found)


def _names(members: Members, stored: StoredDocument) -> bool:
    """Whether an item of `documents` is this document: by its bytes, or by the id that its upload was given. Raises
    `OAuthRefused`."""
    if members.has("documentID"):
        return members.required("documentID") == stored.document_id
    try:
        content = base64.b64decode(members.required("document"), validate=True)
    except ValueError as cause:
        raise refused("Invalid Base64 documents string parameter") from cause
    return hashlib.sha256(content).digest() == stored.sha256


def _item(members: Members) -> _Item:
    digests = _digests(members)
    wanted, stamped = _wishes(members)
    length = HASH_BYTES[wanted.hash_name]
    if any(len(digest) != length for digest in digests):
        raise refused("Invalid digest value length")
    return _Item(digests, Wanted(wanted.scheme), stamped)


def _wishes(members: Members) -> tuple[Wanted, bool]:
    """How an item is to be signed, and whether with a time-stamp. Raises `OAuthRefused`."""
    signature_format = members.required("signature_format")
    if signature_format != FORMAT:
        raise refused("Invalid parameter signature_format")
    stamped = _STAMPED.get((members.text("conformance_level") or LEVELS[0]).lower())
    if stamped is None:
        raise refused("Invalid parameter conformance_level")
    if members.text("signed_envelope_property") not in ("", *ENVELOPES):
        raise refused("Invalid parameter signed_envelope_property")
    if members.has("signed_props"):
        names = [
            one.text("attribute_name") for one in members.objects("signed_props", "Invalid parameter signed_props")
        ]
        if names:
            # Reason, Location and the like stand in the PDF, which the application writes; others were not approved.
            raise refused(f"Invalid parameter signed_props ({', '.join(names)})")
    contradiction = "String parameter hashAlgorithmOID contradicts with signAlgo parameter"
    wanted = read_wanted(members, contradiction=contradiction)
    if wanted.salt_bytes not in (None, HASH_BYTES[wanted.hash_name]):
        raise refused("Invalid parameter signAlgoParams")
    return wanted, stamped


def _digests(members: Members) -> tuple[bytes, ...]:
    try:
        written = members.texts_or_text("hashes")
    except OAuthRefused as wrong:
        raise refused("Invalid object parameter documentDigests") from wrong
    try:
        return tuple(read_digest(text) for text in written)
    except OAuthRefused as wrong:
        raise refused("Invalid Base64 hashes string parameter") from wrong
