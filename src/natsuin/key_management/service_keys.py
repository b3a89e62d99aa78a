"""The service's own keys: for the log, for sealed secrets, for the built-in CA and the time-stamps. Two layers: the
vault's and the provider's."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from natsuin.algorithms import KeyAlgorithm
from natsuin.clock import Clock, milliseconds
from natsuin.errors import Tampered
from natsuin.key_management.provider_layer import ProviderLayer
from natsuin.key_management.seals import RowSealer
from natsuin.key_management.tables import service_key
from natsuin.key_management.vaults import FreshKey, PrivateKey
from natsuin.key_management.vaults.choice import Vaults
from natsuin.storage import Database

LOG = "log"
SEALED_SECRETS = "sealed-secrets"
IMPORT = "import"
ROOT = "root"
ISSUING = "issuing"
OCSP = "ocsp"
TSA = "tsa"


def log_key(number: int) -> str:
    """Purpose of the key of the log's shard `number`, from 1. The next shard's key is made one shard ahead, so that a
    backup from before a rotation goes on after it."""
    return LOG if number == 1 else f"{LOG}-{number}"


def is_log_key(purpose: str) -> bool:
    """Whether a service key is for a shard of the log."""
    return purpose == LOG or purpose.startswith(f"{LOG}-")


ALGORITHMS: dict[str, KeyAlgorithm] = {
    LOG: KeyAlgorithm.ED25519,
    SEALED_SECRETS: KeyAlgorithm.P_256,
    IMPORT: KeyAlgorithm.P_256,
    ROOT: KeyAlgorithm.P_384,
    ISSUING: KeyAlgorithm.P_384,
    OCSP: KeyAlgorithm.P_256,
    TSA: KeyAlgorithm.P_256,
}


IN_SOFTWARE = frozenset({LOG, SEALED_SECRETS, IMPORT})
"""Under the master key also where there is a token; docs/hsm.md says why."""


@dataclass(frozen=True)
class ServiceKey:
    """A key of the service, open for as long as the process runs. `certificate` is DER, empty where there is none."""

    purpose: str
    private_key: PrivateKey
    certificate: bytes

    @property
    def elliptic(self) -> ec.EllipticCurvePrivateKey:
        """The key, where its purpose asks for an elliptic curve key. Raises `Tampered` otherwise."""
        if not isinstance(self.private_key, ec.EllipticCurvePrivateKey):
            raise Tampered(f"the service key `{self.purpose}` is of the wrong kind")
        return self.private_key

    @property
    def edwards(self) -> ed25519.Ed25519PrivateKey:
        """The key, where its purpose asks for Ed25519. Raises `Tampered` otherwise."""
        if not isinstance(self.private_key, ed25519.Ed25519PrivateKey):
            raise Tampered(f"the service key `{self.purpose}` is of the wrong kind")
        return self.private_key


@dataclass(frozen=True)
class ServiceKeys:
    """Makes and opens service keys. Used at `natsuin init` and at start."""

    database: Database
    vault: Vaults
    sealer: RowSealer
    provider: ProviderLayer
    clock: Clock

    def create(self, purpose: str) -> ServiceKey:
        """Make the key for `purpose`; durable on return. The certificate comes later, by `certify`."""
        kind = LOG if is_log_key(purpose) else purpose
        algorithm = ALGORITHMS[kind]
        # The log must be able to say that the token is gone, and what HPKE needs of a key few tokens give.
        vault = self.vault.software if kind in IN_SOFTWARE else self.vault
        with vault.generate(algorithm) as fresh:
            row = {
                "purpose": purpose,
                "algorithm": algorithm.value,
                "public_key": fresh.public_key,
                "sealed_key": self._closed(fresh, purpose),
                "certificate": b"",
                "created_at": milliseconds(self.clock.now()),
            }
            with self.database.write() as connection:
                connection.execute(service_key.insert(), self.sealer.sealed(service_key, row))
            return ServiceKey(purpose, fresh.private_key, b"")

    def certify(self, purpose: str, certificate: bytes) -> None:
        """Keep the certificate (DER) of a service key; durable on return."""
        with self.database.write() as connection:
            row = _row(connection, purpose)
            self.sealer.check(service_key, row)
            sealed = self.sealer.sealed(service_key, {**row, "certificate": certificate})
            connection.execute(service_key.update().where(service_key.c.purpose == purpose), sealed)

    def load(self, purpose: str) -> ServiceKey:
        """Open the key for `purpose`. Raises `Tampered` if its row was changed."""
        with self.database.read() as connection:
            row = _row(connection, purpose)
        self.sealer.check(service_key, row)
        binding = service_key_binding(purpose, row["public_key"])
        with self.vault.open(self.provider.open(row["sealed_key"], binding), binding) as opened:
            return ServiceKey(purpose, opened.private_key, row["certificate"])

    def under(self, wrapping_key: str) -> tuple[str, ...]:
        """Purposes of the keys that lie under this wrapping key of the token (CKA_ID in hexadecimal). Raises
        `Tampered`."""
        with self.database.read() as connection:
            rows = [dict(row) for row in connection.execute(sa.select(service_key)).mappings()]
        found = []
        for row in rows:
            self.sealer.check(service_key, row)
            binding = service_key_binding(row["purpose"], row["public_key"])
            sealed = self.provider.open(row["sealed_key"], binding)
            token = self.vault.token
            if token is not None and token.sealed_here(sealed):
                found += [row["purpose"]] * (token.wrapping_key_of(sealed, binding) == wrapping_key)
        return tuple(found)

    def holds(self, purpose: str) -> bool:
        """Whether there is a key for `purpose`."""
        with self.database.read() as connection:
            found = connection.execute(sa.select(service_key.c.purpose).where(service_key.c.purpose == purpose))
            return found.first() is not None

    def erase(self, purpose: str) -> None:
        """Let go of the key for `purpose` for ever; durable on return."""
        with self.database.write() as connection:
            connection.execute(service_key.delete().where(service_key.c.purpose == purpose))

    def _closed(self, fresh: FreshKey, purpose: str) -> bytes:
        binding = service_key_binding(purpose, fresh.public_key)
        return self.provider.close(fresh.seal(binding), binding)


def _row(connection: sa.Connection, purpose: str) -> dict[str, Any]:
    row = connection.execute(sa.select(service_key).where(service_key.c.purpose == purpose)).mappings().one_or_none()
    if row is None:
        raise Tampered(
            f"the service key `{purpose}` is missing from the database",
            hint="Restore the database of the signature activation module from a backup.",
        )
    return dict(row)


def service_key_binding(purpose: str, public_key: bytes) -> bytes:
    """Associated data of both layers around a service key."""
    return b"natsuin/service-key/v1\0" + purpose.encode() + b"\0" + public_key
