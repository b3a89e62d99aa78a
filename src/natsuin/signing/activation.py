"""鍵認可: the signer's approval of one instruction, and the signature activation data (SAD) that comes of it.

The SAD is 32 random bytes. DB-2 keeps its hash, and the signer key encrypted under a key derived from it, with the
challenge of the approved record as associated data: neither the database without the SAD nor the SAD with another
record opens anything.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from natsuin.errors import AlreadyUsed, ApprovalRefused, Conflict, Expired, NotFound, Refused, Tampered
from natsuin.key_management import (
    PIN_SLOT,
    Foundation,
    Keys,
    PINSecret,
    SecretOpener,
    Stops,
    StoredKey,
    challenge_of,
    decrypt,
    encrypt,
    normal_pin,
    signing_key,
    unwrap_for_signer,
)
from natsuin.sam.protocol import HPKE_INFO_APPROVE, Activate, Activated, Assertion
from natsuin.signing.instructing import APPROVED, CANCELLED, WAITING, record_of
from natsuin.signing.one_time import require_first_approval
from natsuin.signing.tables import instruction

SAD_BYTES = 32
MOST_REFUSALS = 5
"""So many refused approvals end an instruction."""
_CLOCK_TOLERANCE_MILLISECONDS = 5000
"""Clocks that are kept in step are set back by less than this."""


class StoredApproval(msgspec.Struct, frozen=True):
    """An approval as evidence needs it later, when the passkey may have been removed. `public_key` is COSE_Key, `entry`
    the index of the approval's entry in the log."""

    assertion: Assertion
    public_key: bytes
    entry: int


@dataclass(frozen=True)
class Activation:
    """Turns approvals into SADs. Safe from several threads; durable on return."""

    foundation: Foundation
    keys: Keys
    opener: SecretOpener
    stops: Stops

    def activate(self, message: Activate) -> Activated:
        """Verify passkey and PIN against what sam has on record; answer with the SAD.

        Raises `ApprovalRefused`, `WrongSecret`, `Locked`, `Expired`, `AlreadyUsed`, `Tampered`; each refusal is in the
        log.
        """
        row, record = self._instruction(message.instruction_id)
        try:
            key = self._waiting_key(row)
            # 1. The passkey that is bound to this key signed exactly this record, and that approval was not tried yet.
            challenge = challenge_of(record)
            sign_counts = self.keys.verify_owner(key, record, message.assertion)
            row = self._spend(row, message.assertion)
            # 2. The PIN, which only sam can read, opens the signer's layer; the try is counted before it is checked.
            pin = self.opener.open(message.sealed_pin, HPKE_INFO_APPROVE + challenge, PINSecret).pin
            signer_key = self.keys.open_signer_key(key, PIN_SLOT, normal_pin(pin))
            unwrap_for_signer(self.foundation.provider.open(key.row["key_blob"], key.binding), signer_key, key.binding)
        except Refused as refusal:
            self._note_refusal(row, refusal)
            raise
        # 3. A secret for this record alone takes the place of the PIN until the approved digests are signed.
        sad = os.urandom(SAD_BYTES)
        entry = self._log_approval(row, record, message.assertion)
        stored = StoredApproval(message.assertion, key.passkey(message.assertion.credential_id).public_key, entry)
        with self.foundation.database.write() as connection:
            approved = self.foundation.update(
                connection,
                instruction,
                row,
                state=APPROVED,
                approval=msgspec.json.encode(stored),
                approved_at=self.foundation.now(),
                sad_hash=sad_hash(sad),
                sealed_signer_key=encrypt(_sad_key(sad), signer_key, challenge),
            )
            if not approved:
                raise AlreadyUsed("the instruction was approved or cancelled a moment ago")
            if not self.foundation.update(connection, signing_key, key.row, sign_counts=sign_counts):
                raise Conflict("another approval with this key was a moment earlier", hint="Approve again.")
        return Activated(sad=sad, expires_at=row["expires_at"])

    def _instruction(self, instruction_id: str) -> tuple[dict[str, Any], bytes]:
        """The row, and the record that is to be approved."""
        with self.foundation.database.read() as connection:
            row = self.foundation.find(connection, instruction, instruction_id=instruction_id)
            if row is None:
                raise NotFound("there is no such instruction", hint="Begin again with the document.")
            return row, record_of(self.foundation, connection, instruction_id)

    def _waiting_key(self, row: dict[str, Any]) -> StoredKey:
        require_state(row, WAITING, self.foundation.now())
        self.stops.require_going(row["user_id"])
        with self.foundation.database.read() as connection:
            key = self.keys.get(connection, row["key_id"], row["user_id"])
            require_first_approval(connection, key, row["instruction_id"])
        key.require_active()
        return key

    def _spend(self, row: dict[str, Any], assertion: Assertion) -> dict[str, Any]:
        # Only what the passkey signed counts: the same approval can be spelt in several ways, with or without a user
        # handle, and with two forms of an ECDSA signature.
        client_data = hashlib.sha256(assertion.client_data_json).digest()
        tried = hashlib.sha256(client_data + assertion.authenticator_data).digest()
        if hmac.compare_digest(row["last_assertion"], tried):
            raise ApprovalRefused("this approval was tried before", hint="Approve again with your passkey.")
        with self.foundation.database.write() as connection:
            spent = self.foundation.update(connection, instruction, row, last_assertion=tried)
            now = self.foundation.find(connection, instruction, instruction_id=row["instruction_id"])
        if not spent or now is None:
            raise Conflict("another approval of this was a moment earlier", hint="Look whether it is signed already.")
        return now

    def _note_refusal(self, row: dict[str, Any], refusal: Refused) -> None:
        # Whoever can send approvals could otherwise make the log grow without end.
        if row["state"] != WAITING:
            return
        refusals = row["refusals"] + 1
        state = CANCELLED if refusals >= MOST_REFUSALS else WAITING
        with self.foundation.database.write() as connection:
            if not self.foundation.update(connection, instruction, row, refusals=refusals, state=state):
                return
        self.foundation.journal.record(
            "approval-refused",
            public={"key": row["key_id"], "reason": refusal.code},
            private={"instruction": row["instruction_id"], "user": row["user_id"]},
        )

    def _log_approval(self, row: dict[str, Any], record: bytes, assertion: Assertion) -> int:
        """The place of the entry."""
        receipt = self.foundation.journal.record(
            "approved",
            public={"key": row["key_id"], "count": row["count"], "level": "passkey-and-pin"},
            private={
                "instruction": row["instruction_id"],
                "user": row["user_id"],
                "record_sha256": hashlib.sha256(record).hexdigest(),
                "assertion_sha256": hashlib.sha256(msgspec.json.encode(assertion)).hexdigest(),
            },
        )
        return self.foundation.journal.log.place_of(receipt)


def require_state(row: dict[str, Any], state: str, now: int) -> None:
    """Raise `Expired`, `Conflict` or `AlreadyUsed` unless the instruction is in `state` and its time is not over.

    Nothing lives longer because the clock was set back: what seems not to have begun yet is over too.
    """
    if not row["created_at"] - _CLOCK_TOLERANCE_MILLISECONDS <= now <= row["expires_at"]:
        raise Expired("the time for this approval has passed", hint="Begin again with the document.")
    if row["state"] == CANCELLED:
        raise Conflict("the instruction was cancelled", hint="Begin again with the document.")
    if row["state"] != state:
        raise AlreadyUsed(
            "the instruction is not approved" if state == APPROVED else "the instruction was approved before"
        )


def sad_hash(sad: bytes) -> bytes:
    """What DB-2 knows a SAD by. 256 random bits need no slow hash."""
    return hashlib.sha256(b"natsuin/sad/v1\0" + sad).digest()


def open_with_sad(sealed_signer_key: bytes, sad: bytes, challenge: bytes) -> bytes:
    """The signer key that the approval left under the SAD. Raises `Tampered` if record or row changed since."""
    try:
        return decrypt(_sad_key(sad), sealed_signer_key, challenge)
    except InvalidTag as error:
        raise Tampered("the approved record was changed after its approval and is not used") from error


def _sad_key(sad: bytes) -> bytes:
    info = b"natsuin/sad-key/v1\0"
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(sad)
