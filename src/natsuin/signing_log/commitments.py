"""Commitments: what stands in an entry for fields that could name somebody.

A commitment is HMAC-SHA256 (RFC 2104) under a random salt. The salt has one length only, because HMAC fills shorter
keys up with zero bytes: a salt and the same salt with a zero byte after it would open the same commitment.
"""

import hmac
from typing import Final

from natsuin import base64url

SALT_BYTES: Final = 32
_TAG: Final = b"rss-leaf-commit/v1\0"


def commitment_to(salt: bytes, fields: bytes) -> str:
    """The commitment to canonical JSON `fields` under `salt`, in base64url without padding as it stands in the entry.

    Raises `ValueError` when the salt has not 32 bytes.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError("the salt of a commitment has 32 bytes")
    return base64url.encode(hmac.digest(salt, _TAG + fields, "sha256"))
