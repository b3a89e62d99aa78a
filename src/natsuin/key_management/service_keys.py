"""The service's own keys: for the log, for sealed secrets, for the built-in CA and the time-stamps. One layer, the
master key."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from natsuin.algorithms import KeyAlgorithm
from natsuin.clock import Clock, milliseconds
from natsuin.errors import Tampered
from natsuin.key_management.seals import RowSealer
from natsuin.key_management.tables import service_key
from natsuin.key_management.vaults import PrivateKey, Vault
from natsuin.storage import Database

LOG = "log"
SEALED_SECRETS = "sealed-secrets"
ROOT = "root"
ISSUING = "issuing"
OCSP = "ocsp"
TSA = "tsa"

ALGORITHMS: dict[str, KeyAlgorithm] = {
    LOG: KeyAlgorithm.ED25519,
    SEALED_SECRETS: KeyAlgorithm.P_256,
    ROOT: KeyAlgorithm.P_384,
    ISSUING: KeyAlgorithm.P_384,
    OCSP: KeyAlgorithm.P_256,
    TSA: KeyAlgorithm.P_256,
}


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
    vault: Vault
    sealer: RowSealer
    clock: Clock

    def create(self, purpose: str) -> ServiceKey:
        """Make the key for `purpose`; durable on return. The certificate comes later, by `certify`."""
        algorithm = ALGORITHMS[purpose]
        with self.vault.generate(algorithm) as fresh:
            row = {
                "purpose": purpose,
                "algorithm": algorithm.value,
                "public_key": fresh.public_key,
                "sealed_key": fresh.seal(_binding(purpose, fresh.public_key)),
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
        with self.vault.open(row["sealed_key"], _binding(purpose, row["public_key"])) as opened:
            return ServiceKey(purpose, opened.private_key, row["certificate"])


def _row(connection: sa.Connection, purpose: str) -> dict[str, Any]:
    row = connection.execute(sa.select(service_key).where(service_key.c.purpose == purpose)).mappings().one_or_none()
    if row is None:
        raise Tampered(
            f"the service key `{purpose}` is missing from the database",
            hint="Restore the database of the signature activation module from a backup.",
        )
    return dict(row)


def _binding(purpose: str, public_key: bytes) -> bytes:
    return b"natsuin/service-key/v1\0" + purpose.encode() + b"\0" + public_key
