"""ASN.1 structures of OCSP (RFC 6960), time-stamps (RFC 3161, RFC 5816) and the CMS around them (RFC 5652).

Read and written by the strict DER coder of `cryptography`: no indefinite or padded lengths, no trailing bytes, no
recursion deeper than the structures below. Names follow the standards. Where an OPTIONAL field is EXPLICIT and open in
type, it is written as an IMPLICIT list of one, which is the same in DER.
"""

from typing import Annotated, Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat import asn1

# --- Common ----------------------------------------------------------------------------------------------------------


@asn1.sequence
class AlgorithmIdentifier:
    """RFC 5280, 4.1.1.2, for the algorithms that have NULL or nothing as parameters."""

    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class Extension:
    """RFC 5280, 4.1."""

    extn_id: x509.ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)]
    extn_value: bytes


def tlv(der: bytes) -> asn1.TLV:
    """One encoded element, to stand in a structure as it is. Raises ValueError if it is not exactly one."""
    return asn1.decode_der(asn1.TLV, der)


# --- OCSP ------------------------------------------------------------------------------------------------------------


@asn1.sequence
class CertID:
    """Which certificate is meant (RFC 6960, 4.1.1)."""

    hash_algorithm: AlgorithmIdentifier
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number: int


@asn1.sequence
class Request:
    """One question (RFC 6960, 4.1.1)."""

    req_cert: CertID
    single_request_extensions: Annotated[list[Extension] | None, asn1.Explicit(0)]


@asn1.sequence
class TBSRequest:
    """All questions and what belongs to them (RFC 6960, 4.1.1)."""

    version: Annotated[int, asn1.Explicit(0), asn1.Default(0)]
    requestor_name: Annotated[list[asn1.TLV] | None, asn1.Implicit(1)]
    request_list: list[Request]
    request_extensions: Annotated[list[Extension] | None, asn1.Explicit(2)]


@asn1.sequence
class OCSPRequest:
    """RFC 6960, 4.1.1. A requester's signature may be there; it is not needed and not read."""

    tbs_request: TBSRequest
    optional_signature: Annotated[list[asn1.TLV] | None, asn1.Implicit(0)]


@asn1.sequence
class RevokedInfo:
    """RFC 6960, 4.2.1; the reason is an ENUMERATED in its own encoding."""

    revocation_time: asn1.GeneralizedTime
    revocation_reason: Annotated[list[asn1.TLV] | None, asn1.Implicit(0)]


Good = Annotated[asn1.Variant[asn1.Null, Literal["good"]], asn1.Implicit(0)]
Revoked = Annotated[asn1.Variant[RevokedInfo, Literal["revoked"]], asn1.Implicit(1)]
Unknown = Annotated[asn1.Variant[asn1.Null, Literal["unknown"]], asn1.Implicit(2)]
CertStatus: TypeAlias = Good | Revoked | Unknown
"""What is known of a certificate (RFC 6960, 4.2.1)."""


@asn1.sequence
class SingleResponse:
    """The answer to one question (RFC 6960, 4.2.1)."""

    cert_id: CertID
    cert_status: CertStatus
    this_update: asn1.GeneralizedTime
    next_update: Annotated[asn1.GeneralizedTime | None, asn1.Explicit(0)]


@asn1.sequence
class ResponseData:
    """What the responder signs (RFC 6960, 4.2.1). The responder is named by the hash of its key."""

    responder_key: Annotated[bytes, asn1.Explicit(2)]
    produced_at: asn1.GeneralizedTime
    responses: list[SingleResponse]
    response_extensions: Annotated[list[Extension] | None, asn1.Explicit(1)]


@asn1.sequence
class BasicOCSPResponse:
    """The signed answer (RFC 6960, 4.2.1)."""

    tbs_response_data: asn1.TLV
    signature_algorithm: asn1.TLV
    signature: asn1.BitString
    certs: Annotated[list[x509.Certificate], asn1.Explicit(0)]


@asn1.sequence
class ResponseBytes:
    """An answer of a stated type (RFC 6960, 4.2.1)."""

    response_type: x509.ObjectIdentifier
    response: bytes


@asn1.sequence
class OCSPResponse:
    """A successful answer (RFC 6960, 4.2.1); `response_status` is an ENUMERATED in its own encoding."""

    response_status: asn1.TLV
    response_bytes: Annotated[ResponseBytes, asn1.Explicit(0)]


# --- Time-stamps -----------------------------------------------------------------------------------------------------


@asn1.sequence
class MessageImprint:
    """The hash that is stamped (RFC 3161, 2.4.1)."""

    hash_algorithm: AlgorithmIdentifier
    hashed_message: bytes


@asn1.sequence
class TimeStampReq:
    """RFC 3161, 2.4.1."""

    version: int
    message_imprint: MessageImprint
    req_policy: x509.ObjectIdentifier | None
    nonce: int | None
    cert_req: Annotated[bool, asn1.Default(False)]
    extensions: Annotated[list[Extension] | None, asn1.Implicit(0)]


@asn1.sequence
class Accuracy:
    """How far the stated time may be off (RFC 3161, 2.4.2): seconds, thousandths, millionths."""

    seconds: int | None
    millis: Annotated[int | None, asn1.Implicit(0)]
    micros: Annotated[int | None, asn1.Implicit(1)]


@asn1.sequence
class TSTInfo:
    """The statement about time (RFC 3161, 2.4.2), without the optional name: ESSCertIDv2 names the certificate."""

    version: int
    policy: x509.ObjectIdentifier
    message_imprint: MessageImprint
    serial_number: int
    gen_time: asn1.GeneralizedTime
    accuracy: Accuracy
    nonce: int | None


@asn1.sequence
class PKIStatusInfo:
    """RFC 3161, 2.4.2; `status_string` is a list of texts."""

    status: int
    status_string: list[str] | None
    fail_info: asn1.BitString | None


@asn1.sequence
class ContentInfo:
    """RFC 5652, section 3."""

    content_type: x509.ObjectIdentifier
    content: Annotated[asn1.TLV, asn1.Explicit(0)]


@asn1.sequence
class TimeStampResp:
    """RFC 3161, 2.4.2."""

    status: PKIStatusInfo
    time_stamp_token: ContentInfo | None


# --- Cryptographic message syntax ------------------------------------------------------------------------------------


@asn1.sequence
class Attribute:
    """RFC 5652, 5.3."""

    attr_type: x509.ObjectIdentifier
    attr_values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class IssuerAndSerialNumber:
    """RFC 5652, 10.2.4."""

    issuer: asn1.TLV
    serial_number: int


@asn1.sequence
class DirectoryName:
    """GeneralNames of one, a distinguished name (RFC 5280, 4.2.1.6)."""

    directory_name: Annotated[asn1.TLV, asn1.Explicit(4)]


@asn1.sequence
class IssuerSerial:
    """RFC 5035, section 5."""

    issuer: DirectoryName
    serial_number: int


@asn1.sequence
class ESSCertIDv2:
    """Which certificate belongs to a signature (RFC 5035, section 4), by SHA-256, the default that DER leaves out."""

    cert_hash: bytes
    issuer_serial: IssuerSerial


@asn1.sequence
class SigningCertificateV2:
    """RFC 5035, section 3."""

    certs: list[ESSCertIDv2]


@asn1.sequence
class SignerInfo:
    """RFC 5652, 5.3."""

    version: int
    sid: IssuerAndSerialNumber
    digest_algorithm: asn1.TLV
    signed_attrs: Annotated[asn1.SetOf[asn1.TLV], asn1.Implicit(0)]
    signature_algorithm: asn1.TLV
    signature: bytes


@asn1.sequence
class EncapsulatedContentInfo:
    """RFC 5652, 5.2."""

    e_content_type: x509.ObjectIdentifier
    e_content: Annotated[bytes, asn1.Explicit(0)]


@asn1.sequence
class SignedData:
    """RFC 5652, 5.1."""

    version: int
    digest_algorithms: asn1.SetOf[asn1.TLV]
    encap_content_info: EncapsulatedContentInfo
    certificates: Annotated[asn1.SetOf[asn1.TLV] | None, asn1.Implicit(0)]
    signer_infos: asn1.SetOf[SignerInfo]
