"""Work on the bytes of documents, kept away from the event loop; hostile bytes are read in a child process with limits."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter, to_thread
from cryptography import x509
from cryptography.x509.oid import NameOID

from natsuin import documents, validation
from natsuin.algorithms import SignatureScheme
from natsuin.sam.protocol import KeyInformation

if TYPE_CHECKING:
    from natsuin.web.document_signing import Wish

_AT_ONCE = 2
"""How many documents are worked on at a time: each may cost a core and some hundred MiB."""


@dataclass(frozen=True)
class PreparedDocument:
    """A document with room for its signature. `dtbs` is what is to be signed, `serialized` what `embed` needs later."""

    dtbs: bytes
    serialized: bytes

    @property
    def dtbs_sha256(self) -> str:
        """SHA-256 of what is to be signed, hexadecimal."""
        return hashlib.sha256(self.dtbs).hexdigest()


class DocumentWork:
    """Inspects, prepares, completes and validates documents. Safe from several tasks."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(_AT_ONCE)

    async def inspect(self, content: bytes) -> documents.DocumentFacts:
        """What can be said about an uploaded file. Raises the refusals of `natsuin.documents`."""
        facts: documents.DocumentFacts = await self._isolated("inspect", content)
        return facts

    async def prepare(
        self, content: bytes, key: KeyInformation, scheme: SignatureScheme, wish: "Wish", now: datetime
    ) -> PreparedDocument:
        """Make room for the signature and, where a placement is wished, draw the seal mark."""
        name = _common_name(key.certificate)
        appearance = None
        if wish.placement is not None:
            appearance = documents.SealAppearance(name=name)
        request = documents.PrepareRequest(
            certificate=key.certificate,
            chain=key.chain,
            scheme=scheme,
            signing_time=now,
            placement=wish.placement,
            appearance=appearance,
            reason=wish.reason,
            name=name,
        )
        prepared: documents.Prepared = await self._isolated("prepare", content, request)
        return PreparedDocument(prepared.dtbs, prepared.to_bytes())

    async def open_prepared(self, serialized: bytes) -> PreparedDocument:
        """The prepared document that was stored."""
        prepared = await to_thread.run_sync(documents.Prepared.from_bytes, serialized)
        return PreparedDocument(prepared.dtbs, serialized)

    async def embed(self, serialized: bytes, signature: bytes, time_stamper: Callable[[bytes], bytes]) -> bytes:
        """The signed document (PAdES B-T). `time_stamper` takes and gives RFC 3161 DER, and is called from a thread."""

        def complete() -> bytes:
            prepared = documents.Prepared.from_bytes(serialized)
            return documents.embed(prepared, signature, time_stamper=time_stamper)

        return await to_thread.run_sync(complete, limiter=self._limiter)

    async def validate(self, content: bytes, **about: Any) -> validation.Report:
        """The verdict on a signed document."""
        report: validation.Report = await self._isolated("validate_pdf", content, **about)
        return report

    async def _isolated(self, name: str, *arguments: Any, **named: Any) -> Any:
        return await to_thread.run_sync(
            partial(documents.isolated, name, *arguments, **named), limiter=self._limiter
        )


def _common_name(certificate: bytes) -> str:
    names = x509.load_der_x509_certificate(certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""
