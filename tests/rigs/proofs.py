"""The other side of DPoP (RFC 9449), written without the library that the server checks with: it writes good proofs and
bad ones."""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from rigs.web_side import ORIGIN

_Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
_COORDINATES = {"P-256": 32, "P-384": 48}


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _number(value: int, size: int = 0) -> str:
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@dataclass
class Prover:
    """One key of a client. `algorithm` is what its proofs say."""

    algorithm: str = "ES256"
    key: _Key = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def jwk(self) -> dict[str, str]:
        key = self.key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            curve = {"secp256r1": "P-256", "secp384r1": "P-384"}[key.curve.name]
            point, size = key.public_key().public_numbers(), _COORDINATES[curve]
            return {"kty": "EC", "crv": curve, "x": _number(point.x, size), "y": _number(point.y, size)}
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return {"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_key().public_bytes_raw())}
        numbers = key.public_key().public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}

    @property
    def thumbprint(self) -> str:
        text = json.dumps(self.jwk, separators=(",", ":"), sort_keys=True)
        return base64url(hashlib.sha256(text.encode()).digest())

    def proof(self, path: str, *, token: str = "", method: str = "POST", header: Any = None, claims: Any = None) -> str:
        """A proof for one request. `header` and `claims` replace members; one that is None is left out."""
        head = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.jwk} | (header or {})
        body: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": ORIGIN + path,
            "iat": int(time.time()),
        }
        if token:
            body["ath"] = base64url(hashlib.sha256(token.encode()).digest())
        body |= claims or {}
        return self.signed(_written(head), _written(body))

    def signed(self, head: str, body: str) -> str:
        """Any two texts, signed as a JWT."""
        text = base64url(head.encode()) + "." + base64url(body.encode())
        return text + "." + base64url(self._sign(text.encode()))

    def _sign(self, text: bytes) -> bytes:
        key = self.key
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(text)
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(text, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        size = 48 if key.curve.name == "secp384r1" else 32
        hashed = hashes.SHA384() if size == 48 else hashes.SHA256()
        r, s = decode_dss_signature(key.sign(text, ec.ECDSA(hashed)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _written(members: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in members.items() if value is not None})
