"""Digests as clients write them in a request for authorization, and the hash functions that they name.

Clients of the CSC API differ: base64url or base64, padded or not, with `,` or `;` between, percent-encoded once more.
All of these are read, and only bytes are kept and compared, so that no spelling is a way around what was approved.
"""

import base64
import binascii
from urllib.parse import unquote

from natsuin.authentication.oauth.errors import OAuthRefused

HASH_OF_OID = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
"""NIST hash functions that this server signs over (RFC 5754, section 2)."""

OID_OF_HASH = {name: oid for oid, name in HASH_OF_OID.items()}
HASH_BYTES = {"sha256": 32, "sha384": 48, "sha512": 64}
_HASH_OF_LENGTH = {length: name for name, length in HASH_BYTES.items()}
_MOST_DECODINGS = 2


def read_digest_list(text: str) -> tuple[bytes, ...]:
    """The digests of a query parameter. Raises `OAuthRefused` (`invalid_request`)."""
    for _ in range(_MOST_DECODINGS):
        if "%" not in text:
            break
        text = unquote(text, errors="strict") if text.isascii() else ""
    return tuple(read_digest(part) for part in text.replace(";", ",").split(","))


def read_digest(text: str) -> bytes:
    """One digest, in base64 or base64url, with or without padding. Raises `OAuthRefused` (`invalid_request`)."""
    # A plus sign that was not percent-encoded arrives as a blank.
    plain = text.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as cause:
        raise OAuthRefused("invalid_request", "Invalid Base64 hash string parameter") from cause


def hash_of(digests: tuple[bytes, ...], oid: str) -> str:
    """The hash function of `digests`: the one that `oid` names, or if it is empty the one of their length.

    Raises `OAuthRefused` (`invalid_request`).
    """
    name = HASH_OF_OID.get(oid) if oid else _HASH_OF_LENGTH.get(len(digests[0]) if digests else 0)
    if name is None:
        raise OAuthRefused("invalid_request", "Invalid parameter hashAlgorithmOID")
    if any(len(digest) != HASH_BYTES[name] for digest in digests):
        raise OAuthRefused("invalid_request", "Invalid digest value length")
    return name
