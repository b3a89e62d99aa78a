"""The vault that makes new keys, together with those that keep earlier ones open.

An installation may move from software to a token: keys made before stay where they were, for no key ever changes its
vault, and everybody's next key is made in the new one.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from natsuin.algorithms import KeyAlgorithm
from natsuin.errors import Tampered
from natsuin.key_management.hsm.refusals import AlgorithmNotOffered
from natsuin.key_management.vaults import FreshKey, OpenKey, PrivateKey, Vault
from natsuin.key_management.vaults.pkcs11 import PKCS11Vault
from natsuin.key_management.vaults.software import SoftwareVault


@dataclass(frozen=True)
class Vaults:
    """Both vaults behind the one contract. Without a token everything is in `software`."""

    software: SoftwareVault
    token: PKCS11Vault | None = None

    @property
    def current(self) -> Vault:
        """Where new keys are made."""
        return self.token or self.software

    @property
    def name(self) -> str:
        """Of the vault that makes new keys."""
        return self.current.name

    @property
    def algorithms(self) -> frozenset[KeyAlgorithm]:
        """What it makes."""
        return self.current.algorithms

    @property
    def facts(self) -> Mapping[str, object]:
        """What it says of itself."""
        return self.current.facts

    @property
    def keeps_resident(self) -> bool:
        """Whether it is a token, in which keys can live for good."""
        return self.current.keeps_resident

    def require(self, algorithm: KeyAlgorithm) -> None:
        """Raise `AlgorithmNotOffered` for a key that could not be made."""
        if algorithm not in self.algorithms:
            raise AlgorithmNotOffered(
                f"this server's vault offers no keys of {algorithm.value}",
                hint=f"Choose one of {', '.join(sorted(self.algorithms))}.",
            )

    def check(self) -> None:
        """Raise `VaultUnavailable` if no key could be made or used now."""
        self.current.check()

    def close(self) -> None:
        """Let go of the token."""
        self.current.close()

    def generate(self, algorithm: KeyAlgorithm) -> AbstractContextManager[FreshKey]:
        """Make a key pair in the current vault."""
        return self.current.generate(algorithm)

    def generate_resident(self, algorithm: KeyAlgorithm, identifier: str) -> AbstractContextManager[FreshKey]:
        """Make a key that lives in the token."""
        return self.current.generate_resident(algorithm, identifier)

    def import_key(self, private_key: PrivateKey) -> AbstractContextManager[FreshKey]:
        """Take a key into the current vault: never into a weaker one without anybody's noticing."""
        return self.current.import_key(private_key)

    def open(self, sealed: bytes | bytearray, binding: bytes) -> AbstractContextManager[OpenKey]:
        """Open a key in the vault that sealed it."""
        return self._of(sealed).open(sealed, binding)

    def rebind(self, sealed: bytes, binding: bytes, new_binding: bytes) -> bytes:
        """The same key for other names, in the vault that sealed it."""
        return self._of(sealed).rebind(sealed, binding, new_binding)

    def _of(self, sealed: bytes | bytearray) -> Vault:
        if not PKCS11Vault.sealed_here(sealed):
            return self.software
        if self.token is None:
            raise Tampered(
                "the key is kept in a token, and this server has none",
                hint="Put the section [vault] of the configuration back as it was.",
            )
        return self.token
