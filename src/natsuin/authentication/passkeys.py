"""Copies of people's passkeys, for sign-in only: sam has its own record."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from natsuin.authentication.tables import passkey
from natsuin.sam.protocol import Passkey

_STAND_IN_KEY = bytes.fromhex(
    "a5010203262001215820"
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "225820"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
"""A COSE key nobody signs with (the generator point of P-256): unknown passkeys are checked against it, so that the
answer takes as long as for a known one."""


@dataclass(frozen=True)
class StoredPasskey:
    """What login needs of a passkey. `user_id` is None for the stand-in of an unknown one."""

    credential_id: bytes
    user_id: str | None
    public_key: bytes
    sign_count: int


@dataclass(frozen=True)
class KeptPasskey:
    """What people are told of a passkey that signs them in. Times in milliseconds."""

    credential_id: bytes
    created_at: int
    backup_eligible: bool
    last_used_at: int | None
    name: str


def keep_passkey(connection: Connection, user_id: str, verified: Passkey, *, now: int) -> None:
    """Keep a copy of a passkey that sam has verified. Keeping the same one again for the same person changes
    nothing."""
    known = connection.execute(
        sa.select(passkey.c.user_id).where(passkey.c.credential_id == verified.credential_id)
    ).scalar_one_or_none()
    if known is not None:
        return
    connection.execute(
        sa.insert(passkey).values(
            credential_id=verified.credential_id,
            user_id=user_id,
            public_key=verified.public_key,
            sign_count=verified.sign_count,
            aaguid=verified.aaguid,
            backup_eligible=verified.backup_eligible,
            transports=list(verified.transports),
            created_at=now,
        )
    )


def is_kept(connection: Connection, user_id: str, credential_id: bytes) -> bool:
    """Whether this passkey signs this person in. Where several write at once it cannot be removed before the caller's
    transaction ends."""
    kept = sa.select(passkey.c.user_id).where(passkey.c.credential_id == credential_id).with_for_update(read=True)
    return connection.execute(kept).scalar_one_or_none() == user_id


def passkeys_of(connection: Connection, user_id: str) -> tuple[KeptPasskey, ...]:
    """The passkeys that sign a person in, oldest first."""
    columns = [passkey.c[name] for name in KeptPasskey.__dataclass_fields__]
    rows = connection.execute(sa.select(*columns).where(passkey.c.user_id == user_id).order_by(passkey.c.created_at))
    return tuple(KeptPasskey(*row) for row in rows)


def name_passkey(connection: Connection, user_id: str, credential_id: bytes, name: str) -> bool:
    """Write down what a person calls one of their passkeys. False if it does not sign them in."""
    mine = sa.update(passkey).where(passkey.c.user_id == user_id, passkey.c.credential_id == credential_id)
    return connection.execute(mine.values(name=name)).rowcount == 1


def remove_passkeys(connection: Connection, user_id: str, credential_ids: Collection[bytes]) -> int:
    """Let these passkeys of a person sign nobody in any more. Returns how many did until now."""
    gone = sa.delete(passkey).where(passkey.c.user_id == user_id, passkey.c.credential_id.in_(credential_ids))
    return connection.execute(gone).rowcount


def find_passkey(connection: Connection, credential_id: bytes) -> StoredPasskey:
    """The passkey with this id, or a stand-in that no assertion verifies against."""
    row = connection.execute(
        sa.select(passkey.c.user_id, passkey.c.public_key, passkey.c.sign_count).where(
            passkey.c.credential_id == credential_id
        )
    ).one_or_none()
    if row is None:
        return StoredPasskey(credential_id, None, _STAND_IN_KEY, 0)
    return StoredPasskey(credential_id, row.user_id, row.public_key, row.sign_count)


def transports_of(connection: Connection, credential_ids: tuple[bytes, ...]) -> dict[bytes, tuple[str, ...]]:
    """How the browser may reach each of these passkeys, as far as it is known."""
    rows = connection.execute(
        sa.select(passkey.c.credential_id, passkey.c.transports).where(passkey.c.credential_id.in_(credential_ids))
    )
    return {row.credential_id: tuple(row.transports) for row in rows}
