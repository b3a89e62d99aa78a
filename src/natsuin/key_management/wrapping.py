"""The signer's layer around a key: what the vault sealed is encrypted again, so that the provider alone cannot open it.

    key blob  = AES-256-GCM(signer key, vault blob, binding)
    each slot = AES-256-GCM(Argon2id(secret, salt), signer key, binding and slot name)

The signer key is 32 random bytes. It exists outside the slots only while a key is made or an approval is verified, and
between approval and use encrypted under the SAD. Two slots, PIN and recovery code, hold it, so a new PIN changes one
slot and neither the key nor the other slot.
"""

import os
import threading
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from natsuin.errors import Tampered, WrongSecret

_NONCE_BYTES = 12
_SALT_BYTES = 16
_MEMORY_KIB = 64 * 1024
_ITERATIONS = 3
# Argon2id takes 64 MiB each time, so unbounded concurrency would let a flood of approvals exhaust the memory.
_argon2_places = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class Slot:
    """One way to the signer key: `salt` (16 bytes) and `wrapped` (nonce, ciphertext, tag)."""

    salt: bytes
    wrapped: bytes = field(repr=False)


def new_signer_key() -> bytes:
    """32 random bytes for one key."""
    return os.urandom(32)


def close_slot(name: str, secret: str, signer_key: bytes, binding: bytes) -> Slot:
    """Put the signer key under `secret`. `name` is `pin` or `recovery`."""
    salt = os.urandom(_SALT_BYTES)
    return Slot(salt, encrypt(_stretch(secret, salt), signer_key, _slot_binding(name, binding)))


def open_slot(name: str, slot: Slot, secret: str, binding: bytes) -> bytes:
    """The signer key. Raises `WrongSecret`, also when slot or binding is not as it was closed: the two look alike."""
    try:
        return decrypt(_stretch(secret, slot.salt), slot.wrapped, _slot_binding(name, binding))
    except InvalidTag as error:
        raise WrongSecret("the secret does not open the key") from error


def wrap_for_signer(vault_blob: bytes, signer_key: bytes, binding: bytes) -> bytes:
    """The outer layer around what the vault sealed."""
    return encrypt(signer_key, vault_blob, binding)


def unwrap_for_signer(key_blob: bytes, signer_key: bytes, binding: bytes) -> bytes:
    """What the vault sealed. Raises `Tampered` if blob or binding changed since it was wrapped."""
    try:
        return decrypt(signer_key, key_blob, binding)
    except InvalidTag as error:
        raise Tampered(
            "a key's record does not match the key it is stored with",
            hint="Tell the security officer: owner, public key or passkey of a key were changed in the database.",
        ) from error


def encrypt(key: bytes, clear: bytes, binding: bytes) -> bytes:
    """AES-256-GCM with a random 96-bit nonce in front."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, clear, binding)


def decrypt(key: bytes, sealed: bytes, binding: bytes) -> bytes:
    """The inverse of `encrypt`; raises `InvalidTag`."""
    if len(sealed) < _NONCE_BYTES:
        raise InvalidTag
    return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], binding)


def _stretch(secret: str, salt: bytes) -> bytes:
    # Parameters: RFC 9106 section 4, second recommended option, with one lane because the places above bound the cores.
    with _argon2_places:
        return Argon2id(salt=salt, length=32, iterations=_ITERATIONS, lanes=1, memory_cost=_MEMORY_KIB).derive(
            secret.encode()
        )


def _slot_binding(name: str, binding: bytes) -> bytes:
    return b"natsuin/slot/v1\0" + name.encode() + b"\0" + binding
