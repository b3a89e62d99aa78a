"""Proofs of possession (DPoP, RFC 9449): a client signs each request with a key of its own, and a token bound to that
key is of no use to whoever steals the token alone.

A proof is for one request: method, address, moment, and at a resource the token. Its `jti` is kept in DB-1 for as long
as the proof would be taken, so that every web process refuses it the second time. Server nonces are not used.
"""

import base64
import hashlib
import hmac
import json
import re
from typing import Any
from urllib.parse import urlsplit

import msgspec
import sqlalchemy as sa
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from natsuin.authentication.oauth.errors import OAuthRefused
from natsuin.authentication.oauth.tables import oauth_used_proof
from natsuin.clock import Clock, milliseconds
from natsuin.storage import Database

PROOF_ALGORITHMS = ("ES256", "ES384", "PS256", "Ed25519")
"""What a proof may be signed with. All are asymmetric; RSA is PSS only; `EdDSA` is the old name (RFC 9864)."""

PROOF_SECONDS = 60
"""How far the moment in a proof (`iat`) may lie from the server's clock, either way."""

_LONGEST = 8192
_LONGEST_JTI = 256
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


class _Claims(msgspec.Struct, frozen=True):
    jti: str
    htm: str
    htu: str
    iat: int | float
    ath: str = ""


class Proofs:
    """Checks proofs, each good once over all processes on one database. Thread safe."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def check(self, proof: str, *, method: str, address: str, token: str = "") -> str:
        """The thumbprint (RFC 7638, SHA-256, base64url) of the key that signed `proof` for this request.

        `address` is the request's own without query; `token` the access token that comes with it, empty where none
        does. Raises `OAuthRefused` (`invalid_dpop_proof`).
        """
        members, signed = _verified(proof)
        claims = _claims(signed)
        now = milliseconds(self._clock.now())
        if not 0 < len(claims.jti) <= _LONGEST_JTI:
            raise _invalid("jti is missing or too long")
        if claims.htm != method:
            raise _invalid("htm is not the method of this request")
        if _address(claims.htu) != _address(address):
            raise _invalid("htu is not the address of this request")
        # Compared as it is, for no number of a stranger's is safe to multiply.
        if not abs(claims.iat - now / 1000) <= PROOF_SECONDS:
            raise _invalid("iat is too far from the time of this server")
        wanted = base64url(hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()) if token else ""
        if not hmac.compare_digest(claims.ath.encode("utf-8", "surrogatepass"), wanted.encode()):
            raise _invalid("ath does not belong to the token")
        thumbprint = _thumbprint(members)
        self._use(thumbprint, claims.jti, until=int((claims.iat + PROOF_SECONDS + 1) * 1000))
        return thumbprint

    def purge(self) -> int:
        """Forget proofs that are too old to be taken. Returns how many."""
        with self._database.write() as connection:
            over = sa.delete(oauth_used_proof).where(oauth_used_proof.c.expires_at <= milliseconds(self._clock.now()))
            return connection.execute(over).rowcount

    def _use(self, thumbprint: str, jti: str, *, until: int) -> None:
        one = hashlib.sha256(f"{thumbprint} {jti}".encode("utf-8", "surrogatepass")).digest()
        try:
            with self._database.write() as connection:
                connection.execute(sa.insert(oauth_used_proof).values(proof_hash=one, expires_at=until))
        except sa.exc.IntegrityError as cause:
            raise _invalid("this proof was used before") from cause


def base64url(value: bytes) -> str:
    """RFC 4648, section 5, without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _verified(proof: str) -> tuple[dict[str, str], bytes]:
    """The public members of the proof's own key, and what that key signed."""
    if len(proof) > _LONGEST or not _SHAPE.match(proof):
        raise _invalid("the proof is not a signed JWT")
    header = _header(proof.partition(".")[0])
    if header.get("typ") != "dpop+jwt":
        raise _invalid("typ is not dpop+jwt")
    if "crit" in header or "b64" in header:
        raise _invalid("the header has members that this server does not know")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in PROOF_ALGORITHMS:
        raise _invalid("alg is not one of " + ", ".join(PROOF_ALGORITHMS))
    members = _public_members(header.get("jwk"), algorithm)
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = _LONGEST
    try:
        return members, jws.deserialize_compact(proof, _key(members), registry=registry).payload
    except (JoseError, ValueError, TypeError) as cause:
        raise _invalid("the proof's signature does not verify") from cause


def _header(text: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), object_pairs_hook=_once)
    except (ValueError, RecursionError) as cause:
        raise _invalid("the proof's header cannot be read") from cause
    if not isinstance(found, dict):
        raise _invalid("the proof's header cannot be read")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member occurs twice")
    return dict(pairs)


def _public_members(jwk: object, algorithm: str) -> dict[str, str]:
    """What names the key (RFC 7638, 3.2), and nothing else of what a client says of it."""
    if not isinstance(jwk, dict):
        raise _invalid("jwk is missing")
    if _SECRET_MEMBERS & jwk.keys():
        raise _invalid("jwk holds a private key; make a new one, this one is known now")
    kind, curve = _KEY_OF_ALGORITHM[algorithm]
    if jwk.get("kty") != kind or (curve is not None and jwk.get("crv") != curve):
        raise _invalid("jwk is not a key for alg")
    members = {name: jwk.get(name) for name in _PUBLIC_MEMBERS[kind]}
    if not all(isinstance(value, str) and value.isascii() for value in members.values()):
        raise _invalid("jwk cannot be read")
    return {name: str(value) for name, value in members.items()}


def _key(members: dict[str, str]) -> ECKey | RSAKey | OKPKey:
    if members["kty"] == "EC":
        return ECKey.import_key({**members})
    if members["kty"] == "OKP":
        return OKPKey.import_key({**members})
    bits = int.from_bytes(base64.urlsafe_b64decode(members["n"] + "==")).bit_length()
    if not _RSA_BITS[0] <= bits <= _RSA_BITS[1]:
        raise ValueError("the RSA key is too small or too large")
    return RSAKey.import_key({**members})


def _claims(signed: bytes) -> _Claims:
    try:
        json.loads(signed, object_pairs_hook=_once)
        return msgspec.json.decode(signed, type=_Claims)
    except (ValueError, RecursionError) as cause:
        raise _invalid("the proof needs jti, htm, htu and iat, each once") from cause


def _thumbprint(members: dict[str, str]) -> str:
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return base64url(hashlib.sha256(canonical.encode()).digest())


def _address(text: str) -> tuple[str, str, int | None, str]:
    """Scheme, host, port and path (RFC 9449, 4.3). Raises `OAuthRefused`."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as cause:
        raise _invalid("htu is not the address of this request") from cause
    if "@" in parts.netloc:
        raise _invalid("htu is not the address of this request")
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port or usual, parts.path


def _invalid(why: str) -> OAuthRefused:
    return OAuthRefused("invalid_dpop_proof", why)
