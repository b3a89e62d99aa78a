"""The secret under the master key that lasts longer than it: what the vaults derive their keys from.

A vault's layer lies inside the signer's, so no ceremony could renew it without every signer. Its secret is therefore a
random one of its own, kept in DB-2 under the master key, and stays when the master key changes; the provider's outer
layer around each key is what changes with it.
"""

import secrets
from dataclasses import dataclass, field

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag

from natsuin.clock import Clock, milliseconds
from natsuin.errors import Tampered
from natsuin.key_management.master_key import MASTER_KEY_BYTES, MasterKey, MasterKeyMissing
from natsuin.key_management.seals import RowSealer
from natsuin.key_management.tables import provider_secret
from natsuin.key_management.wrapping import decrypt, encrypt
from natsuin.storage import Database

VAULT = "vault"
NAMES = (VAULT,)


@dataclass(frozen=True)
class ProviderSecrets:
    """Makes and opens them. Used at `natsuin init`, at start and in ceremonies."""

    database: Database
    master: MasterKey = field(repr=False)
    clock: Clock

    def create(self) -> None:
        """Make all of them; durable on return."""
        sealer = RowSealer.from_master(self.master)
        with self.database.write() as connection:
            for name in NAMES:
                row = {
                    "name": name,
                    "sealed": close_secret(self.master, name, secrets.token_bytes(MASTER_KEY_BYTES)),
                    "created_at": milliseconds(self.clock.now()),
                }
                connection.execute(provider_secret.insert(), sealer.sealed(provider_secret, row))

    def load(self, name: str) -> MasterKey:
        """The secret called `name`, to derive from.

        Raises:
            MasterKeyMissing: the master key is not the one that this database was made with.
        """
        with self.database.read() as connection:
            row = (
                connection.execute(sa.select(provider_secret).where(provider_secret.c.name == name)).mappings().first()
            )
        if row is None:
            raise Tampered(
                "a secret of the provider is missing from the database", hint="Restore the database from a backup."
            )
        secret = open_secret(self.master, name, row["sealed"])
        RowSealer.from_master(self.master).check(provider_secret, dict(row))
        return MasterKey(secret)


def close_secret(master: MasterKey, name: str, secret: bytes) -> bytes:
    """`secret` under `master`."""
    return encrypt(master.derive("provider-secret"), secret, name.encode())


def open_secret(master: MasterKey, name: str, sealed: bytes) -> bytes:
    """The inverse of `close_secret`. Raises `MasterKeyMissing`."""
    try:
        return decrypt(master.derive("provider-secret"), sealed, name.encode())
    except InvalidTag as error:
        raise MasterKeyMissing(
            "the master key does not belong to this database",
            hint="Give the file that belongs to it; after a change of the master key only the new one does.",
        ) from error
