"""Vaults: where private keys are made and used. One contract, several backends.

A user's key is made in the vault, leaves it only sealed, is opened for one request and closed again. The vault's own
secret (the master key, or a wrapping key inside a token) is one layer; the signer's secret is the other, outside the
vault.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.key_management.vaults.operations import (
    ImportNotOffered,
    PrivateKey,
    PublicKey,
    WrongSignature,
    load_public_key,
    verify_signature,
)

__all__ = [
    "FreshKey",
    "ImportNotOffered",
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

    def sign_all(
        self, dtbs: Sequence[bytes], scheme: SignatureScheme, salt_bytes: int | None = None
    ) -> tuple[bytes, ...]:
        """A signature for each of `dtbs`, with one call to the vault. `salt_bytes` counts for RSASSA-PSS; None is the
        length of the hash.

        Whoever asks verifies the signatures. A vault in a token raises `VaultUnavailable` when no key was used,
        `VaultInterrupted` when nobody knows, and may find only here that the key does not open.
        """
        ...


class FreshKey(OpenKey, Protocol):
    """A key that was just made or taken in and is open, so that it can prove possession and be sealed."""

    @property
    def backend(self) -> str:
        """The name of the vault that will keep it."""
        ...

    @property
    def wrapping_key(self) -> str:
        """CKA_ID of the token's key that it lies under, hexadecimal; empty where there is none."""
        ...

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        ...

    def seal(self, binding: bytes) -> bytes:
        """The key under the vault's own secret, with `binding` as associated data. Opens only with the same binding."""
        ...


class Vault(Protocol):
    """Makes and opens keys. Safe from several threads; keeps no user's key between calls; retries nothing."""

    @property
    def name(self) -> str:
        """The backend, as keys, entries and evidence state it."""
        ...

    @property
    def algorithms(self) -> frozenset[KeyAlgorithm]:
        """What it can make."""
        ...

    @property
    def keeps_resident(self) -> bool:
        """Whether a key can live in it for good (`generate_resident`)."""
        ...

    @property
    def facts(self) -> Mapping[str, object]:
        """What it says of itself, for the entry `boot`. Nothing in it claims a certified level."""
        ...

    def check(self) -> None:
        """Raise `VaultUnavailable` if no key could be used now."""
        ...

    def close(self) -> None:
        """Let go of what it holds open. It is not used afterwards."""
        ...

    def generate(self, algorithm: KeyAlgorithm) -> AbstractContextManager[FreshKey]:
        """Make a key pair. Nothing of it is durable until the caller stores what `seal` returns.

        Raises `AlgorithmNotOffered` for one outside `algorithms`.
        """
        ...

    def generate_resident(self, algorithm: KeyAlgorithm, identifier: str) -> AbstractContextManager[FreshKey]:
        """Make a key pair that lives in the vault under `identifier`; what `seal` returns is a reference to it. An
        error in the block destroys it again. Raises `ResidentNotOffered`, `AlgorithmNotOffered`, `Conflict`."""
        ...

    def import_key(self, private_key: PrivateKey) -> AbstractContextManager[FreshKey]:
        """Take in a private key that was made elsewhere and has been in this process's memory. Raises
        `ImportNotOffered`."""
        ...

    def open(self, sealed: bytes | bytearray, binding: bytes) -> AbstractContextManager[OpenKey]:
        """Open a sealed key for the length of the block. Raises `Tampered` if key or binding is not as it was
        sealed."""
        ...

    def rebind(self, sealed: bytes, binding: bytes, new_binding: bytes) -> bytes:
        """What `sealed` holds, sealed with `new_binding`, without using the key. Raises `Tampered` as `open` does."""
        ...
