"""Vaults: where private keys are made and used. One contract, several backends.

A user's key is made in the vault, leaves it only sealed, is opened for one request and closed again. The vault's own
secret (the master key, or a wrapping key inside a token) is one layer; the signer's secret is the other, outside the
vault.
"""

from contextlib import AbstractContextManager
from typing import Protocol

from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.key_management.vaults.operations import (
    PrivateKey,
    PublicKey,
    WrongSignature,
    load_public_key,
    verify_signature,
)

__all__ = [
    "FreshKey",
    "OpenKey",
    "PrivateKey",
    "PublicKey",
    "Vault",
    "WrongSignature",
    "load_public_key",
    "verify_signature",
]


class OpenKey(Protocol):
    """A private key that is open now. Use it in the `with` block that opened it, from one thread at a time."""

    @property
    def private_key(self) -> PrivateKey:
        """For certificate builders, which want a key object. It must not outlive the block."""
        ...

    def sign(self, dtbs: bytes, scheme: SignatureScheme) -> bytes:
        """Sign a digest of the scheme's hash function (Ed25519: the message). ECDSA answers DER, the others raw
        bytes."""
        ...


class FreshKey(OpenKey, Protocol):
    """A key that was just made and is open, so that it can prove possession and be sealed."""

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        ...

    def seal(self, binding: bytes) -> bytes:
        """The key under the vault's own secret, with `binding` as associated data. Opens only with the same binding."""
        ...


class Vault(Protocol):
    """Makes and opens keys. Safe from several threads; keeps no user's key between calls; retries nothing."""

    name: str

    def generate(self, algorithm: KeyAlgorithm) -> AbstractContextManager[FreshKey]:
        """Make a key pair. Nothing of it is durable until the caller stores what `seal` returns."""
        ...

    def open(self, sealed: bytes | bytearray, binding: bytes) -> AbstractContextManager[OpenKey]:
        """Open a sealed key for the length of the block. Raises `Tampered` if key or binding is not as it was
        sealed."""
        ...
