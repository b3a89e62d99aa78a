"""How a client proves itself with a key that it registered (private_key_jwt: RFC 7523, OpenID Connect Core, 9)."""

from collections.abc import Collection
from typing import Any

import msgspec

from natsuin.authentication.oauth.signed import (
    ALGORITHMS,
    decoded,
    header_of,
    key_of,
    members_of,
    public_members,
    signed_members,
)
from natsuin.errors import Malformed

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 600
"""The longest life of an assertion that is taken."""

_MOST_KEYS = 10
_SKEW = 60
_LONGEST_JTI = 256


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str | list[str]
    exp: int | float
    jti: str
    iat: int | float | None = None
    nbf: int | float | None = None


def subject_of(assertion: str) -> str:
    """Whom an assertion is said to be of; not verified. Raises `ValueError`."""
    header_of(assertion)
    subject = members_of(decoded(assertion.split(".")[1])).get("sub")
    if not isinstance(subject, str):
        raise ValueError("sub is missing")
    return subject


def check_assertion(
    assertion: str, keys: Collection[Any], client_id: str, audiences: Collection[str], now: int
) -> tuple[str, int]:
    """Verify an assertion with one of the registered `keys`. `now` and the answer's end are milliseconds.

    Answers with its `jti`, and until when that must not come again. Raises `ValueError`.
    """
    header = header_of(assertion)
    claims = msgspec.json.decode(_signed(assertion, header, keys), type=_Claims)
    named = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if not (claims.iss == claims.sub == client_id):
        raise ValueError("iss and sub are not the client")
    # One audience only, lest another server use what it was given.
    if len(named) != 1 or named[0] not in audiences:
        raise ValueError("aud is not this server")
    moment = now / 1000
    if not moment < claims.exp <= moment + ASSERTION_SECONDS:
        raise ValueError("exp is over or too far away")
    if any(begin is not None and begin > moment + _SKEW for begin in (claims.iat, claims.nbf)):
        raise ValueError("the assertion is of the future")
    if not 0 < len(claims.jti) <= _LONGEST_JTI:
        raise ValueError("jti is missing or too long")
    return claims.jti, int((claims.exp + 1) * 1000)


def check_key_set(value: object) -> list[dict[str, str]]:
    """The public keys of a JWK Set (RFC 7517, 5) as they are registered. Raises `Malformed`."""
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= _MOST_KEYS:
        raise Malformed(f"a JWK Set has an array `keys` of 1 to {_MOST_KEYS} public keys")
    return [_registered(jwk) for jwk in keys]


def _registered(jwk: object) -> dict[str, str]:
    why = "it is of no kind that this server knows"
    for algorithm in ALGORITHMS:
        try:
            members = public_members(jwk, algorithm)
            key_of(members)
        except ValueError as cause:
            why = why if str(cause) == "jwk is not a key for alg" else str(cause)
            continue
        kid = jwk.get("kid") if isinstance(jwk, dict) else None
        return members | ({"kid": kid} if isinstance(kid, str) else {}) | {"alg": algorithm}
    raise Malformed(f"a key of the JWK Set cannot be used: {why}")


def _signed(assertion: str, header: dict[str, Any], keys: Collection[Any]) -> bytes:
    """What one of the keys signed: the named one, if the header names one."""
    for key in keys:
        if key["alg"] != header["alg"] or ("kid" in header and header["kid"] != key.get("kid")):
            continue
        try:
            return signed_members(assertion, public_members(key, key["alg"]), key["alg"])
        except ValueError:
            continue
    raise ValueError("no registered key signed this")
