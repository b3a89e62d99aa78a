"""Signing keys on record: reading one with its seal checked, and opening the signer's layer with the secret that only
they know."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin import base64url, faults
from natsuin.algorithm_policy import Act
from natsuin.algorithms import KeyAlgorithm
from natsuin.errors import ApprovalRefused, Conflict, Locked, NotFound, WrongSecret
from natsuin.key_management.bound_passkeys import BoundPasskey, decode_counts, decode_passkeys, encode_counts
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.key_states import KeyState
from natsuin.key_management.records import challenge_of
from natsuin.key_management.tables import key_slot, signing_key
from natsuin.key_management.vaults import PublicKey, load_public_key
from natsuin.key_management.vaults.pkcs11 import RESIDENT_BACKEND
from natsuin.key_management.wrapping import Slot, open_slot
from natsuin.sam.protocol import Assertion, KeyInformation, ListAllKeys
from natsuin.signing_log import encode_entry

MAX_TRIES = 10
PIN_SLOT = "pin"
RECOVERY_SLOT = "recovery"


def key_binding(row: Mapping[str, Any]) -> bytes:
    """Associated data of both layers: every name that must not change without the key becoming useless. RFC 8785
    JSON."""
    return encode_entry(
        {
            "v": row["version"],
            "key": row["key_id"],
            "user": row["user_id"],
            "algorithm": row["algorithm"],
            "origin": row["origin"],
            "wrapping_key": row["wrapping_key"],
            "public_key": base64url.encode(row["public_key"]),
            "authenticators": [
                {"id": base64url.encode(passkey.credential_id), "public_key": base64url.encode(passkey.public_key)}
                for passkey in decode_passkeys(row["passkeys"])
            ],
        }
    )


@dataclass(frozen=True)
class StoredKey:
    """A sealed row of `signing_key` that carried its seal."""

    row: Mapping[str, Any]

    @property
    def key_id(self) -> str:
        """Opaque name."""
        return str(self.row["key_id"])

    @property
    def user_id(self) -> str:
        """The owner."""
        return str(self.row["user_id"])

    @property
    def algorithm(self) -> KeyAlgorithm:
        """Kind of key."""
        return KeyAlgorithm(self.row["algorithm"])

    @property
    def resident(self) -> bool:
        """Whether it lives in the token."""
        return bool(self.row["backend"] == RESIDENT_BACKEND)

    @cached_property
    def binding(self) -> bytes:
        """See `key_binding`."""
        return key_binding(self.row)

    @property
    def public_key(self) -> PublicKey:
        """The public half, for checking what the vault returned."""
        return load_public_key(self.row["public_key"])

    @cached_property
    def passkeys(self) -> tuple[BoundPasskey, ...]:
        """Those that may approve for it, oldest first."""
        return decode_passkeys(self.row["passkeys"])

    @property
    def credential_ids(self) -> tuple[bytes, ...]:
        """Of its passkeys."""
        return tuple(passkey.credential_id for passkey in self.passkeys)

    def passkey(self, credential_id: bytes) -> BoundPasskey:
        """The passkey with this id. Raises `ApprovalRefused`."""
        for passkey in self.passkeys:
            if passkey.credential_id == credential_id:
                return passkey
        raise ApprovalRefused(
            "this is not a passkey on record for the key", hint="Use a passkey that you registered for this key."
        )

    def require_active(self) -> None:
        """Raise `Conflict` unless the key may sign."""
        if self.row["state"] != KeyState.ACTIVE:
            raise Conflict(f"the key is {self.row['state']}", hint="Only an active key signs; see My keys.")


@dataclass(frozen=True)
class KeyOwner:
    """Whose a key is, and whether it was made for one instruction."""

    user_id: str
    one_time: bool


@dataclass(frozen=True)
class Keys:
    """Reads keys and opens their signer's layer. Safe from several threads."""

    foundation: Foundation
    chain: tuple[bytes, ...]
    last_use: Callable[[sa.Connection, str], int]
    """When a key was last used, in milliseconds, or 0: those who sign know that."""

    def get(self, connection: sa.Connection, key_id: str, user_id: str) -> StoredKey:
        """The key, if `user_id` owns it. Raises `NotFound` alike for no key and another's key, `Tampered` for an edited
        row."""
        row = self.foundation.find(connection, signing_key, key_id=key_id)
        if row is None or row["user_id"] != user_id:
            raise NotFound("there is no such key", hint="Choose one of your own keys.")
        return StoredKey(row)

    def chain_of(self, key: StoredKey) -> tuple[bytes, ...]:
        """The certificates above the key's own, DER, issuer first."""
        outside = key.row["chain"]
        return msgspec.msgpack.decode(outside, type=tuple[bytes, ...]) if outside else self.chain

    def page(self, wanted: ListAllKeys) -> tuple[KeyInformation, ...]:
        """Keys of everybody, or of those who are named, in the order of their ids."""
        columns = signing_key.c
        query = sa.select(signing_key).where(columns.key_id > wanted.after).order_by(columns.key_id).limit(wanted.limit)
        if wanted.key_id:
            query = query.where(columns.key_id == wanted.key_id)
        if wanted.user_ids:
            query = query.where(columns.user_id.in_(wanted.user_ids))
        if wanted.state:
            query = query.where(columns.state == wanted.state)
        with self.foundation.database.read() as connection:
            rows = connection.execute(query).mappings().all()
            keys = [StoredKey(self.foundation.checked(signing_key, row)) for row in rows]
            return tuple(self.information(connection, key) for key in keys)

    def owners(self, key_ids: Collection[str]) -> dict[str, KeyOwner]:
        """Whose these keys are. For telling people only: the rows' seals are not asked, so that one damaged row keeps
        no news of others back."""
        columns = (signing_key.c.key_id, signing_key.c.user_id, signing_key.c.one_time)
        with self.foundation.database.read() as connection:
            found = connection.execute(sa.select(*columns).where(signing_key.c.key_id.in_(key_ids)))
            return {key_id: KeyOwner(user_id, bool(one_time)) for key_id, user_id, one_time in found}

    def owned_by(self, user_id: str) -> tuple[KeyInformation, ...]:
        """What the owner may know of their keys, oldest first."""
        with self.foundation.database.read() as connection:
            query = sa.select(signing_key).where(signing_key.c.user_id == user_id).order_by(signing_key.c.created_at)
            rows = connection.execute(query).mappings().all()
            keys = [StoredKey(self.foundation.checked(signing_key, row)) for row in rows]
            return tuple(self.information(connection, key) for key in keys)

    def information(self, connection: sa.Connection, key: StoredKey) -> KeyInformation:
        """What may be told about `key`."""
        slot = self.foundation.find(connection, key_slot, key_id=key.key_id, name=PIN_SLOT)
        row, policy = key.row, self.foundation.policy
        notice = policy.notice(key.algorithm, self.foundation.clock.now())
        last_day = policy.last_day(Act.SIGN, key.algorithm)
        return KeyInformation(
            key_id=key.key_id,
            user_id=key.user_id,
            algorithm=key.algorithm.value,
            schemes=tuple(scheme.value for scheme in policy.schemes(key.algorithm)),
            state=row["state"],
            backend=row["backend"],
            created_at=row["created_at"],
            certificate=row["certificate"],
            chain=self.chain_of(key),
            passkeys=key.credential_ids,
            pin_tries_left=max(MAX_TRIES - (slot["failures"] if slot else MAX_TRIES), 0),
            suspended_by=row["suspended_by"],
            one_time=bool(row["one_time"]),
            predecessor=row["predecessor"],
            certificate_request=b"" if row["certificate"] else row["certificate_request"],
            algorithm_notice=notice.kind if notice else "",
            algorithm_last_day=last_day.isoformat() if last_day else "",
            last_used_at=self.last_use(connection, key.key_id),
            origin=row["origin"],
        )

    def open_signer_key(self, key: StoredKey, slot_name: str, secret: str) -> bytes:
        """The signer key, by PIN or recovery code.

        The try is counted and durable before the secret is checked, so that stopping the process between the two gains
        nothing. Raises `WrongSecret` with the tries left, or `Locked`.
        """
        failures = self.foundation.database.run_grouped(lambda connection: self._count_try(connection, key, slot_name))
        faults.point("secret.after_count")
        with self.foundation.database.read() as connection:
            slot = self._slot(connection, key, slot_name)
        try:
            signer_key = open_slot(slot_name, Slot(slot["salt"], slot["wrapped"]), secret, key.binding)
        except WrongSecret as error:
            left = MAX_TRIES - failures
            self.foundation.journal.record(
                "secret-refused",
                public={"key": key.key_id, "slot": slot_name},
                private={"slot": slot_name, "tries_left": left},
            )
            what = "PIN" if slot_name == PIN_SLOT else "recovery code"
            raise WrongSecret(
                f"the {what} is wrong; {left} tries left",
                hint="After the last try the key stays closed until recovery.",
            ) from error
        self.foundation.database.run_grouped(lambda connection: self._clear_tries(connection, key, slot_name))
        return signer_key

    def verify_owner(self, key: StoredKey, record: bytes, assertion: Assertion) -> bytes:
        """The new `sign_counts`, if a passkey on record for `key` approved `record`. Raises `ApprovalRefused`."""
        passkey = key.passkey(assertion.credential_id)
        counts = decode_counts(key.row["sign_counts"])
        counts[passkey.credential_id] = self.foundation.relying_party.verify_assertion(
            assertion,
            challenge_of(record),
            public_key=passkey.public_key,
            sign_count=counts.get(passkey.credential_id, 0),
            user_handle=key.user_id.encode(),
        )
        return encode_counts(counts)

    def _slot(self, connection: sa.Connection, key: StoredKey, name: str) -> dict[str, Any]:
        slot = self.foundation.find(connection, key_slot, key_id=key.key_id, name=name)
        if slot is None:
            raise NotFound("the key has no such secret")
        return slot

    def _count_try(self, connection: sa.Connection, key: StoredKey, name: str) -> int:
        slot = self._slot(connection, key, name)
        if slot["failures"] >= MAX_TRIES:
            raise Locked(
                "too many wrong tries; the key is closed",
                hint="Set a new PIN with your recovery code under My keys." if name == PIN_SLOT else "The key is lost.",
            )
        if not self.foundation.update(connection, key_slot, slot, failures=slot["failures"] + 1):
            raise Conflict("another try is under way", hint="Wait a moment and try again.")
        return int(slot["failures"]) + 1

    def _clear_tries(self, connection: sa.Connection, key: StoredKey, name: str) -> None:
        slot = self._slot(connection, key, name)
        self.foundation.update(connection, key_slot, slot, failures=0)
