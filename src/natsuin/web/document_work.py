"""Work on the bytes of documents, kept away from the event loop; hostile bytes are read in a child process with
limits."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from anyio import CapacityLimiter, to_thread

from natsuin import documents, validation
from natsuin.algorithms import SignatureScheme
from natsuin.errors import Busy
from natsuin.sam.protocol import KeyInformation
from natsuin.web.keys import certificate_view

_VERIFICATION = documents.Limits(seconds=10.0, cpu_seconds=5)
"""Anybody may have a document examined without signing in, so it costs less and delays no signer."""
_VERIFICATIONS_WAITING = 8
_AT_ONCE = 2
"""How many documents are worked on at a time: each may cost a core and some hundred MiB."""


@dataclass(frozen=True)
class Wish:
    """How the signer wants the document signed. No `placement`, no visible mark."""

    key_id: str | None = None
    placement: documents.Placement | None = None
    reason: str = ""


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
    """Inspects, prepares, completes and validates documents. Safe from several tasks. `close` ends its child
    processes."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(_AT_ONCE)
        self._workers = documents.Workers(_AT_ONCE)
        self._examiners = documents.Workers(1, _VERIFICATION)
        self._examining = CapacityLimiter(1)

    def start(self) -> None:
        """Start the child processes, which takes a second; the first call would do it otherwise. Blocks."""
        self._workers.start()

    def close(self) -> None:
        """End the child processes. Blocks for a moment."""
        self._workers.close()
        self._examiners.close()

    async def inspect(self, content: bytes) -> documents.DocumentFacts:
        """What can be said about an uploaded file. Raises the refusals of `natsuin.documents`."""
        return await to_thread.run_sync(self._workers.inspect, content, limiter=self._limiter)

    async def prepare(
        self, content: bytes, key: KeyInformation, scheme: SignatureScheme, wish: Wish, now: datetime
    ) -> PreparedDocument:
        """Make room for the signature and, where a placement is wished, draw the seal mark."""
        name = certificate_view(key.certificate).common_name
        request = documents.PrepareRequest(
            certificate=key.certificate,
            # The root is what a reader has to trust already, so it is not put into the document.
            chain=key.chain[:-1],
            scheme=scheme,
            signing_time=now,
            placement=wish.placement,
            appearance=documents.SealAppearance(name=name) if wish.placement is not None else None,
            reason=wish.reason,
            name=name,
        )
        prepared = await to_thread.run_sync(self._workers.prepare, content, request, limiter=self._limiter)
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

    async def validate(
        self, content: bytes, *, root: bytes, issuing: bytes, receipt: str | None, log_vkey: str
    ) -> validation.Report:
        """The verdict on a signed document, with `root` as the only trust anchor. Certificates are DER.

        Runs apart from the work of signers, one at a time. Raises `Busy` when several wait already.
        """

        def run() -> validation.Report:
            return validation.validate_isolated(
                self._examiners,
                content,
                trust=(root,),
                intermediates=(issuing,),
                receipt=receipt,
                log_vkey=log_vkey,
            )

        if self._examining.statistics().tasks_waiting >= _VERIFICATIONS_WAITING:
            raise Busy("Too many documents are being verified.", hint="Try again in a moment.")
        return await to_thread.run_sync(run, limiter=self._examining)
