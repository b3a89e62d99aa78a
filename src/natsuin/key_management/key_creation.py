"""Making one signing key: generated in the vault, certified or ready to be, sealed by both layers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import sqlalchemy as sa
from cryptography import x509

from natsuin.algorithms import KeyAlgorithm
from natsuin.clock import Clock, milliseconds
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.key_states import KeyState
from natsuin.key_management.keys import PIN_SLOT, RECOVERY_SLOT, key_binding
from natsuin.key_management.records import new_identifier
from natsuin.key_management.signer_secrets import acceptable_pin, normal_recovery_code
from natsuin.key_management.tables import certificate, key_slot, signing_key
from natsuin.key_management.vaults import PrivateKey, Vault
from natsuin.key_management.wrapping import close_slot, new_signer_key, wrap_for_signer
from natsuin.sam.protocol import Passkey, Subject

BINDING_VERSION = 1


@dataclass(frozen=True)
class Certified:
    """What a certification authority made of an open key. `certificate` is DER, empty where an outside authority is
    still to issue it from `request`, PKCS#10, DER."""

    request: bytes
    certificate: bytes = b""


class Certifier(Protocol):
    """Asks for a certificate for the open key, which proves possession in a request."""

    def __call__(self, key: PrivateKey, subject: Subject, user_id: str, *, one_time: bool) -> Certified:
        """Raises what the authority refuses with."""
        ...


@dataclass(frozen=True)
class KeyWish:
    """The key that is wanted. Without a recovery code it opens with the PIN alone."""

    algorithm: KeyAlgorithm
    user_id: str
    subject: Subject
    passkey: Passkey
    pin: str = field(repr=False)
    recovery_code: str | None = field(repr=False)
    one_time: bool = False
    predecessor: str = ""


@dataclass(frozen=True)
class NewKey:
    """Rows, without their row seals, of a key that exists nowhere else yet."""

    row: dict[str, Any]
    certificate_row: dict[str, Any] | None
    slot_rows: tuple[dict[str, Any], ...]

    @property
    def serial(self) -> str:
        """Of the certificate, lower-case hexadecimal; empty while there is none."""
        return str(self.certificate_row["serial"]) if self.certificate_row else ""


@dataclass(frozen=True)
class KeyMaker:
    """Makes signing keys. Safe from several threads; durable is only what the caller stores."""

    vault: Vault
    certifier: Certifier
    clock: Clock
    require_usable: Callable[[KeyAlgorithm], None]
    """Raises `Refused` for an algorithm that policy does not allow for new keys today."""

    def make(self, wish: KeyWish) -> NewKey:
        """A key of the wished owner that opens with PIN or recovery code. Raises `WeakPIN`, `Malformed`."""
        self.require_usable(wish.algorithm)
        secrets = {PIN_SLOT: acceptable_pin(wish.pin)}
        if wish.recovery_code is not None:
            secrets[RECOVERY_SLOT] = normal_recovery_code(wish.recovery_code)
        with self.vault.generate(wish.algorithm) as fresh:
            row = self._row(wish, fresh.public_key)
            binding = key_binding(row)
            signer_key = new_signer_key()
            row["key_blob"] = wrap_for_signer(fresh.seal(binding), signer_key, binding)
            certified = self.certifier(fresh.private_key, wish.subject, wish.user_id, one_time=wish.one_time)
        row["certificate_request"], row["certificate"] = certified.request, certified.certificate
        row["state"] = (KeyState.ACTIVE if certified.certificate else KeyState.PRE_ACTIVE).value
        return NewKey(
            row,
            certificate_row(row["key_id"], certified.certificate) if certified.certificate else None,
            tuple(_slot_row(row["key_id"], name, secret, signer_key, binding) for name, secret in secrets.items()),
        )

    def _row(self, wish: KeyWish, public_key: bytes) -> dict[str, Any]:
        return {
            "key_id": new_identifier(),
            "user_id": wish.user_id,
            "algorithm": wish.algorithm.value,
            "public_key": public_key,
            "suspended_by": "",
            "one_time": int(wish.one_time),
            "predecessor": wish.predecessor,
            "backend": self.vault.name,
            "version": BINDING_VERSION,
            "credential_id": wish.passkey.credential_id,
            "passkey": wish.passkey.public_key,
            "passkey_sign_count": wish.passkey.sign_count,
            "chain": b"",
            "created_at": milliseconds(self.clock.now()),
        }


def store(foundation: Foundation, connection: sa.Connection, made: NewKey) -> None:
    """Write a new key in the caller's transaction."""
    foundation.insert(connection, signing_key, made.row)
    if made.certificate_row is not None:
        foundation.insert(connection, certificate, made.certificate_row)
    for slot in made.slot_rows:
        foundation.insert(connection, key_slot, slot)


def certificate_row(key_id: str, der: bytes) -> dict[str, Any]:
    """The row of a certificate that stands, DER."""
    serial = x509.load_der_x509_certificate(der).serial_number
    return {"serial": f"{serial:x}", "key_id": key_id, "der": der, "revoked_at": 0, "reason": ""}


def _slot_row(key_id: str, name: str, secret: str, signer_key: bytes, binding: bytes) -> dict[str, Any]:
    slot = close_slot(name, secret, signer_key, binding)
    return {"key_id": key_id, "name": name, "salt": slot.salt, "wrapped": slot.wrapped, "failures": 0}
