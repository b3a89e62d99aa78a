"""Answers to questions about single certificates: OCSP (RFC 6960, RFC 9654).

Pure functions: the facts come from a callable, the time as an argument, and nothing is kept. An answer is public the
moment somebody has it, so the facts must be durable before they are told.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import ocsp

from natsuin.certification.authority import require_pair
from natsuin.certification.profiles import whole_seconds
from natsuin.certification.public_keys import PrivateKey, PublicKey, key_bits, sign, signing_method
from natsuin.certification.refusals import KeyNotAllowed
from natsuin.certification.revocation import Revocation, RevocationReason, Standing
from natsuin.certification.structures import (
    BasicOCSPResponse,
    CertID,
    CertStatus,
    Extension,
    OCSPRequest,
    OCSPResponse,
    ResponseBytes,
    ResponseData,
    RevokedInfo,
    SingleResponse,
    tlv,
)
from natsuin.errors import Unavailable

OCSP_REQUEST_LIMIT = 8 * 1024
"""Bytes of a query; a question for one certificate with a nonce is about 120."""

OCSP_QUESTIONS_LIMIT = 32
"""Certificates asked about in one query."""

_NONCE = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.2")
_BASIC_RESPONSE = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.1.1")
_NONCE_LIMIT = 128
"""Bytes (RFC 9654 section 2.1)."""
_HASH_NAMES = {"1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.1": "sha256"}
_SUCCESSFUL = b"\x0a\x01\x00"
_REASON_NUMBERS = {
    RevocationReason.KEY_COMPROMISE: 1,
    RevocationReason.CA_COMPROMISE: 2,
    RevocationReason.AFFILIATION_CHANGED: 3,
    RevocationReason.SUPERSEDED: 4,
    RevocationReason.CESSATION_OF_OPERATION: 5,
    RevocationReason.CERTIFICATE_HOLD: 6,
    RevocationReason.PRIVILEGE_WITHDRAWN: 9,
}


@dataclass(frozen=True)
class Responder:
    """Who answers questions about the certificates of `issuer`; what is the same in every answer is computed once.

    `life` is how long an answer may be relied on. Thread safe if the key is.
    Raises KeyDoesNotMatch, KeyNotAllowed.
    """

    certificate: x509.Certificate
    key: PrivateKey
    issuer: x509.Certificate
    life: timedelta = timedelta(hours=12)

    def __post_init__(self) -> None:
        """Refuse a pair whose answers nobody could verify."""
        require_pair(self.certificate, self.key)

    @cached_property
    def key_hash(self) -> bytes:
        """SHA-1 of the responder's key, which the standard fixes as the responder's short name (RFC 6960, 4.2.1)."""
        return _sha1(key_bits(self.key.public_key()))

    @cached_property
    def issuer_hashes(self) -> dict[str, tuple[bytes, bytes]]:
        """By the hash function that a client may choose, the hashes of the issuer's name and key (RFC 6960, 4.1.1)."""
        public_key = self.issuer.public_key()
        if not isinstance(public_key, PublicKey):
            raise KeyNotAllowed("The issuer's key is of a kind that is never certified here.")
        name, bits = self.issuer.subject.public_bytes(), key_bits(public_key)
        return {
            "sha1": (_sha1(name), _sha1(bits)),
            "sha256": (hashlib.sha256(name).digest(), hashlib.sha256(bits).digest()),
        }


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def answer_ocsp(
    request: bytes, responder: Responder, *, standing_of: Callable[[int], Revocation | Standing], at: datetime
) -> bytes:
    """The DER answer to a DER query of anybody, good or bad; the answer to nonsense is `malformedRequest`.

    `standing_of` is asked for each serial number of the responder's issuer, at most 32 times; if it raises an error of
    `natsuin.errors.Unavailable` the answer is `tryLater`. A query about another issuer only is `unauthorized`, and
    among others gets `unknown`. A nonce of 1 to 128 bytes is given back (RFC 9654). Nothing hostile makes it raise.
    """
    if len(request) > OCSP_REQUEST_LIMIT:
        return _refusal(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    try:
        asked = asn1.decode_der(OCSPRequest, request).tbs_request
        extensions = _echoed(asked.request_extensions)
        for question in asked.request_list:
            _echoed(question.single_request_extensions)
    except ValueError:
        return _refusal(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    if asked.version != 0 or not 0 < len(asked.request_list) <= OCSP_QUESTIONS_LIMIT:
        return _refusal(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    questions = [question.req_cert for question in asked.request_list]
    ours = [_is_ours(question, responder) for question in questions]
    if not any(ours):
        return _refusal(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    try:
        standings = [
            standing_of(question.serial_number) if own else Standing.UNKNOWN
            for question, own in zip(questions, ours, strict=True)
        ]
    except Unavailable:
        return _refusal(ocsp.OCSPResponseStatus.TRY_LATER)
    moment = whole_seconds(at)
    data = ResponseData(
        responder_key=responder.key_hash,
        produced_at=asn1.GeneralizedTime(moment),
        responses=[
            _single(question, standing, moment, moment + responder.life)
            for question, standing in zip(questions, standings, strict=True)
        ],
        response_extensions=extensions,
    )
    return _signed(asn1.encode_der(data), responder)


def _refusal(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(serialization.Encoding.DER)


def _echoed(extensions: list[Extension] | None) -> list[Extension] | None:
    """The nonce, if there is one. Raises ValueError for a nonce of no or too much length, and unknown critical ones."""
    found: list[Extension] = []
    for extension in extensions or ():
        if extension.extn_id == _NONCE:
            length = len(asn1.decode_der(bytes, extension.extn_value))
            if found or not 0 < length <= _NONCE_LIMIT:
                raise ValueError("nonce")
            found.append(Extension(extn_id=_NONCE, critical=False, extn_value=extension.extn_value))
        elif extension.critical:
            raise ValueError("critical extension")
    return found or None


def _is_ours(question: CertID, responder: Responder) -> bool:
    name = _HASH_NAMES.get(question.hash_algorithm.algorithm.dotted_string)
    return name is not None and responder.issuer_hashes[name] == (question.issuer_name_hash, question.issuer_key_hash)


def _single(question: CertID, standing: Revocation | Standing, moment: datetime, until: datetime) -> SingleResponse:
    return SingleResponse(
        cert_id=question,
        cert_status=_status(standing),
        this_update=asn1.GeneralizedTime(moment),
        next_update=asn1.GeneralizedTime(until),
    )


def _status(standing: Revocation | Standing) -> CertStatus:
    if standing is Standing.GOOD:
        return asn1.Variant(asn1.Null(), "good")
    if standing is Standing.UNKNOWN:
        return asn1.Variant(asn1.Null(), "unknown")
    number = _REASON_NUMBERS.get(standing.reason)
    info = RevokedInfo(
        revocation_time=asn1.GeneralizedTime(whole_seconds(standing.at)),
        revocation_reason=None if number is None else [tlv(bytes([0x0A, 1, number]))],
    )
    return asn1.Variant(info, "revoked")


def _signed(data: bytes, responder: Responder) -> bytes:
    method = signing_method(responder.key.public_key())
    basic = BasicOCSPResponse(
        tbs_response_data=tlv(data),
        signature_algorithm=tlv(method.signature),
        signature=asn1.BitString(sign(responder.key, method, data), 0),
        certs=[responder.certificate],
    )
    body = ResponseBytes(response_type=_BASIC_RESPONSE, response=asn1.encode_der(basic))
    return asn1.encode_der(OCSPResponse(response_status=tlv(_SUCCESSFUL), response_bytes=body))
