"""What a browser does before it sends: recovery codes, sealing secrets to sam (RFC 9180), recomputing
challenges."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def new_recovery_code() -> str:
    """25 random characters of Crockford's base32 (125 bits) and one that checks them, as the portal's script makes
    it."""
    values = [secrets.randbelow(32) for _ in range(25)]
    remainder = 0
    for value in values:
        remainder = _twice(remainder) ^ value
    return "".join(_CROCKFORD[value] for value in (*values, _twice(remainder)))


def _twice(value: int) -> int:
    """In the field with 32 elements, modulo x^5 + x^2 + 1."""
    return ((value << 1) ^ (0b100101 if value & 16 else 0)) & 31


def seal(public_key: bytes, info: bytes, secret: Mapping[str, Any]) -> bytes:
    """`secret` as JSON, readable only by the holder of the P-256 key `public_key` (65 bytes) who knows `info`."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    return _SUITE.encrypt(json.dumps(secret).encode(), key, info=info)


def challenge_of(record: bytes) -> bytes:
    """What a passkey must sign to approve `record`; a careful client computes it itself."""
    return hashlib.sha256(b"natsuin/approval/v1\0" + record).digest()
