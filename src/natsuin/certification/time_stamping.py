"""The time-stamping authority: answers to RFC 3161 requests, with the certificate named as in RFC 5816.

A pure function: the time comes in as an argument, which the caller takes from a clock it trusts, and nothing is kept.
Serial numbers are random, so several nodes may answer with one key.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cached_property

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from natsuin.certification.authority import require_pair
from natsuin.certification.public_keys import PrivateKey, SigningMethod, sign, signing_method
from natsuin.certification.refusals import KeyNotAllowed
from natsuin.certification.structures import (
    Accuracy,
    Attribute,
    ContentInfo,
    DirectoryName,
    EncapsulatedContentInfo,
    ESSCertIDv2,
    IssuerAndSerialNumber,
    IssuerSerial,
    PKIStatusInfo,
    SignedData,
    SignerInfo,
    SigningCertificateV2,
    TimeStampReq,
    TimeStampResp,
    TSTInfo,
    tlv,
)

TIME_STAMP_REQUEST_LIMIT = 4 * 1024
"""Bytes; a request with SHA-512, a nonce and a policy is about 110."""

_DIGEST_BYTES = {
    "2.16.840.1.101.3.4.2.1": 32,
    "2.16.840.1.101.3.4.2.2": 48,
    "2.16.840.1.101.3.4.2.3": 64,
}
_SIGNED_DATA = x509.ObjectIdentifier("1.2.840.113549.1.7.2")
_TST_INFO = x509.ObjectIdentifier("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE = x509.ObjectIdentifier("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = x509.ObjectIdentifier("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE_V2 = x509.ObjectIdentifier("1.2.840.113549.1.9.16.2.47")
_GRANTED = PKIStatusInfo(status=0, status_string=None, fail_info=None)
_REJECTION = 2


class Failure(Enum):
    """Why no time-stamp was made: the bit of PKIFailureInfo (RFC 3161, 2.4.2) and a word to people."""

    BAD_ALGORITHM = 0, "Only SHA-256, SHA-384 and SHA-512 are stamped."
    BAD_REQUEST = 2, "This version of the protocol is not known here."
    BAD_DATA_FORMAT = 5, "This is not a time-stamp request in DER."
    TIME_NOT_AVAILABLE = 14, "The clock stands outside the validity of the time-stamping certificate."
    UNACCEPTED_POLICY = 15, "No time-stamps are made here under the policy asked for."
    UNACCEPTED_EXTENSION = 16, "No extensions are known here."


@dataclass(frozen=True)
class TimeStampAuthority:
    """Who stamps; what is the same in every answer is computed once.

    `policy` is the object identifier of the rules that the operator stamps under. `accuracy` is how far the clock given
    to `answer_time_stamp` may be off, in whole microseconds, above zero. `chain` goes with the certificate to those who
    ask for it, issuing authority first, root left out. Thread safe if the key is.

    Raises KeyDoesNotMatch, KeyNotAllowed; the latter also for a certificate that is not for time-stamping alone.
    """

    certificate: x509.Certificate
    key: PrivateKey
    policy: str
    accuracy: timedelta = timedelta(seconds=1)
    chain: tuple[x509.Certificate, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no verifier would accept: a foreign key, or a certificate for another purpose."""
        require_pair(self.certificate, self.key)
        try:
            purposes = self.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        except x509.ExtensionNotFound as error:
            raise KeyNotAllowed("The certificate is not for time-stamping.") from error
        if not purposes.critical or list(purposes.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
            raise KeyNotAllowed("The certificate is not for time-stamping alone.")

    @cached_property
    def constants(self) -> "Constants":
        """The parts of an answer that never change."""
        return _constants(self)


@dataclass(frozen=True)
class Constants:
    """Encoded once per authority."""

    policy: x509.ObjectIdentifier
    accuracy: Accuracy
    method: SigningMethod
    signer: IssuerAndSerialNumber
    digest_algorithm: asn1.TLV
    signature_algorithm: asn1.TLV
    content_type: asn1.TLV
    signing_certificate: asn1.TLV
    certificates: asn1.SetOf[asn1.TLV]
    valid_from: datetime
    valid_until: datetime


def _constants(authority: TimeStampAuthority) -> Constants:
    certificate = authority.certificate
    method = signing_method(authority.key.public_key())
    issuer = certificate.issuer.public_bytes()
    encoded = [c.public_bytes(serialization.Encoding.DER) for c in (certificate, *authority.chain)]
    named = ESSCertIDv2(
        cert_hash=hashlib.sha256(encoded[0]).digest(),
        issuer_serial=IssuerSerial(
            issuer=DirectoryName(directory_name=tlv(issuer)), serial_number=certificate.serial_number
        ),
    )
    seconds, rest = divmod(authority.accuracy, timedelta(seconds=1))
    millis, micros = divmod(rest // timedelta(microseconds=1), 1000)
    return Constants(
        policy=x509.ObjectIdentifier(authority.policy),
        accuracy=Accuracy(seconds=seconds or None, millis=millis or None, micros=micros or None),
        method=method,
        signer=IssuerAndSerialNumber(issuer=tlv(issuer), serial_number=certificate.serial_number),
        digest_algorithm=tlv(method.digest),
        signature_algorithm=tlv(method.signature),
        content_type=_attribute(_CONTENT_TYPE, asn1.encode_der(_TST_INFO)),
        signing_certificate=_attribute(_SIGNING_CERTIFICATE_V2, asn1.encode_der(SigningCertificateV2(certs=[named]))),
        certificates=asn1.SetOf([tlv(der) for der in encoded]),
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
    )


def answer_time_stamp(request: bytes, authority: TimeStampAuthority, *, at: datetime) -> bytes:
    """The DER TimeStampResp to a DER TimeStampReq of anybody: a time-stamp, or a rejection that says why.

    The time is stated in thousandths of a second, cut off. Asking again gives another time-stamp, which is harmless.
    Nothing hostile makes it raise; a key that cannot sign lets its keeper's error through.
    """
    asked = _parse(request)
    if isinstance(asked, Failure):
        return _rejection(asked)
    constants = authority.constants
    refusal = _examine(asked, constants, at)
    if refusal is not None:
        return _rejection(refusal)
    info = TSTInfo(
        version=1,
        policy=constants.policy,
        message_imprint=asked.message_imprint,
        serial_number=1 << 127 | secrets.randbits(127),
        gen_time=asn1.GeneralizedTime(_cut_to_milliseconds(at)),
        accuracy=constants.accuracy,
        nonce=asked.nonce,
    )
    token = _token(asn1.encode_der(info), authority, certificates=asked.cert_req)
    return asn1.encode_der(TimeStampResp(status=_GRANTED, time_stamp_token=token))


def _parse(request: bytes) -> TimeStampReq | Failure:
    if len(request) > TIME_STAMP_REQUEST_LIMIT:
        return Failure.BAD_DATA_FORMAT
    try:
        return asn1.decode_der(TimeStampReq, request)
    except ValueError:
        return Failure.BAD_DATA_FORMAT


def _examine(asked: TimeStampReq, constants: Constants, at: datetime) -> Failure | None:
    if asked.version != 1:
        return Failure.BAD_REQUEST
    length = _DIGEST_BYTES.get(asked.message_imprint.hash_algorithm.algorithm.dotted_string)
    if length is None:
        return Failure.BAD_ALGORITHM
    if len(asked.message_imprint.hashed_message) != length:
        return Failure.BAD_DATA_FORMAT
    if asked.req_policy is not None and asked.req_policy != constants.policy:
        return Failure.UNACCEPTED_POLICY
    if asked.extensions:
        return Failure.UNACCEPTED_EXTENSION
    if not constants.valid_from <= at <= constants.valid_until:
        return Failure.TIME_NOT_AVAILABLE
    return None


def _rejection(failure: Failure) -> bytes:
    bit, words = failure.value
    # A BIT STRING of named bits ends with its last set bit (X.690, 11.2.2).
    bits = (0x80 >> bit % 8).to_bytes(bit // 8 + 1, "big")
    status = PKIStatusInfo(status=_REJECTION, status_string=[words], fail_info=asn1.BitString(bits, 7 - bit % 8))
    return asn1.encode_der(TimeStampResp(status=status, time_stamp_token=None))


def _cut_to_milliseconds(moment: datetime) -> datetime:
    utc = moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _token(content: bytes, authority: TimeStampAuthority, *, certificates: bool) -> ContentInfo:
    constants = authority.constants
    method = constants.method
    digest = hashlib.new(method.hash_name, content).digest()
    attributes = asn1.SetOf(
        [
            constants.content_type,
            _attribute(_MESSAGE_DIGEST, asn1.encode_der(digest)),
            constants.signing_certificate,
        ]
    )
    # Signed with the tag of SET OF, sent with the tag [0] (RFC 5652, 5.4).
    signature = sign(authority.key, method, asn1.encode_der(attributes))
    signed_data = SignedData(
        version=3,
        digest_algorithms=asn1.SetOf([constants.digest_algorithm]),
        encap_content_info=EncapsulatedContentInfo(e_content_type=_TST_INFO, e_content=content),
        certificates=constants.certificates if certificates else None,
        signer_infos=asn1.SetOf(
            [
                SignerInfo(
                    version=1,
                    sid=constants.signer,
                    digest_algorithm=constants.digest_algorithm,
                    signed_attrs=attributes,
                    signature_algorithm=constants.signature_algorithm,
                    signature=signature,
                )
            ]
        ),
    )
    return ContentInfo(content_type=_SIGNED_DATA, content=tlv(asn1.encode_der(signed_data)))


def _attribute(kind: x509.ObjectIdentifier, value: bytes) -> asn1.TLV:
    return tlv(asn1.encode_der(Attribute(attr_type=kind, attr_values=asn1.SetOf([tlv(value)]))))
