"""A key closed anew for other passkeys and other secrets, while the signer key is at hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from natsuin.errors import Conflict
from natsuin.key_management.bound_passkeys import BoundPasskey, encode_counts, encode_passkeys
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.keys import StoredKey, key_binding
from natsuin.key_management.tables import key_slot, signing_key
from natsuin.key_management.vaults import Vault
from natsuin.key_management.wrapping import Slot, close_slot, unwrap_for_signer, wrap_for_signer


@dataclass(frozen=True)
class Guards:
    """What is to guard a key: passkeys with their counters by credential id, and secrets by name of their slot."""

    passkeys: tuple[BoundPasskey, ...]
    sign_counts: Mapping[bytes, int]
    secrets: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Rebound:
    """A key closed for its new guards: what changes in its row, and its slots."""

    key: StoredKey
    changes: dict[str, Any]
    slots: dict[str, Slot]


def rebind(foundation: Foundation, vault: Vault, key: StoredKey, signer_key: bytes, guards: Guards) -> Rebound:
    """Close `key` for `guards`. Nothing is stored. Raises `Tampered` if it does not open with `signer_key`."""
    changes: dict[str, Any] = {
        "passkeys": encode_passkeys(guards.passkeys),
        "sign_counts": encode_counts(guards.sign_counts),
    }
    binding = key_binding({**key.row, **changes})
    inner = unwrap_for_signer(foundation.provider.open(key.row["key_blob"], key.binding), signer_key, key.binding)
    closed = wrap_for_signer(vault.rebind(inner, key.binding, binding), signer_key, binding)
    changes["key_blob"] = foundation.provider.close(closed, binding)
    slots = {name: close_slot(name, secret, signer_key, binding) for name, secret in guards.secrets.items()}
    return Rebound(key, changes, slots)


def slots_of(foundation: Foundation, connection: sa.Connection, key_id: str) -> dict[str, Slot]:
    """What the key can be opened by, by name. Raises `Tampered`."""
    query = sa.select(key_slot).where(key_slot.c.key_id == key_id)
    rows = [foundation.checked(key_slot, row) for row in connection.execute(query).mappings()]
    return {row["name"]: Slot(row["salt"], row["wrapped"]) for row in rows}


def require_unchanged(
    foundation: Foundation, connection: sa.Connection, key: StoredKey, slots: Mapping[str, Slot]
) -> None:
    """Hold the key's row in the caller's write transaction, so that nobody undoes another's change.

    Raises `Conflict` unless the key has the passkeys and slots that it had when its signer opened it.
    """
    row = foundation.find(connection, signing_key, lock=True, key_id=key.key_id)
    present = slots_of(foundation, connection, key.key_id)
    if row is None or row["passkeys"] != key.row["passkeys"] or present != slots:
        raise Conflict("the key was changed a moment ago", hint="Begin again.")


def replace_slots(foundation: Foundation, connection: sa.Connection, key_id: str, slots: Mapping[str, Slot]) -> None:
    """Put new slots in place of the old, with no wrong tries, in the caller's transaction. Raises `Conflict`."""
    for name, slot in slots.items():
        old = foundation.find(connection, key_slot, lock=True, key_id=key_id, name=name)
        if old is None or not foundation.update(
            connection, key_slot, old, salt=slot.salt, wrapped=slot.wrapped, failures=0
        ):
            raise Conflict("the key was changed a moment ago", hint="Begin again.")
