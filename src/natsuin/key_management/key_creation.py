"""Making one signing key: generated in the vault or taken into it, certified or ready to be, closed by every layer."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec
import sqlalchemy as sa
from cryptography import x509

from natsuin import faults
from natsuin.algorithms import KeyAlgorithm
from natsuin.clock import Clock, milliseconds
from natsuin.errors import Conflict
from natsuin.key_management.bound_passkeys import BoundPasskey, encode_counts, encode_passkeys
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.hsm.refusals import resident_not_offered
from natsuin.key_management.key_states import KeyState
from natsuin.key_management.keys import PIN_SLOT, RECOVERY_SLOT, key_binding
from natsuin.key_management.provider_layer import ProviderLayer
from natsuin.key_management.records import new_identifier
from natsuin.key_management.signer_secrets import acceptable_pin, normal_recovery_code
from natsuin.key_management.tables import certificate, enrolment, key_slot, signing_key
from natsuin.key_management.vaults import FreshKey, PrivateKey, Vault
from natsuin.key_management.wrapping import close_slot, new_signer_key, wrap_for_signer
from natsuin.sam.protocol import Subject

BINDING_VERSION = 1


ENDED_PERSON: Final = "ended"
"""The state of an account (`enrolment.state`) in which no key is made any more."""


class Origin(StrEnum):
    """Where a private key was made. Bound into the encrypted key, so that it never changes."""

    GENERATED = "generated"
    IMPORTED = "imported"


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
    passkeys: tuple[BoundPasskey, ...]
    sign_counts: Mapping[bytes, int]
    """By credential id."""
    pin: str = field(repr=False)
    recovery_code: str | None = field(repr=False)
    one_time: bool = False
    predecessor: str = ""
    resident: bool = False
    """Whether the key is to live in the token, rather than leave it wrapped."""


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
    provider: ProviderLayer
    require_usable: Callable[[KeyAlgorithm], None]
    """Raises `Refused` for an algorithm that policy does not allow for new keys today."""
    begin_resident: Callable[[str], None]
    """Makes durable that a key of this id is about to be made in the token, so that a crash leaves none unknown."""

    def make(self, wish: KeyWish) -> NewKey:
        """A key of the wished owner that opens with PIN or recovery code. Raises `WeakPIN`, `Malformed`."""
        self.require_usable(wish.algorithm)
        secrets = _secrets(wish)
        key_id = new_identifier()
        with self._fresh(wish, key_id) as fresh:
            faults.point("creation.after_made")
            row, slots = self._closed(wish, fresh, secrets, Origin.GENERATED, key_id)
            certified = self.certifier(fresh.private_key, wish.subject, wish.user_id, one_time=wish.one_time)
        return _certified(row, slots, certified)

    def require_resident(self) -> None:
        """Raise `ResidentNotOffered` where no key can live in the vault."""
        if not self.vault.keeps_resident:
            raise resident_not_offered()

    def _fresh(self, wish: KeyWish, key_id: str) -> AbstractContextManager[FreshKey]:
        if not wish.resident:
            return self.vault.generate(wish.algorithm)
        self.begin_resident(key_id)
        return self.vault.generate_resident(wish.algorithm, key_id)

    def take_in(self, wish: KeyWish, private_key: PrivateKey, certificate: bytes, chain: Sequence[bytes]) -> NewKey:
        """The same of a key that was made elsewhere, with its certificate and what is above it, DER.

        Whether key and certificate may be taken in is for the caller to have found out. Raises `ImportNotOffered`.
        """
        secrets = _secrets(wish)
        with self.vault.import_key(private_key) as fresh:
            row, slots = self._closed(wish, fresh, secrets, Origin.IMPORTED, new_identifier())
        row["chain"] = msgspec.msgpack.encode(chain)
        return _certified(row, slots, Certified(b"", certificate))

    def _closed(
        self, wish: KeyWish, fresh: FreshKey, secrets: Mapping[str, str], origin: Origin, key_id: str
    ) -> tuple[dict[str, Any], tuple[dict[str, Any], ...]]:
        """The key's row with the key closed, and the rows of its slots."""
        row = self._row(wish, fresh, origin, key_id)
        binding = key_binding(row)
        signer_key = new_signer_key()
        closed = wrap_for_signer(fresh.seal(binding), signer_key, binding)
        row["key_blob"] = self.provider.close(closed, binding)
        slots = (_slot_row(row["key_id"], name, secret, signer_key, binding) for name, secret in secrets.items())
        return row, tuple(slots)

    def _row(self, wish: KeyWish, fresh: FreshKey, origin: Origin, key_id: str) -> dict[str, Any]:
        return {
            "key_id": key_id,
            "user_id": wish.user_id,
            "algorithm": wish.algorithm.value,
            "public_key": fresh.public_key,
            "suspended_by": "",
            "one_time": int(wish.one_time),
            "predecessor": wish.predecessor,
            "backend": fresh.backend,
            "wrapping_key": fresh.wrapping_key,
            "origin": origin.value,
            "version": BINDING_VERSION,
            "passkeys": encode_passkeys(wish.passkeys),
            "sign_counts": encode_counts(wish.sign_counts),
            "chain": b"",
            "created_at": milliseconds(self.clock.now()),
        }


def store(foundation: Foundation, connection: sa.Connection, made: NewKey) -> None:
    """Write a new key in the caller's transaction. Raises `Conflict` if its owner's account has ended, or a key of this
    id is there."""
    owner = foundation.find(connection, enrolment, lock=True, user_id=made.row["user_id"])
    if owner is not None and owner["state"] == ENDED_PERSON:
        raise Conflict("this person's account has ended", hint="Register the person anew.")
    try:
        foundation.insert(connection, signing_key, made.row)
    except sa.exc.IntegrityError as error:
        raise Conflict("another key has this id", hint="Try again; tell the operator if it happens twice.") from error
    if made.certificate_row is not None:
        foundation.insert(connection, certificate, made.certificate_row)
    for slot in made.slot_rows:
        foundation.insert(connection, key_slot, slot)


def certificate_row(key_id: str, der: bytes) -> dict[str, Any]:
    """The row of a certificate that stands, DER."""
    serial = x509.load_der_x509_certificate(der).serial_number
    return {"serial": f"{serial:x}", "key_id": key_id, "der": der, "revoked_at": 0, "reason": ""}


def _secrets(wish: KeyWish) -> dict[str, str]:
    """What will open the key, by slot. Raises `WeakPIN`, `Malformed`."""
    secrets = {PIN_SLOT: acceptable_pin(wish.pin)}
    if wish.recovery_code is not None:
        secrets[RECOVERY_SLOT] = normal_recovery_code(wish.recovery_code)
    return secrets


def _certified(row: dict[str, Any], slots: tuple[dict[str, Any], ...], certified: Certified) -> NewKey:
    row["certificate_request"], row["certificate"] = certified.request, certified.certificate
    row["state"] = (KeyState.ACTIVE if certified.certificate else KeyState.PRE_ACTIVE).value
    issued = certificate_row(row["key_id"], certified.certificate) if certified.certificate else None
    return NewKey(row, issued, slots)


def _slot_row(key_id: str, name: str, secret: str, signer_key: bytes, binding: bytes) -> dict[str, Any]:
    slot = close_slot(name, secret, signer_key, binding)
    return {"key_id": key_id, "name": name, "salt": slot.salt, "wrapped": slot.wrapped, "failures": 0}
