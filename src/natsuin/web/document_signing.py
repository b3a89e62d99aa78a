"""The path of one signed document, as web walks it (design, section 3).

    instruct   prepare the PDF -> sam records the instruction -> the record and its challenge go to the browser
    approve    the passkey's answer and sealed PIN go to sam, which gives a SAD -> sam signs -> the signature is kept
    settle     after a crash of this process in between: sam's record tells what came of the approval
    finish     time-stamp and signature are put into the PDF -> the signed document is kept

The SAD never reaches the database, not even encrypted: it stays in memory between two calls, and if it is lost with
this process, nothing is: what sam released it gives out again, and what it did not release is cancelled there, so that
nothing can come of a SAD that nobody has. From the moment the signature is kept in DB-1 finishing may be tried again at
any time without another approval.
"""

import asyncio
import hashlib
from dataclasses import dataclass

import structlog
from anyio import from_thread, to_thread

from natsuin.algorithms import FACTS, SignatureScheme
from natsuin.clock import Clock, milliseconds
from natsuin.errors import Busy, Conflict, NatsuinError, NotFound, Refused
from natsuin.sam.protocol import (
    Activate,
    Activated,
    Assertion,
    Cancel,
    Cancelled,
    DocumentLabel,
    Instruct,
    Instruction,
    KeyInformation,
    Recall,
    Recalled,
    Reply,
    Sign,
    Signed,
    TimeStamp,
)
from natsuin.web.document_store import DocumentStore, StoredDocument
from natsuin.web.document_work import DocumentWork, PreparedDocument, Wish
from natsuin.web.instruction_store import (
    InstructionStore,
    NewInstruction,
    StoredInstruction,
    approval_under_way,
)
from natsuin.web.keyed_locks import KeyedLocks
from natsuin.web.keys import OwnKeys, document_scheme
from natsuin.web.sam_calls import Sam, ask, ask_again

_log = structlog.get_logger("natsuin.web")


@dataclass(frozen=True)
class Approval:
    """What the signer's browser sends back: opaque to web."""

    assertion: Assertion
    sealed_pin: bytes

    def fingerprint(self) -> bytes:
        """The same for the same approval sent again."""
        parts = (self.assertion.client_data_json, self.assertion.signature, self.sealed_pin)
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()


@dataclass(frozen=True)
class InstructedDocument:
    """An instruction that waits for approval, with what the signer is shown."""

    document: StoredDocument
    key: KeyInformation
    prepared: PreparedDocument
    instruction: Instruction


@dataclass(frozen=True)
class _Activation:
    approval: bytes
    sad: bytes
    expires_at: int


class DocumentSigning:
    """Signs stored documents for their owners. One object for each process; used from its event loop."""

    def __init__(
        self,
        sam: Sam,
        clock: Clock,
        *,
        documents: DocumentStore,
        instructions: InstructionStore,
        keys: OwnKeys,
        work: DocumentWork,
    ) -> None:
        self._sam = sam
        self._clock = clock
        self._documents = documents
        self._instructions = instructions
        self._keys = keys
        self._work = work
        self._locks = KeyedLocks()
        self._activations: dict[str, _Activation] = {}

    async def instruct(self, owner_id: str, document_id: str, wish: Wish) -> InstructedDocument:
        """Prepare the document and have sam record what is to be signed. Replaces an earlier unapproved instruction.

        Raises `NotFound`, `Conflict` (signed already, or an approval is under way), what the document refuses, and what
        sam refuses.
        """
        approved = await to_thread.run_sync(self._instructions.approved_of, owner_id, document_id)
        if approved is not None and (self._locks.is_held(document_id) or self._holds(approved)):
            raise approval_under_way()
        async with self._locks.hold(document_id):
            await self._settle(owner_id, document_id)
            return await self._instruct(owner_id, document_id, wish)

    async def _instruct(self, owner_id: str, document_id: str, wish: Wish) -> InstructedDocument:
        found = await to_thread.run_sync(self._documents.require, owner_id, document_id)
        if found.state not in ("ready", "waiting"):
            raise Conflict("the document is signed already", hint="To add another signature, upload the signed file.")
        key = await self._keys.choose(owner_id, wish.key_id)
        scheme = document_scheme(key)
        content = await to_thread.run_sync(self._documents.content, owner_id, document_id)
        prepared = await self._work.prepare(owner_id, content, key, scheme, wish, self._clock.now())
        recorded = await ask(
            self._sam,
            Instruct(
                key_id=key.key_id,
                user_id=owner_id,
                scheme=scheme.value,
                digests=(_digest(prepared.dtbs, scheme),),
                documents=(DocumentLabel(name=found.name, size=found.size, sha256=found.sha256),),
                purpose=wish.reason,
            ),
            Instruction,
        )
        added = NewInstruction(
            instruction_id=recorded.instruction_id,
            document_id=document_id,
            document_name=found.name,
            key_id=key.key_id,
            scheme=scheme.value,
            reason=wish.reason,
            count=1,
            expires_at=recorded.expires_at,
            certificate=key.certificate,
            prepared=prepared.serialized,
        )
        for replaced in await to_thread.run_sync(self._instructions.add, owner_id, added):
            await self._cancel_at_sam(owner_id, replaced)
        return InstructedDocument(found, key, prepared, recorded)

    async def approve(self, owner_id: str, instruction_id: str, approval: Approval) -> str:
        """Sign with the signer's approval and finish the document; returns its id. Repeating it gives the same
        document.

        Raises `NotFound`, `Conflict`, and what sam refuses. If only the last step failed (such as `TimeStampFailed`),
        the signature is kept, and approving again or `finish` completes it.
        """
        found = await to_thread.run_sync(self._instructions.require, owner_id, instruction_id)
        document_id = found.document_id
        if document_id is None:
            raise Conflict("this instruction has no document here", hint="Approve it through its application.")
        async with self._locks.hold(document_id):
            found = await to_thread.run_sync(self._instructions.require, owner_id, instruction_id)
            if found.state == "activated":
                await self._settle(owner_id, document_id)
                found = await to_thread.run_sync(self._instructions.require, owner_id, instruction_id)
                if found.state == "cancelled":
                    raise Conflict(
                        "the approval was interrupted before anything was signed", hint="Start again from the document."
                    )
            if found.state in ("waiting", "activated"):
                await self._sign(found, approval)
                found = await to_thread.run_sync(self._instructions.require, owner_id, instruction_id)
            if found.state == "cancelled":
                raise Conflict("the instruction was cancelled or replaced", hint="Start again from the document.")
            return await self._finish(found)

    async def finish(self, owner_id: str, document_id: str) -> str:
        """Embed a signature that was released before. Needs no approval: nothing new is signed. Returns the document's
        id."""
        async with self._locks.hold(document_id):
            found = await to_thread.run_sync(self._instructions.of_document, owner_id, document_id)
            return await self._finish(found)

    async def settle(self, owner_id: str, document_id: str) -> None:
        """Find out at sam what came of an approval whose SAD this process does not hold, after a crash or when its time
        is over. What was released is kept; what was not can never be, and the person may approve anew. Does nothing
        while an approval is under way here. Raises what sam refuses."""
        if not self._locks.is_held(document_id):
            async with self._locks.hold(document_id):
                await self._settle(owner_id, document_id)

    async def finish_all(self, *, restarted: bool = False) -> int:
        """Settle every approval whose time is over, and finish every document whose signature is kept and not embedded.
        Returns how many were finished.

        After a restart every approval without an outcome is settled: whoever was at it is gone.
        """
        now = milliseconds(self._clock.now())
        for approved in await to_thread.run_sync(self._instructions.approved):
            if not restarted and now < approved.expires_at:
                continue
            try:
                await self.settle(approved.owner_id, approved.document_id or "")
            except NatsuinError as error:
                _log.warning("unsettled-approval", code=error.code)
        finished = 0
        for waiting in await to_thread.run_sync(self._instructions.released):
            if waiting.document_id is None:
                continue
            try:
                await self.finish(waiting.owner_id, waiting.document_id)
                finished += 1
            except NatsuinError as error:
                _log.warning("unfinished-document", code=error.code)
        return finished

    async def cancel(self, owner_id: str, instruction_id: str) -> int:
        """Withdraw an instruction. Returns how many digests can no longer be signed. Raises `NotFound`, what sam
        refuses."""
        known = await to_thread.run_sync(self._instructions.require, owner_id, instruction_id)
        async with self._locks.hold(known.document_id or instruction_id):
            found = await to_thread.run_sync(self._instructions.require, owner_id, instruction_id)
            answer = await ask(self._sam, Cancel(instruction_id=instruction_id, user_id=owner_id), Cancelled)
            if found.document_id is not None and found.state == "activated" and answer.unused == 0:
                # sam may have signed although its answer never came: what would take that signature up must stay.
                raise Conflict("the approval was used already", hint="Approve again to complete the document.")
            self._activations.pop(instruction_id, None)
            await to_thread.run_sync(self._instructions.note_cancelled, owner_id, instruction_id)
            return answer.unused

    async def _sign(self, found: StoredInstruction, approval: Approval) -> None:
        """Exchange the approval for a signature and keep it before anything else can fail.

        Before sam is asked it is noted durably that an approval is under way; only a failure to get a SAD, or sam's
        refusal to sign, takes that back.
        """
        prepared = await self._work.open_prepared(
            await to_thread.run_sync(self._instructions.prepared, found.instruction_id)
        )
        scheme = SignatureScheme(found.scheme)
        dtbs = _digest(prepared.dtbs, scheme) if FACTS[scheme].prehashed else prepared.dtbs
        await to_thread.run_sync(self._instructions.begin_approval, found.instruction_id)
        try:
            activation = await self._activate(found.instruction_id, approval)
        except NatsuinError:
            if found.instruction_id not in self._activations:
                # Without a SAD nothing was signed and nothing can be.
                await to_thread.run_sync(self._instructions.note_refused, found.instruction_id)
            raise
        try:
            # If no answer comes the SAD stays in memory: the same approval sent again asks sam for its recorded answer.
            signed = await ask_again(self._sam, Sign(sad=activation.sad, dtbs=(dtbs,)), Signed)
        except Refused:
            self._activations.pop(found.instruction_id, None)
            await to_thread.run_sync(self._instructions.note_refused, found.instruction_id)
            raise
        await to_thread.run_sync(
            self._instructions.keep_signature, found.instruction_id, signed.signatures[0], signed.receipt
        )
        self._activations.pop(found.instruction_id, None)

    async def _settle(self, owner_id: str, document_id: str) -> None:
        found = await to_thread.run_sync(self._instructions.approved_of, owner_id, document_id)
        if found is None or self._holds(found):
            return
        self._activations.pop(found.instruction_id, None)
        try:
            recalled = await self._recall(owner_id, found.instruction_id)
        except NotFound:
            # sam has no such instruction any more, so it signs nothing under it.
            recalled = Recalled(released=(), under_way=False)
        if recalled.under_way:
            raise Busy("an approval of this document is being signed at this moment", hint="Try again in a moment.")
        if not recalled.released:
            await to_thread.run_sync(self._instructions.note_cancelled, owner_id, found.instruction_id)
            return
        signed = recalled.released[0]
        await to_thread.run_sync(
            self._instructions.keep_signature, found.instruction_id, signed.signatures[0], signed.receipt
        )

    async def _recall(self, owner_id: str, instruction_id: str) -> Recalled:
        """What came of the instruction, for good."""
        recall = Recall(instruction_id=instruction_id, user_id=owner_id)
        recalled = await ask(self._sam, recall, Recalled)
        if recalled.released or recalled.under_way:
            return recalled
        # From here on nothing can be taken any more, so what is not released then never will be.
        await ask(self._sam, Cancel(instruction_id=instruction_id, user_id=owner_id), Cancelled)
        return await ask(self._sam, recall, Recalled)

    def _holds(self, found: StoredInstruction) -> bool:
        """Whether this process could still use the approval."""
        held = self._activations.get(found.instruction_id)
        return held is not None and milliseconds(self._clock.now()) < held.expires_at

    async def _activate(self, instruction_id: str, approval: Approval) -> _Activation:
        fingerprint = approval.fingerprint()
        held = self._activations.get(instruction_id)
        if held is not None and held.approval == fingerprint:
            return held
        message = Activate(instruction_id=instruction_id, assertion=approval.assertion, sealed_pin=approval.sealed_pin)
        answer = await ask(self._sam, message, Activated)
        activation = _Activation(fingerprint, answer.sad, answer.expires_at)
        self._activations[instruction_id] = activation
        return activation

    async def _finish(self, found: StoredInstruction) -> str:
        if found.document_id is None:
            raise Conflict("the document was deleted")
        if found.state == "finished":
            return found.document_id
        signature = await to_thread.run_sync(self._instructions.signature, found.instruction_id)
        prepared = await to_thread.run_sync(self._instructions.prepared, found.instruction_id)

        def time_stamp(request: bytes) -> bytes:
            reply: Reply = from_thread.run(ask_again, self._sam, TimeStamp(request=request), Reply)
            return reply.der

        content = await self._work.embed(prepared, signature, time_stamp)
        await to_thread.run_sync(self._instructions.finish, found.instruction_id, found.document_id, content)
        return found.document_id

    async def _cancel_at_sam(self, owner_id: str, instruction_id: str) -> None:
        """Tidying up: an instruction that nobody approves expires in any case."""
        try:
            async with asyncio.timeout(5):
                await ask(self._sam, Cancel(instruction_id=instruction_id, user_id=owner_id), Cancelled)
        except (NatsuinError, TimeoutError):
            _log.info("instruction-left-to-expire")


def _digest(dtbs: bytes, scheme: SignatureScheme) -> bytes:
    return hashlib.new(FACTS[scheme].hash_name, dtbs).digest()
