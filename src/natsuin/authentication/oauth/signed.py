"""JWTs that clients sign (RFC 7515, 7519), read as strictly as may be: asymmetric algorithms of a short list, each with
its own kind of key, and nothing that can be read in two ways.

Everything here raises `ValueError`, whose text may be told to the client.
"""

import base64
import hashlib
import json
import re
from typing import Any

import sqlalchemy as sa
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from natsuin.authentication.oauth.tables import oauth_used_proof
from natsuin.storage import Database

ALGORITHMS = ("ES256", "ES384", "PS256", "Ed25519")
"""What clients may sign with. All are asymmetric; RSA is PSS only; `EdDSA` is the old name (RFC 9864)."""

_LONGEST = 8192
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")
_KEY_OF_ALGORITHM = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "PS256": ("RSA", None),
    "Ed25519": ("OKP", "Ed25519"),
}
_PUBLIC_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}
_SECRET_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_RSA_BITS = (2048, 4096)


def header_of(jwt: str) -> dict[str, Any]:
    """The header, not verified, with an algorithm of the list and no extension."""
    if len(jwt) > _LONGEST or not _SHAPE.match(jwt):
        raise ValueError("this is not a signed JWT")
    header = members_of(decoded(jwt.partition(".")[0]))
    if "crit" in header or "b64" in header:
        raise ValueError("the header has members that this server does not know")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise ValueError("alg is not one of " + ", ".join(ALGORITHMS))
    return header


def public_members(jwk: object, algorithm: str) -> dict[str, str]:
    """What names a public key for `algorithm` (RFC 7638, 3.2), and nothing else that is said of it."""
    if not isinstance(jwk, dict):
        raise ValueError("jwk is missing")
    if _SECRET_MEMBERS & jwk.keys():
        raise ValueError("jwk holds a private key; make a new one, this one is known now")
    kind, curve = _KEY_OF_ALGORITHM[algorithm]
    if jwk.get("kty") != kind or (curve is not None and jwk.get("crv") != curve):
        raise ValueError("jwk is not a key for alg")
    members = {name: jwk.get(name) for name in _PUBLIC_MEMBERS[kind]}
    if not all(isinstance(value, str) and value.isascii() for value in members.values()):
        raise ValueError("jwk cannot be read")
    return {name: str(value) for name, value in members.items()}


def key_of(members: dict[str, str]) -> ECKey | RSAKey | OKPKey:
    """The key that `public_members` names."""
    try:
        if members["kty"] == "EC":
            key: ECKey | RSAKey | OKPKey = ECKey.import_key({**members})
        elif members["kty"] == "OKP":
            key = OKPKey.import_key({**members})
        else:
            bits = int.from_bytes(decoded(members["n"])).bit_length()
            if not _RSA_BITS[0] <= bits <= _RSA_BITS[1]:
                raise ValueError("the RSA key is too small or too large")
            key = RSAKey.import_key({**members})
        # joserfc reads the numbers only now.
        key.public_key  # noqa: B018
    except (JoseError, TypeError) as cause:
        raise ValueError("jwk cannot be read") from cause
    return key


def signed_members(jwt: str, members: dict[str, str], algorithm: str) -> bytes:
    """What the key signed: JSON in which no member stands twice."""
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = _LONGEST
    try:
        payload = jws.deserialize_compact(jwt, key_of(members), registry=registry).payload
    except (JoseError, TypeError) as cause:
        raise ValueError("the signature does not verify") from cause
    members_of(payload)
    return payload


def members_of(text: bytes) -> dict[str, Any]:
    """A JSON object in which no member stands twice."""
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except RecursionError as cause:
        raise ValueError("the JWT cannot be read") from cause
    if not isinstance(found, dict):
        raise ValueError("the JWT cannot be read")
    return found


def decoded(text: str) -> bytes:
    """base64url, with or without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def use_once(database: Database, signer: str, jti: str, *, until: int) -> None:
    """Note that a signer's `jti` was used, until `until` (milliseconds), for every process on this database."""
    one = hashlib.sha256(f"{signer} {jti}".encode("utf-8", "surrogatepass")).digest()
    try:
        with database.write() as connection:
            connection.execute(sa.insert(oauth_used_proof).values(proof_hash=one, expires_at=until))
    except sa.exc.IntegrityError as cause:
        raise ValueError("this proof was used before") from cause


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member stands twice")
    return dict(pairs)
