"""Asking a time-stamp authority over HTTP (RFC 3161, 3.4), which may be hostile.

What bounds it is what bounds reading a log over HTTP: no redirection, no content encoding, one deadline, a largest
answer. What comes back is taken apart here; whether its token is to be believed, `natsuin.validation` tells.
"""

import hashlib
import secrets
import ssl
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat import asn1

from natsuin.signing_log.anchors.evidence_records import OBJECT_IDENTIFIERS
from natsuin.signing_log.anchors.refusals import AnchorRefused, AuthorityUnreachable
from natsuin.signing_log.http_source import SECONDS
from natsuin.signing_log.timed_http import timed

LARGEST_ANSWER: Final = 256 * 1024
"""Bytes; a token with its certificates is about 5 KB."""
_GRANTED: Final = (0, 1)


@asn1.sequence
class _Algorithm:
    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null


@asn1.sequence
class _Imprint:
    algorithm: _Algorithm
    hashed: bytes


@asn1.sequence
class _Question:
    version: int
    imprint: _Imprint
    nonce: int
    certificates_wanted: bool


@asn1.sequence
class _ContentInfo:
    content_type: x509.ObjectIdentifier
    content: asn1.TLV


@asn1.sequence
class _Answer:
    status: list[asn1.TLV]
    token: _ContentInfo | None


def ask_token(
    url: str, covered: bytes, algorithm: str, *, seconds: float = SECONDS, authority: Path | None = None
) -> bytes:
    """A token (DER) of the authority at `url` that answers a request about the hash of `covered`.

    With https `authority` (PEM) names the only certificate authorities that count; without, the operating system's do.
    `algorithm` is one of `HASH_STRENGTHS`. That the token is signed, over this hash and by whom, is still to be
    verified.
    Raises `AuthorityUnreachable` without an answer, `AnchorRefused` for one that is no token for this request.
    """
    return token_from(lambda request: _post(url, request, seconds, authority), covered, algorithm)


def token_from(authority: Callable[[bytes], bytes], covered: bytes, algorithm: str) -> bytes:
    """As `ask_token`, of an authority that is reached in another way: it is given a request and answers, DER both."""
    nonce = 1 << 63 | secrets.randbits(63)
    return _token(authority(_request(covered, algorithm, nonce)), covered, algorithm, nonce)


def _request(covered: bytes, algorithm: str, nonce: int) -> bytes:
    named = _Algorithm(algorithm=x509.ObjectIdentifier(OBJECT_IDENTIFIERS[algorithm]), parameters=asn1.Null())
    imprint = _Imprint(algorithm=named, hashed=hashlib.new(algorithm, covered).digest())
    return asn1.encode_der(_Question(version=1, imprint=imprint, nonce=nonce, certificates_wanted=True))


def _token(answer: bytes, covered: bytes, algorithm: str, nonce: int) -> bytes:
    try:
        told = asn1.decode_der(_Answer, answer)
        status = asn1.decode_der(int, asn1.encode_der(told.status[0]))
        if status not in _GRANTED or told.token is None:
            raise AnchorRefused(f"the time-stamp authority made no time-stamp (its status is {status})")
        token = asn1.encode_der(told.token)
    except (ValueError, IndexError) as error:
        raise AnchorRefused("the time-stamp authority's answer cannot be read") from error
    # Both stand in the signed part and are random or hashes; where they stand is for the verification to tell.
    if hashlib.new(algorithm, covered).digest() not in token or asn1.encode_der(nonce) not in token:
        raise AnchorRefused("the time-stamp authority answered another request")
    return token


def _connection(scheme: str, host: str, port: int | None, seconds: float, authority: Path | None) -> HTTPConnection:
    if scheme == "http":
        return HTTPConnection(host, port, timeout=seconds)
    try:
        context = ssl.create_default_context(cafile=None if authority is None else str(authority))
    except (OSError, ssl.SSLError) as error:
        raise AuthorityUnreachable("the file of certificate authorities for this address is not usable") from error
    return HTTPSConnection(host, port, timeout=seconds, context=context)


def _post(url: str, request: bytes, seconds: float, authority: Path | None) -> bytes:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AuthorityUnreachable("this is not the address of a time-stamp authority") from error
    if parts.scheme not in ("http", "https") or not host or parts.fragment or parts.username:
        raise AuthorityUnreachable("the address of a time-stamp authority begins with http:// or https://")
    connection = _connection(parts.scheme, host, port, seconds, authority)
    connection.response_class = timed(seconds)
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", path, body=request, headers=headers)
        response = connection.getresponse()
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        content = response.read(LARGEST_ANSWER + 1) if response.status == 200 else b""
        told = response.length
    except TimeoutError as error:
        raise AuthorityUnreachable("the time-stamp authority is too slow") from error
    except ssl.SSLCertVerificationError as error:
        raise AuthorityUnreachable(
            "the certificate of the time-stamp authority's server is not trusted", hint=f"{error.verify_message}."
        ) from error
    except (HTTPException, OSError, ValueError) as error:
        hint = "Check the address and the network."
        raise AuthorityUnreachable("the time-stamp authority does not answer", hint=hint) from error
    finally:
        connection.close()
    if response.status != 200:
        raise AuthorityUnreachable(f"the time-stamp authority answered {response.status} instead of a time-stamp")
    if encoding not in ("", "identity") or len(content) > LARGEST_ANSWER or told:
        raise AuthorityUnreachable("the time-stamp authority's answer is encoded, too long or broken off")
    return content
