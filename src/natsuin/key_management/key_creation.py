"""Making one signing key: generated in the vault, certified, sealed by both layers. Nothing here writes to a
database."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from natsuin.algorithms import KeyAlgorithm
from natsuin.clock import Clock, milliseconds
from natsuin.key_management.keys import PIN_SLOT, RECOVERY_SLOT, KeyState, key_binding
from natsuin.key_management.records import new_identifier
from natsuin.key_management.signer_secrets import EnrolmentSecrets, acceptable_pin, normal_recovery_code
from natsuin.key_management.vaults import PrivateKey, Vault
from natsuin.key_management.wrapping import close_slot, new_signer_key, wrap_for_signer
from natsuin.sam.protocol import Passkey, Subject

BINDING_VERSION = 1

Certifier = Callable[[PrivateKey, Subject, str], bytes]
"""Asks a CA for a certificate: (the open key, for proof of possession; subject; account) -> DER."""


@dataclass(frozen=True)
class NewKey:
    """Unsealed rows of a key that exists nowhere else yet."""

    row: dict[str, Any]
    certificate_row: dict[str, Any]
    slot_rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class KeyMaker:
    """Makes signing keys. Safe from several threads; durable is only what the caller stores."""

    vault: Vault
    certifier: Certifier
    clock: Clock

    def make(
        self, algorithm: KeyAlgorithm, user_id: str, subject: Subject, passkey: Passkey, secrets: EnrolmentSecrets
    ) -> NewKey:
        """A certified key of `user_id` that opens with PIN or recovery code. Raises `WeakPIN`, `Malformed`."""
        pin = acceptable_pin(secrets.pin)
        recovery_code = normal_recovery_code(secrets.recovery_code)
        now = milliseconds(self.clock.now())
        with self.vault.generate(algorithm) as fresh:
            row: dict[str, Any] = {
                "key_id": new_identifier(),
                "user_id": user_id,
                "algorithm": algorithm.value,
                "public_key": fresh.public_key,
                "state": KeyState.ACTIVE.value,
                "backend": self.vault.name,
                "version": BINDING_VERSION,
                "credential_id": passkey.credential_id,
                "passkey": passkey.public_key,
                "passkey_sign_count": passkey.sign_count,
                "created_at": now,
            }
            binding = key_binding(row)
            signer_key = new_signer_key()
            row["key_blob"] = wrap_for_signer(fresh.seal(binding), signer_key, binding)
            row["certificate"] = self.certifier(fresh.private_key, subject, user_id)
        slots = ((PIN_SLOT, pin), (RECOVERY_SLOT, recovery_code))
        return NewKey(
            row,
            _certificate_row(row),
            tuple(_slot_row(row["key_id"], name, secret, signer_key, binding) for name, secret in slots),
        )


def _certificate_row(row: dict[str, Any]) -> dict[str, Any]:
    parsed = x509.load_der_x509_certificate(row["certificate"])
    return {
        "serial": f"{parsed.serial_number:x}",
        "key_id": row["key_id"],
        "der": row["certificate"],
        "revoked_at": 0,
        "reason": "",
    }


def _slot_row(key_id: str, name: str, secret: str, signer_key: bytes, binding: bytes) -> dict[str, Any]:
    slot = close_slot(name, secret, signer_key, binding)
    return {"key_id": key_id, "name": name, "salt": slot.salt, "wrapped": slot.wrapped, "failures": 0}
