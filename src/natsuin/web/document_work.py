"""Work on the bytes of documents, kept away from the event loop; hostile bytes are read in a confined child process.

Three kinds of work do not wait for each other: documents of signers, which are read and prepared; documents of anybody,
which are verified; and signatures that are embedded, which takes no child because it reads nothing of strangers.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from anyio import CapacityLimiter, to_thread

from natsuin import documents, validation
from natsuin.algorithms import SignatureScheme
from natsuin.sam.protocol import KeyInformation
from natsuin.web.fair_places import FairPlaces
from natsuin.web.isolation import Limits, Workers
from natsuin.web.keys import certificate_view

_VERIFICATION = Limits(seconds=10.0, cpu_seconds=5)
"""Anybody may have a document verified without signing in, so it costs less and delays no signer."""
_WAITING_OF_ONE = 8
_WAITING = 64
_MEMORY_OF_ONE = 1024 * 1024 * 1024
_EMBEDDING_AT_ONCE = 4


@dataclass(frozen=True)
class Room:
    """How many documents are worked on at a time: of signers, and of anybody."""

    signing: int
    verifying: int

    @classmethod
    def of_this_machine(cls) -> "Room":
        """Two of signers or as many as there are cores, and half as many of anybody, as far as memory goes: each may
        cost a core and a gigabyte."""
        cores = len(os.sched_getaffinity(0))
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        most = max(2, min(cores, memory // _MEMORY_OF_ONE // 2))
        return cls(signing=most, verifying=max(1, most // 2))

    @property
    def of_one_signer(self) -> int:
        """One signer's documents never take all the room."""
        return max(1, self.signing // 2)


@dataclass(frozen=True)
class Wish:
    """How the signer wants the document signed. No `placement`, no visible mark."""

    key_id: str | None = None
    placement: documents.Placement | None = None
    reason: str = ""


@dataclass(frozen=True)
class Yardstick:
    """What a signed document is judged by: trusted roots, further certificates and revocation lists (DER), the receipt
    of the log and the log's verifier key."""

    trust: tuple[bytes, ...]
    intermediates: tuple[bytes, ...]
    revocation_lists: tuple[bytes, ...]
    receipt: str | None
    log_vkey: str


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

    def __init__(self, room: Room | None = None) -> None:
        room = room or Room.of_this_machine()
        self._workers = Workers(room.signing + room.verifying, of_validation=_VERIFICATION)
        self._signers = FairPlaces(
            room.signing, each=room.of_one_signer, waiting=_WAITING_OF_ONE, waiting_together=_WAITING
        )
        # Behind a proxy all visitors look like one, so one may have all places; those who can be told apart take turns.
        self._visitors = FairPlaces(
            room.verifying, each=room.verifying, waiting=_WAITING_OF_ONE, waiting_together=_WAITING
        )
        # Who has a place needs a thread at once; the threads of others must not stand in the way.
        self._threads = CapacityLimiter(room.signing + room.verifying)
        self._embedding = CapacityLimiter(_EMBEDDING_AT_ONCE)

    def start(self) -> None:
        """Start the process that children are forked from, which takes a second or two; the first call would do it
        otherwise. Logs how the children are confined. Blocks."""
        self._workers.start()

    def close(self) -> None:
        """End the child processes. Blocks for a moment."""
        self._workers.close()

    async def inspect(self, person: str, content: bytes) -> documents.DocumentFacts:
        """What can be said about a file that `person` uploaded. Raises the refusals of `natsuin.documents`, and `Busy`
        when many documents of this person, or of all, wait already."""
        async with self._signers.place_for(person):
            return await to_thread.run_sync(self._workers.inspect, content, limiter=self._threads)

    async def prepare(
        self, person: str, content: bytes, key: KeyInformation, scheme: SignatureScheme, wish: Wish, now: datetime
    ) -> PreparedDocument:
        """Make room for the signature of `person` and, where a placement is wished, draw the seal mark. Raises as
        `inspect`."""
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
        async with self._signers.place_for(person):
            prepared = await to_thread.run_sync(self._workers.prepare, content, request, limiter=self._threads)
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

        return await to_thread.run_sync(complete, limiter=self._embedding)

    async def validate(self, visitor: str, content: bytes, yardstick: Yardstick) -> validation.Report:
        """The verdict on a signed document that `visitor` (an address) sent. Raises `Busy` when several wait
        already."""

        def run() -> validation.Report:
            return self._workers.validate(content, **asdict(yardstick))

        async with self._visitors.place_for(visitor):
            return await to_thread.run_sync(run, limiter=self._threads)
