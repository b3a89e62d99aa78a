"""The software vault: keys under the provider's master key, AES-256-GCM, opened in this process's memory.

Honest limit: Python and OpenSSL give no promise that every copy of a secret is overwritten. What this module holds
itself it wipes; core dumps and tracing are shut off for the process (`natsuin.sam.hardening`).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from natsuin.algorithms import KeyAlgorithm, SignatureScheme
from natsuin.errors import Tampered
from natsuin.key_management.hsm.refusals import resident_not_offered
from natsuin.key_management.master_key import MasterKey
from natsuin.key_management.vaults.operations import PrivateKey, generate_private_key, sign_with

_NONCE_BYTES = 12
_TAG_BYTES = 16


@dataclass(frozen=True)
class _Open:
    private_key: PrivateKey = field(repr=False)
    cipher: AESGCM = field(repr=False)
    backend: str = "software"
    wrapping_key: str = ""

    def sign(self, dtbs: bytes, scheme: SignatureScheme) -> bytes:
        return sign_with(self.private_key, dtbs, scheme)

    def sign_all(
        self, dtbs: Sequence[bytes], scheme: SignatureScheme, salt_bytes: int | None = None
    ) -> tuple[bytes, ...]:
        return tuple(sign_with(self.private_key, item, scheme, salt_bytes) for item in dtbs)

    @property
    def public_key(self) -> bytes:
        return self.private_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def seal(self, binding: bytes) -> bytes:
        clear = bytearray(
            self.private_key.private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        try:
            nonce = os.urandom(_NONCE_BYTES)
            return nonce + self.cipher.encrypt(nonce, clear, binding)
        finally:
            wipe(clear)


class SoftwareVault:
    """Keys in software. Reaches no level that asks for a certified device, and says so in every key's `backend`."""

    name = "software"
    keeps_resident = False
    algorithms = frozenset(KeyAlgorithm)
    facts: Mapping[str, object] = MappingProxyType({})

    def __init__(self, master: MasterKey) -> None:
        self._cipher = AESGCM(master.derive("software-vault"))

    def check(self) -> None:
        """It is there as long as the process is."""

    def close(self) -> None:
        """It holds nothing open."""

    @contextmanager
    def generate(self, algorithm: KeyAlgorithm) -> Iterator[_Open]:
        """Make a key pair of `algorithm`."""
        yield _Open(generate_private_key(algorithm), self._cipher)

    def generate_resident(self, algorithm: KeyAlgorithm, identifier: str) -> AbstractContextManager[_Open]:
        """Refuses."""
        raise resident_not_offered()

    @contextmanager
    def import_key(self, private_key: PrivateKey) -> Iterator[_Open]:
        """Take in a private key that was made elsewhere."""
        yield _Open(private_key, self._cipher)

    @contextmanager
    def open(self, sealed: bytes | bytearray, binding: bytes) -> Iterator[_Open]:
        """Open a key that `seal` closed. Raises `Tampered` if it or its binding changed."""
        clear = bytearray(max(len(sealed) - _NONCE_BYTES - _TAG_BYTES, 0))
        try:
            try:
                self._cipher.decrypt_into(bytes(sealed[:_NONCE_BYTES]), sealed[_NONCE_BYTES:], binding, clear)
            except (InvalidTag, ValueError) as error:
                raise Tampered(
                    "a stored key does not open under the names it is stored with",
                    hint="Its record was changed or belongs to another key. Restore the record from a backup.",
                ) from error
            yield _Open(_load(clear), self._cipher)
        finally:
            wipe(clear)

    def rebind(self, sealed: bytes, binding: bytes, new_binding: bytes) -> bytes:
        """The same key for other names. Raises `Tampered` as `open` does."""
        with self.open(sealed, binding) as opened:
            return opened.seal(new_binding)


def _load(pkcs8: bytearray) -> PrivateKey:
    # The blob was authenticated just above and was made by this class from a key that OpenSSL generated, so OpenSSL's
    # primality checks (112 ms for RSA-3072) would prove nothing new.
    key = serialization.load_der_private_key(pkcs8, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, PrivateKey):
        raise Tampered("a stored key is of a kind that this vault never makes")
    return key


def wipe(buffer: bytearray) -> None:
    """Overwrite `buffer` with zeros."""
    buffer[:] = bytes(len(buffer))
