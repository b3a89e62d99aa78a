"""A new PIN for a key, by its owner's passkey and recovery code together. Nobody else can do this, and nobody can skip
it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from natsuin.errors import ApprovalRefused, Conflict, Expired, NotFound
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.keys import PIN_SLOT, RECOVERY_SLOT, Keys, StoredKey
from natsuin.key_management.rebinding import replace_slots, require_unchanged, slots_of
from natsuin.key_management.records import challenge_of, make_record
from natsuin.key_management.signer_secrets import ResetSecrets, SecretOpener, acceptable_pin, normal_recovery_code
from natsuin.key_management.tables import pin_reset, signing_key
from natsuin.key_management.wrapping import close_slot
from natsuin.sam.protocol import (
    HPKE_INFO_PIN_RESET,
    Act,
    ApprovePINReset,
    Assertion,
    PINReset,
    ProposePINReset,
)

LIFE = timedelta(minutes=10)


@dataclass(frozen=True)
class PINResets:
    """Sets a new PIN and a new recovery code in one step. Safe from several threads; durable on return."""

    foundation: Foundation
    keys: Keys
    opener: SecretOpener

    def propose(self, message: ProposePINReset) -> Act:
        """The record that the owner's passkey must approve."""
        foundation = self.foundation
        fields = {"key": message.key_id, "user": message.user_id}
        record = make_record("reset-pin", foundation.relying_party.rp_id, fields, clock=foundation.clock, life=LIFE)
        row = {
            "act_id": record.identifier,
            "key_id": message.key_id,
            "record": record.content,
            "expires_at": record.expires_at,
            "used_at": 0,
        }
        with foundation.database.write() as connection:
            key = self.keys.get(connection, message.key_id, message.user_id)
            key.require_active()
            foundation.insert(connection, pin_reset, row)
        return Act(
            act_id=record.identifier,
            record=record.content,
            challenge=record.challenge,
            credential_ids=key.credential_ids,
            expires_at=record.expires_at,
        )

    def approve(self, message: ApprovePINReset) -> PINReset:
        """Verify passkey and recovery code, then replace both slots. The act is spent by the first good approval."""
        foundation = self.foundation
        with foundation.database.read() as connection:
            act = foundation.find(connection, pin_reset, act_id=message.act_id)
            if act is None or act["used_at"]:
                raise NotFound("there is no such request for a new PIN", hint="Begin again under My keys.")
            if act["expires_at"] < foundation.now():
                raise Expired("the time for this has passed", hint="Begin again under My keys.")
            row = foundation.find(connection, signing_key, key_id=act["key_id"])
            if row is None:
                raise NotFound("the key of this request does not exist any more")
            slots = slots_of(foundation, connection, act["key_id"])
        challenge = challenge_of(act["record"])
        sign_counts = self._verify_passkey(act, row, message.assertion)
        secret = self.opener.open(message.sealed_secrets, HPKE_INFO_PIN_RESET + challenge, ResetSecrets)
        new_secrets = {
            PIN_SLOT: acceptable_pin(secret.new_pin),
            RECOVERY_SLOT: normal_recovery_code(secret.new_recovery_code),
        }
        key = StoredKey(row)
        signer_key = self.keys.open_signer_key(key, RECOVERY_SLOT, normal_recovery_code(secret.recovery_code))
        closed = {name: close_slot(name, value, signer_key, key.binding) for name, value in new_secrets.items()}
        opening = foundation.journal.open(_private(act), key_id=key.key_id)
        with foundation.database.write() as connection:
            require_unchanged(foundation, connection, key, slots)
            spent = foundation.update(connection, pin_reset, act, used_at=foundation.now())
            counted = foundation.update(connection, signing_key, row, sign_counts=sign_counts)
            if not (spent and counted):
                raise Conflict("another approval was a moment earlier", hint="Begin again under My keys.")
            foundation.journal.add("pin-reset", {"key": key.key_id}, opening)
            replace_slots(foundation, connection, key.key_id, closed)
            return PINReset(key=self.keys.information(connection, key))

    def _verify_passkey(self, act: dict[str, Any], row: dict[str, Any], assertion: Assertion) -> bytes:
        try:
            return self.keys.verify_owner(StoredKey(row), act["record"], assertion)
        except ApprovalRefused as refusal:
            public = {"key": row["key_id"], "reason": refusal.code}
            self.foundation.journal.record("pin-reset-refused", public=public, private={"act": act["act_id"]})
            raise


def _private(act: dict[str, Any]) -> dict[str, Any]:
    """What the entry of a new PIN commits to."""
    return {"act": act["act_id"]}
