"""Secrets of 256 random bits that are given out once: codes, tokens, handles, client secrets. And the sealing of a SAD
under one of them."""

import hashlib
import os
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from natsuin.errors import Tampered

_NONCE_BYTES = 12
_PURPOSE = b"natsuin/oauth/sad/v1"


def new_secret() -> str:
    """A fresh secret: base64url, 43 characters."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> bytes:
    """What is stored of a secret. It has 256 bits, so a plain hash tells nothing of it; whatever a caller may send
    hashes."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def seal_sad(sad: bytes, secret: str, grant_id: str) -> bytes:
    """`sad` for whoever holds `secret`: nonce and AES-256-GCM (SP 800-38D), bound to the grant."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(_key(secret)).encrypt(nonce, sad, grant_id.encode())


def open_sad(sealed: bytes, secret: str, grant_id: str) -> bytes:
    """The SAD that `seal_sad` sealed. Raises `Tampered`."""
    try:
        return AESGCM(_key(secret)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], grant_id.encode())
    except (InvalidTag, ValueError) as cause:
        raise Tampered("the stored activation of this token was changed") from cause


def _key(secret: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(secret.encode("utf-8", "surrogatepass"))
