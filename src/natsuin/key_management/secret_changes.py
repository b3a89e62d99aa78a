"""Other secrets and other passkeys for a key that stays the same: a new PIN by the old one, a passkey more or less.

All of it needs a passkey of the key and its PIN, and happens inside sam: the key is closed for its new names while the
signer's secret is at hand, so nobody else could do it. With the passkeys the names change that both layers are bound
to, so both ways to open the key are closed anew, and there is a new recovery code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin import base64url
from natsuin.errors import Conflict, Expired, Malformed, NotFound
from natsuin.key_management.bound_passkeys import (
    MOST,
    BoundPasskey,
    bound,
    decode_counts,
)
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.journal import Opening
from natsuin.key_management.keys import PIN_SLOT, RECOVERY_SLOT, Keys, StoredKey
from natsuin.key_management.rebinding import Guards, rebind, replace_slots, require_unchanged, slots_of
from natsuin.key_management.records import make_record
from natsuin.key_management.signer_secrets import (
    EnrolmentSecrets,
    PINChange,
    SecretOpener,
    acceptable_pin,
    normal_pin,
    normal_recovery_code,
)
from natsuin.key_management.tables import passkey_offer, signing_key
from natsuin.key_management.vaults import Vault
from natsuin.key_management.wrapping import Slot, close_slot
from natsuin.sam.protocol import (
    HPKE_INFO_CHANGE,
    KeyActDone,
    OfferPasskey,
    Passkey,
    PasskeyOffer,
    ProposeKeyAct,
)

OFFER_LIFE = timedelta(minutes=10)
CHANGE_PIN, ADD_PASSKEY, REMOVE_PASSKEY = "change-pin", "add-passkey", "remove-passkey"


@dataclass(frozen=True)
class SecretChanges:
    """Changes PIN and passkeys of a key. Safe from several threads; durable on return."""

    foundation: Foundation
    keys: Keys
    vault: Vault
    opener: SecretOpener
    forget_approvals: Callable[[sa.Connection, str], None]
    """Cancels, in the transaction, whatever was approved for a key and not signed yet."""

    def offer(self, message: OfferPasskey) -> PasskeyOffer:
        """A challenge with which the owner's browser makes a further passkey. Grants nothing."""
        foundation = self.foundation
        record = make_record(
            "offer-passkey",
            foundation.relying_party.rp_id,
            {"key": message.key_id, "user": message.user_id},
            clock=foundation.clock,
            life=OFFER_LIFE,
        )
        row = {
            "offer_id": record.identifier,
            "key_id": message.key_id,
            "challenge": record.challenge,
            "expires_at": record.expires_at,
        }
        with foundation.database.write() as connection:
            key = self.keys.get(connection, message.key_id, message.user_id)
            key.require_active()
            foundation.insert(connection, passkey_offer, row)
        return PasskeyOffer(
            offer_id=record.identifier,
            challenge=record.challenge,
            known=key.credential_ids,
            expires_at=record.expires_at,
        )

    def fields(self, key: StoredKey, request: ProposeKeyAct) -> dict[str, Any]:
        """What the record says of the change. Raises what would refuse it."""
        key.require_active()
        if request.act == ADD_PASSKEY:
            passkey = self._offered(key, request)
            if passkey.credential_id in key.credential_ids or len(key.passkeys) >= MOST:
                raise Conflict("the passkey is on record already, or there are too many", hint="Remove one first.")
            return {
                "passkey": base64url.encode(passkey.credential_id),
                "passkey_public_key": base64url.encode(passkey.public_key),
            }
        if request.act == REMOVE_PASSKEY:
            key.passkey(request.credential_id)
            if len(key.passkeys) == 1:
                raise Conflict("a key needs a passkey", hint="Add another one first.")
            return {"passkey": base64url.encode(request.credential_id)}
        return {}

    def carry_out(
        self, key: StoredKey, request: ProposeKeyAct, challenge: bytes, sealed: bytes, private: dict[str, Any]
    ) -> KeyActDone:
        """Check the PIN, then make the change. Raises `WrongSecret`, `WeakPIN`, `Locked`."""
        info = HPKE_INFO_CHANGE + challenge
        if request.act not in (ADD_PASSKEY, REMOVE_PASSKEY):
            change = self.opener.open(sealed, info, PINChange)
            return self._change_pin(key, normal_pin(change.pin), acceptable_pin(change.new_pin), private)
        secrets = self.opener.open(sealed, info, EnrolmentSecrets)
        codes = {PIN_SLOT: normal_pin(secrets.pin), RECOVERY_SLOT: normal_recovery_code(secrets.recovery_code)}
        if request.act == ADD_PASSKEY:
            added = self._offered(key, request)
            done = self._rebind(key, (*key.passkeys, bound(added, self.foundation.now())), codes, private)
            return msgspec.structs.replace(done, passkey=added)
        rest = tuple(passkey for passkey in key.passkeys if passkey.credential_id != request.credential_id)
        return self._rebind(key, rest, codes, private)

    def _change_pin(self, key: StoredKey, pin: str, new_pin: str, private: dict[str, Any]) -> KeyActDone:
        foundation = self.foundation
        slots = self._slots(key)
        signer_key = self.keys.open_signer_key(key, PIN_SLOT, pin)
        slot = close_slot(PIN_SLOT, new_pin, signer_key, key.binding)
        opening = self._opening(key, private)
        with foundation.database.write() as connection:
            require_unchanged(foundation, connection, key, slots)
            foundation.journal.add("pin-changed", {"key": key.key_id}, opening)
            replace_slots(foundation, connection, key.key_id, {PIN_SLOT: slot})
            return KeyActDone(key=self.keys.information(connection, key))

    def _rebind(
        self, key: StoredKey, passkeys: tuple[BoundPasskey, ...], codes: dict[str, str], private: dict[str, Any]
    ) -> KeyActDone:
        foundation = self.foundation
        slots = self._slots(key)
        signer_key = self.keys.open_signer_key(key, PIN_SLOT, codes[PIN_SLOT])
        with foundation.database.read() as connection:
            # Counting the approval, and the try, changed the row since it was read.
            key = self.keys.get(connection, key.key_id, key.user_id)
        counts = decode_counts(key.row["sign_counts"])
        kept = {passkey.credential_id: counts.get(passkey.credential_id, 0) for passkey in passkeys}
        rebound = rebind(foundation, self.vault, key, signer_key, Guards(passkeys, kept, codes))
        opening, changes = self._opening(key, private), rebound.changes
        with foundation.database.write() as connection:
            require_unchanged(foundation, connection, key, slots)
            if not foundation.update(connection, signing_key, key.row, **changes):
                raise Conflict("the key was changed a moment ago", hint="Begin again.")
            foundation.journal.add("passkeys-changed", {"key": key.key_id, "count": len(passkeys)}, opening)
            replace_slots(foundation, connection, key.key_id, rebound.slots)
            self.forget_approvals(connection, key.key_id)
            return KeyActDone(key=self.keys.information(connection, StoredKey({**key.row, **changes})))

    def _slots(self, key: StoredKey) -> dict[str, Slot]:
        with self.foundation.database.read() as connection:
            return slots_of(self.foundation, connection, key.key_id)

    def _opening(self, key: StoredKey, private: dict[str, Any]) -> Opening:
        """For the entry of a change; durable on return."""
        return self.foundation.journal.open(_private(key, private), key_id=key.key_id)

    def _offered(self, key: StoredKey, request: ProposeKeyAct) -> Passkey:
        """The passkey that the owner made for our challenge. Raises `ApprovalRefused`, `Expired`, `NotFound`."""
        with self.foundation.database.read() as connection:
            offer = self.foundation.find(connection, passkey_offer, offer_id=request.offer_id)
        if offer is None or offer["key_id"] != key.key_id:
            raise NotFound("there is no such offer of a passkey", hint="Begin again.")
        if offer["expires_at"] < self.foundation.now():
            raise Expired("the time for this has passed", hint="Begin again.")
        if request.attestation is None:
            raise Malformed("the new passkey is missing")
        return self.foundation.relying_party.verify_registration(request.attestation, offer["challenge"])


def _private(key: StoredKey, act: dict[str, Any]) -> dict[str, Any]:
    """What the entry of a change commits to."""
    return {"act": act["act"], "user": key.user_id}
