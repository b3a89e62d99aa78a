"""Proofs of possession (DPoP, RFC 9449): a client signs each request with a key of its own, and a token bound to that
key is of no use to whoever steals the token alone.

A proof is for one request: method, address, moment, and at a resource the token. Its `jti` is kept in DB-1 for as long
as the proof would be taken, so that every web process refuses it the second time. Server nonces are not used.
"""

import base64
import hashlib
import hmac
import json
from urllib.parse import urlsplit

import msgspec
import sqlalchemy as sa

from natsuin.authentication.oauth.errors import OAuthRefused
from natsuin.authentication.oauth.signed import header_of, public_members, signed_members, use_once
from natsuin.authentication.oauth.tables import oauth_used_proof
from natsuin.clock import Clock, milliseconds
from natsuin.storage import Database

PROOF_SECONDS = 60
"""How far the moment in a proof (`iat`) may lie from the server's clock, either way."""

_LONGEST_JTI = 256


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
        try:
            use_once(self._database, thumbprint, claims.jti, until=int((claims.iat + PROOF_SECONDS + 1) * 1000))
        except ValueError as cause:
            raise _invalid(str(cause)) from cause
        return thumbprint

    def purge(self) -> int:
        """Forget proofs that are too old to be taken. Returns how many."""
        with self._database.write() as connection:
            over = sa.delete(oauth_used_proof).where(oauth_used_proof.c.expires_at <= milliseconds(self._clock.now()))
            return connection.execute(over).rowcount


def base64url(value: bytes) -> str:
    """RFC 4648, section 5, without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _verified(proof: str) -> tuple[dict[str, str], bytes]:
    """The public members of the proof's own key, and what that key signed."""
    try:
        header = header_of(proof)
        if header.get("typ") != "dpop+jwt":
            raise ValueError("typ is not dpop+jwt")
        members = public_members(header.get("jwk"), header["alg"])
        return members, signed_members(proof, members, header["alg"])
    except ValueError as cause:
        raise _invalid(str(cause)) from cause


def _claims(signed: bytes) -> _Claims:
    try:
        return msgspec.json.decode(signed, type=_Claims)
    except ValueError as cause:
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
