"""What a browser does before it sends: recovery codes, sealing secrets to sam (RFC 9180), recomputing
challenges."""

import hashlib
import json
import secrets

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def new_recovery_code() -> str:
    """26 random characters of Crockford's base32: 130 bits."""
    return "".join(secrets.choice(_CROCKFORD) for _ in range(26))


def seal(public_key: bytes, info: bytes, secret: dict[str, str]) -> bytes:
    """`secret` as JSON, readable only by the holder of the P-256 key `public_key` (65 bytes) who knows `info`."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    return _SUITE.encrypt(json.dumps(secret).encode(), key, info=info)


def challenge_of(record: bytes) -> bytes:
    """What a passkey must sign to approve `record`; a careful client computes it itself."""
    return hashlib.sha256(b"natsuin/approval/v1\0" + record).digest()
