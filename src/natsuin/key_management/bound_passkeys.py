"""The passkeys that may approve for a key. Which they are is bound into the encrypted key itself; how often each was
used is not, because that changes with every approval."""

from collections.abc import Mapping, Sequence

import msgspec

from natsuin import base64url
from natsuin.sam.protocol import Passkey

MOST = 10
"""Passkeys of one key."""


class BoundPasskey(msgspec.Struct, frozen=True):
    """One of them. `public_key` is COSE_Key, CBOR; `added_at` milliseconds."""

    credential_id: bytes
    public_key: bytes
    aaguid: str
    backup_eligible: bool
    transports: tuple[str, ...]
    added_at: int


def bound(passkey: Passkey, added_at: int) -> BoundPasskey:
    """What is kept of a passkey that was verified."""
    return BoundPasskey(
        passkey.credential_id,
        passkey.public_key,
        passkey.aaguid,
        passkey.backup_eligible,
        passkey.transports,
        added_at,
    )


def encode_passkeys(passkeys: Sequence[BoundPasskey]) -> bytes:
    """As the column `passkeys` holds them: JSON, in the order in which they were added."""
    return msgspec.json.encode(passkeys)


def decode_passkeys(column: bytes) -> tuple[BoundPasskey, ...]:
    """The inverse of `encode_passkeys`."""
    return msgspec.json.decode(column, type=tuple[BoundPasskey, ...])


def encode_counts(counts: Mapping[bytes, int]) -> bytes:
    """As the column `sign_counts` holds them: JSON, by base64url of the credential id."""
    return msgspec.json.encode({base64url.encode(name): count for name, count in counts.items()})


def decode_counts(column: bytes) -> dict[bytes, int]:
    """The inverse of `encode_counts`."""
    stored = msgspec.json.decode(column, type=dict[str, int])
    return {base64url.decode(name): count for name, count in stored.items()}
