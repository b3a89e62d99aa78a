"""The path of one signature, from an approved instruction to a released signature. Start reading here.

What comes before is in `instructing.py` (1 instruct) and `activation.py` (3 approve, 4 activate); this file is step 5,
sign. Requests that wait at the same time travel together, because each durable write on the way is shared by all of
them; each has its own result, and the refusal of one is nothing to the others.

    1. reserve     the digests are the next approved ones and nobody else's         DB-2, durable
    2. intend      the log says that this key is about to be used                   log, durable, witnessed
    3. use         the key is opened with the SAD, signs, and is wiped
    4. check       each signature verifies with the public key on record
    5. outcome     the log says what came of it, under a signed checkpoint          log, durable, witnessed
    6. record      the answer is kept for an identical request                      DB-2, durable
    7. release     only now does a signature leave

A process that dies after 1 leaves a reserved use, which start-up closes (`recovery.py`); what was not recorded in 6 is
never released. Where the log does not go on without its witnesses, and they are away, a use waits at 2 or 5 until the
same request comes again (`parked.py`).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from natsuin import base64url, faults
from natsuin.errors import NatsuinError, StorageFailed, Unavailable
from natsuin.key_management import (
    Foundation,
    Opening,
    StoredKey,
    Vault,
    VaultInterrupted,
    WrongSignature,
    challenge_of,
    unwrap_for_signer,
    verify_signature,
)
from natsuin.sam.protocol import Sign, Signed
from natsuin.signing.activation import open_with_sad
from natsuin.signing.key_workers import KeyWorkers
from natsuin.signing.parked import Parked
from natsuin.signing.reservation import RefusedUse, Reservations
from natsuin.signing.schemes import scheme_of
from natsuin.signing_log import NotWitnessed, Receipt


@dataclass
class SignRequest:
    """One request on its way. `answer` takes the signatures, or the error that ended it; only the first call counts."""

    message: Sign
    answer: Callable[[Signed | NatsuinError], None] = field(repr=False)


@dataclass
class Use:
    """A reserved use of a key: it must end in an outcome in the log, whatever happens."""

    request: SignRequest
    row: dict[str, Any]
    """Of table `use`."""
    instruction: dict[str, Any] = field(repr=False)
    record: bytes
    """What was approved."""
    key: StoredKey
    opening: Opening = field(repr=False)
    signatures: tuple[bytes, ...] = ()
    failure: NatsuinError | None = None
    intent: Receipt | None = None
    outcome: Receipt | None = None


@dataclass(frozen=True)
class SigningPath:
    """Everything the path needs. Safe from several threads, each with its own requests."""

    foundation: Foundation
    vault: Vault
    reservations: Reservations
    block_key: Callable[[str], None]
    """Stops a key that returned a wrong signature."""
    stop: Callable[[NatsuinError], None]
    """Ends the process: when a step after the reservation fails, only a new start can tell what is true."""
    end_one_time_keys: Callable[[], object]
    """Destroys keys for one instruction whose work is done."""
    workers: KeyWorkers
    """Use keys beside the lane, where that is worth a change of threads."""
    parked: Parked = field(default_factory=Parked)

    def sign_together(self, requests: Sequence[SignRequest]) -> None:
        """Answer every request, each by its own merits. Nothing is raised; nothing is retried."""
        again, new = self.parked.take(requests)
        again += self.parked.overdue(self.foundation.now())
        try:
            faults.point("sign.before_reserve")
            # An approval is good for one use; it must not be spent on a vault or on witnesses that are away.
            self.vault.check()
            self.foundation.journal.log.require_witnesses()
            uses, refusals = self._reserve(new) if new else ([], [])
        except NatsuinError as error:
            # Nothing was reserved, so everybody may ask again.
            self.parked.keep(again)
            for request in requests:
                request.answer(error)
            if isinstance(error, StorageFailed):
                # The disk failed, perhaps after the reservation was written: the next start sees what is there.
                self.stop(error)
            return
        try:
            faults.point("sign.after_reserve")
            self._intend(uses, refusals)
            self._check_again(again)
            uses = self._witness_intents([*uses, *again])
            faults.point("sign.after_intent")
            self._use_and_check_all([use for use in uses if not use.outcome and not use.failure])
            faults.point("sign.before_outcome")
            self._log_outcomes([use for use in uses if not use.outcome])
            faults.point("sign.after_outcome")
            uses = self._witness_outcomes(uses)
            self._record(uses)
            faults.point("sign.after_record")
        except NatsuinError as error:
            # Nobody knows what became durable, so nothing is released: the next start closes what is open here.
            for request in requests:
                request.answer(error)
            self.stop(error)
            return
        for request, refused in refusals:
            request.answer(refused.error)
        for use in uses:
            faults.point("sign.before_release")
            use.request.answer(use.failure or _released(use))
        if any(use.key.row["one_time"] for use in uses):
            self.end_one_time_keys()

    def close(self) -> None:
        """Stop the threads that use keys beside the lane. Afterwards nothing may be signed."""
        self.workers.close()

    def _check_again(self, uses: Sequence[Use]) -> None:
        """What was good when a use began to wait may have ended since: its approval, its key, its certificate."""
        for use in uses:
            if use.outcome is None:
                try:
                    self.reservations.check_again(
                        use.instruction["instruction_id"],
                        use.key.key_id,
                        scheme_of(use.instruction, use.request.message),
                    )
                except NatsuinError as error:
                    use.failure = error

    def _witness_intents(self, uses: list[Use]) -> list[Use]:
        """The uses to go on with, all or none. A key is not used before witnesses have seen its intent, where the log
        does not go on without them."""
        try:
            self.foundation.journal.log.require_witnessed([use.intent for use in uses if use.intent is not None])
        except NotWitnessed as error:
            return self._let_wait(uses, error)
        return uses

    def _witness_outcomes(self, uses: list[Use]) -> list[Use]:
        """The uses whose outcomes may be told, all or none, with receipts that carry the cosignatures there are."""
        outcomes = [use.outcome for use in uses if use.outcome is not None]
        try:
            witnessed = self.foundation.journal.log.witnessed(outcomes)
        except NotWitnessed as error:
            return self._let_wait(uses, error)
        for use, receipt in zip(uses, witnessed, strict=True):
            use.outcome = receipt
        return uses

    def _let_wait(self, uses: list[Use], error: NotWitnessed) -> list[Use]:
        requests = [use.request for use in uses]
        # Before anybody is told, so that whoever asks again at once finds them.
        self.parked.keep(uses)
        for request in requests:
            request.answer(error)
        return []

    def _reserve(self, requests: Sequence[SignRequest]) -> tuple[list[Use], list[tuple[SignRequest, RefusedUse]]]:
        uses: list[Use] = []
        refusals: list[tuple[SignRequest, RefusedUse]] = []
        outcomes = self.reservations.reserve([request.message for request in requests])
        for request, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, Signed):
                request.answer(outcome)
            elif isinstance(outcome, RefusedUse):
                refusals.append((request, outcome))
            else:
                uses.append(
                    Use(request, outcome.use, outcome.instruction, outcome.record, outcome.key, outcome.opening)
                )
        return uses, refusals

    def _intend(self, uses: Sequence[Use], refusals: Sequence[tuple[SignRequest, RefusedUse]]) -> None:
        journal = self.foundation.journal
        entries = [
            journal.entry("signing-refused", {"reason": refusal.error.code}, refusal.opening)
            for _, refusal in refusals
            if refusal.opening is not None
        ]
        refused = len(entries)
        for use in uses:
            public = {
                "key": use.key.key_id,
                "algorithm": use.key.row["algorithm"],
                "scheme": scheme_of(use.instruction, use.request.message).value,
                "count": use.row["count"],
            }
            entries.append(journal.entry("intent", public, use.opening))
        receipts = journal.add_all(entries)
        for use, receipt in zip(uses, receipts[refused:], strict=True):
            use.intent = receipt

    def _use_and_check_all(self, uses: Sequence[Use]) -> None:
        long = [use for use in uses if _takes_long(use)]
        self.workers.run(self._use_and_check, long)
        for use in uses:
            if not _takes_long(use):
                self._use_and_check(use)

    def _use_and_check(self, use: Use) -> None:
        scheme, salt = scheme_of(use.instruction, use.request.message), use.request.message.salt_bytes
        try:
            signer_key = open_with_sad(
                use.instruction["sealed_signer_key"], use.request.message.sad, challenge_of(use.record)
            )
            closed = self.foundation.provider.open(use.key.row["key_blob"], use.key.binding)
            sealed = unwrap_for_signer(closed, signer_key, use.key.binding)
            faults.point("sign.before_open")
            with self.vault.open(sealed, use.key.binding) as key:
                faults.point("sign.after_open")
                signatures = key.sign_all(use.request.message.dtbs, scheme, salt)
            faults.point("sign.after_signature")
            public_key = use.key.public_key
            for dtbs, signature in zip(use.request.message.dtbs, signatures, strict=True):
                verify_signature(public_key, dtbs, signature, scheme, salt)
            faults.point("sign.after_check")
            use.signatures = signatures
        except WrongSignature as error:
            # A fault in the vault, or a key that is not the one on record: what came out must never leave.
            use.failure = error
            self.block_key(use.key.key_id)
        except NatsuinError as error:
            # The use is spent and the log will say so; the other requests go on.
            use.failure = error

    def _log_outcomes(self, uses: Sequence[Use]) -> None:
        journal = self.foundation.journal
        entries = []
        for use in uses:
            public: dict[str, Any] = {"tx": use.opening.tx, "key": use.key.key_id, "intent": _logged(use.intent).index}
            if use.failure is None:
                public |= {
                    "result": "signed",
                    "signatures": [base64url.encode(hashlib.sha256(value).digest()) for value in use.signatures],
                }
            else:
                # A vault that broke off may have signed; what it made, if anything, is nowhere.
                result = "unknown" if isinstance(use.failure, VaultInterrupted) else "failed"
                public |= {"result": result, "reason": use.failure.code}
            entries.append(journal.entry("outcome", public))
        for use, receipt in zip(uses, journal.add_all(entries), strict=True):
            use.outcome = receipt

    def _record(self, uses: Sequence[Use]) -> None:
        self.reservations.record(
            [
                {
                    **use.row,
                    "state": "consumed" if use.failure else "released",
                    "intent_index": self.foundation.journal.log.place_of(_logged(use.intent)),
                    "signatures": msgspec.msgpack.encode(use.signatures),
                    "receipt": _logged(use.outcome).tlog_proof(),
                }
                for use in uses
            ]
        )


def _takes_long(use: Use) -> bool:
    """Whether the operation is long enough, or far enough away, for others to go on beside it: elliptic curves in
    software are done before another thread has woken up."""
    return use.key.row["backend"] != "software" or str(use.key.row["algorithm"]).startswith("rsa")


def _released(use: Use) -> Signed:
    return Signed(signatures=use.signatures, receipt=_logged(use.outcome).tlog_proof())


def _logged(receipt: Receipt | None) -> Receipt:
    if receipt is None:
        raise Unavailable("a step of signing was left out")
    return receipt
