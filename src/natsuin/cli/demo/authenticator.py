"""A passkey in software, for `natsuin demo` and for tests: it answers WebAuthn ceremonies as a browser with a device
would.

It holds its keys in this process's memory and says "user verified" whenever it is told to, so it proves nothing about a
person. ES256, attestation format `none` (Web Authentication Level 3, 6.1 and 8.7).
"""

import hashlib
import json
import os
import struct
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from natsuin import base64url
from natsuin.errors import Malformed

_USER_PRESENT, _USER_VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


@dataclass
class _Held:
    key: ec.EllipticCurvePrivateKey
    rp_id: str
    user_handle: bytes
    count: int = 0


@dataclass
class SoftwareAuthenticator:
    """One device of one person. Not safe from several threads."""

    origin: str
    user_verified: bool = True
    cross_origin: bool = False
    _held: dict[bytes, _Held] = field(default_factory=dict)

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """RegistrationResponseJSON for PublicKeyCredentialCreationOptionsJSON: a new passkey."""
        key = ec.generate_private_key(ec.SECP256R1())
        credential_id = os.urandom(32)
        rp_id = options["rp"]["id"]
        self._held[credential_id] = _Held(key, rp_id, base64url.decode(options["user"]["id"]))
        point = key.public_key().public_numbers()
        # COSE_Key (RFC 9053, 7.1.1): kty EC2, alg ES256, crv P-256, x, y.
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
        attested = bytes(16) + struct.pack(">H", len(credential_id)) + credential_id + cose
        data = self._authenticator_data(rp_id, _ATTESTED, 0) + attested
        response = {
            "clientDataJSON": base64url.encode(self._client_data("webauthn.create", options["challenge"])),
            "attestationObject": base64url.encode(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["internal"],
        }
        return _credential(credential_id, response)

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """AuthenticationResponseJSON for PublicKeyCredentialRequestOptionsJSON, by a passkey that is allowed and
        held."""
        allowed = [base64url.decode(item["id"]) for item in options.get("allowCredentials", [])] or list(self._held)
        credential_id = next(item for item in allowed if item in self._held)
        held = self._held[credential_id]
        held.count += 1
        data = self._authenticator_data(held.rp_id, 0, held.count)
        client_data = self._client_data("webauthn.get", options["challenge"])
        signature = held.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": base64url.encode(client_data),
            "authenticatorData": base64url.encode(data),
            "signature": base64url.encode(signature),
            "userHandle": base64url.encode(held.user_handle),
        }
        return _credential(credential_id, response)

    def written(self) -> list[dict[str, Any]]:
        """Its passkeys, private keys in clear, for `read`."""
        return [
            {
                "id": base64url.encode(credential_id),
                "key": held.key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                ).decode(),
                "rp_id": held.rp_id,
                "user_handle": base64url.encode(held.user_handle),
                "count": held.count,
            }
            for credential_id, held in self._held.items()
        ]

    @classmethod
    def read(cls, origin: str, written: list[dict[str, Any]]) -> "SoftwareAuthenticator":
        """The device that `written` was made of."""
        held: dict[bytes, _Held] = {}
        for one in written:
            key = serialization.load_pem_private_key(one["key"].encode(), None)
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise Malformed("a passkey that was written down is not one of this authenticator")
            handle = base64url.decode(one["user_handle"])
            held[base64url.decode(one["id"])] = _Held(key, one["rp_id"], handle, one["count"])
        return cls(origin, _held=held)

    def _authenticator_data(self, rp_id: str, flags: int, count: int) -> bytes:
        flags |= _USER_PRESENT | (_USER_VERIFIED if self.user_verified else 0)
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + struct.pack(">I", count)

    def _client_data(self, kind: str, challenge: str) -> bytes:
        content = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.cross_origin}
        return json.dumps(content).encode()


def _credential(credential_id: bytes, response: dict[str, Any]) -> dict[str, Any]:
    name = base64url.encode(credential_id)
    return {"id": name, "rawId": name, "type": "public-key", "clientExtensionResults": {}, "response": response}
