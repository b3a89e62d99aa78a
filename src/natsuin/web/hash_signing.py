"""Signing of digests that an application computed: instruct, activate, and the hot call that signs."""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass

from anyio import to_thread

from natsuin.errors import NotFound
from natsuin.sam.protocol import Activate, Activated, Instruct, Instruction, KeyInformation, Sign, Signed
from natsuin.web.document_signing import Approval
from natsuin.web.instruction_store import InstructionStore, NewInstruction, StoredInstruction
from natsuin.web.keys import OwnKeys
from natsuin.web.sam_calls import Sam, ask

_REMEMBERED = 10_000


@dataclass(frozen=True)
class Application:
    """Which application asks: its name in the record, its words for the digests, and how long the approval may take
    and last, in seconds."""

    name: str = "application"
    labels: tuple[str, ...] = ()
    life_seconds: int = 300


@dataclass(frozen=True)
class InstructedDigests:
    """An instruction over digests that waits for approval."""

    key: KeyInformation
    instruction: Instruction


class HashSigning:
    """Passes digests to sam for the person whose session asks. Thread safe."""

    def __init__(self, sam: Sam, instructions: InstructionStore, keys: OwnKeys) -> None:
        self._sam = sam
        self._instructions = instructions
        self._keys = keys
        self._lock = threading.Lock()
        self._owners: OrderedDict[bytes, str] = OrderedDict()

    async def instruct(
        self,
        owner_id: str,
        key_id: str,
        *,
        scheme: str,
        digests: tuple[bytes, ...],
        purpose: str,
        application: Application = Application(),
    ) -> InstructedDigests:
        """Have sam record what is to be signed. Raises `NotFound`, `Conflict` and what sam refuses."""
        key = await self._keys.choose(owner_id, key_id)
        message = Instruct(
            key_id=key_id,
            user_id=owner_id,
            scheme=scheme,
            digests=digests,
            client=application.name,
            purpose=purpose,
            life_seconds=application.life_seconds,
        )
        recorded = await ask(self._sam, message, Instruction)
        added = NewInstruction(
            instruction_id=recorded.instruction_id,
            document_id=None,
            document_name="",
            key_id=key_id,
            scheme=scheme,
            reason=purpose,
            count=len(digests),
            expires_at=recorded.expires_at,
            certificate=key.certificate,
        )
        await to_thread.run_sync(self._instructions.add, owner_id, added)
        return InstructedDigests(key, recorded)

    async def instruction(self, owner_id: str, instruction_id: str) -> StoredInstruction:
        """What is remembered of an instruction. Raises `NotFound`."""
        return await to_thread.run_sync(self._instructions.require, owner_id, instruction_id)

    async def activate(self, owner_id: str, instruction_id: str, approval: Approval) -> Activated:
        """Exchange the signer's approval for a SAD. Raises `NotFound` and what sam refuses."""
        found = await to_thread.run_sync(self._instructions.require, owner_id, instruction_id)
        if found.document_id is not None:
            raise NotFound("there is no such instruction of an application")
        message = Activate(instruction_id=instruction_id, assertion=approval.assertion, sealed_pin=approval.sealed_pin)
        activated = await ask(self._sam, message, Activated)

        def note() -> None:
            self._instructions.note_activated(owner_id, instruction_id, sad=activated.sad)

        await to_thread.run_sync(note)
        return activated

    async def sign(
        self, owner_id: str, sad: bytes, dtbs: tuple[bytes, ...], *, scheme: str = "", salt_bytes: int | None = None
    ) -> Signed:
        """Sign approved digests. Asking again with the same ones gives the recorded signatures.

        Raises `NotFound` if the SAD was not given to this person, and what sam refuses.
        """
        sad_hash = hashlib.sha256(sad).digest()
        with self._lock:
            owner = self._owners.get(sad_hash)
        if owner is None:
            owner = await to_thread.run_sync(self._instructions.owner_of_sad, sad_hash)
            if owner is not None:
                self._remember(sad_hash, owner)
        if owner != owner_id:
            raise NotFound("there is no such activation")
        message = Sign(sad=sad, dtbs=dtbs, scheme=scheme, salt_bytes=salt_bytes)
        return await ask(self._sam, message, Signed)

    def _remember(self, sad_hash: bytes, owner: str) -> None:
        """Whose a SAD is never changes, so it may be remembered as long as there is room."""
        with self._lock:
            self._owners[sad_hash] = owner
            while len(self._owners) > _REMEMBERED:
                self._owners.popitem(last=False)
