"""Certificate requests (PKCS #10, RFC 2986): made with the signer's key, and checked before anything is certified."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from natsuin.algorithms import KeyAlgorithm
from natsuin.certification.names import check_subject, request_name
from natsuin.certification.public_keys import PrivateKey, PublicKey, algorithm_of, builder_hash
from natsuin.certification.refusals import RequestMalformed, RequestTooLarge, SubjectDiffers
from natsuin.sam.protocol import Subject

REQUEST_LIMIT = 16 * 1024
"""Bytes. A request with an RSA-4096 key is about 1.2 KiB."""

ML_DSA_65_OID = x509.ObjectIdentifier("2.16.840.1.101.3.4.3.18")

_SIGNATURE_ALGORITHMS = frozenset(
    {
        SignatureAlgorithmOID.RSA_WITH_SHA256,
        SignatureAlgorithmOID.RSA_WITH_SHA384,
        SignatureAlgorithmOID.RSA_WITH_SHA512,
        SignatureAlgorithmOID.RSASSA_PSS,
        SignatureAlgorithmOID.ECDSA_WITH_SHA256,
        SignatureAlgorithmOID.ECDSA_WITH_SHA384,
        SignatureAlgorithmOID.ECDSA_WITH_SHA512,
        SignatureAlgorithmOID.ED25519,
        ML_DSA_65_OID,
    }
)
_HASH_NAMES = frozenset({"sha256", "sha384", "sha512"})
_PARSE_ERRORS = (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, x509.InvalidVersion)


@dataclass(frozen=True)
class CheckedRequest:
    """A request whose sender holds the private key. Only `check_request` makes one, and only this can be certified."""

    public_key: PublicKey
    algorithm: KeyAlgorithm
    subject: Subject


def make_request(key: PrivateKey, subject: Subject) -> bytes:
    """A certificate request for `subject` in DER, signed by `key` as proof of possession.

    Uses the key once; keeps nothing. Raises SubjectNotAllowed, KeyNotAllowed.
    """
    builder = x509.CertificateSigningRequestBuilder().subject_name(request_name(subject))
    return builder.sign(key, builder_hash(key.public_key())).public_bytes(serialization.Encoding.DER)


def check_request(der: bytes, subject: Subject) -> CheckedRequest:
    """Check a request of at most 16 KiB of DER against the person it must be for.

    The name must hold exactly the country, organization and common name of `subject`, in any order. Extensions and
    attributes that the request asks for are not granted and not read: what a certificate holds is the issuer's to say.

    Raises RequestTooLarge; RequestMalformed if it is no request, signed with a broken algorithm, or its signature does
    not verify; KeyNotAllowed; SubjectDiffers; SubjectNotAllowed for a `subject` that cannot be certified at all.
    """
    check_subject(subject)
    if len(der) > REQUEST_LIMIT:
        raise RequestTooLarge(f"The certificate request is larger than {REQUEST_LIMIT} bytes.")
    try:
        request = x509.load_der_x509_csr(der)
        public_key = request.public_key()
        named = _named(request.subject)
    except _PARSE_ERRORS as error:
        raise RequestMalformed("This is not a certificate request (PKCS #10 in DER).") from error
    # Size and kind of the key come before the signature, so that a monstrous key costs no computation.
    algorithm = algorithm_of(public_key)
    _check_signature(request)
    if named != _named(request_name(subject)):
        raise SubjectDiffers("The certificate request names somebody else.", hint="Make the request for this person.")
    return CheckedRequest(public_key, algorithm, subject)  # type: ignore[arg-type]  # algorithm_of has narrowed the key


def _check_signature(request: x509.CertificateSigningRequest) -> None:
    try:
        hashed = request.signature_hash_algorithm
        sound = request.signature_algorithm_oid in _SIGNATURE_ALGORITHMS and (
            hashed is None or hashed.name in _HASH_NAMES
        )
        valid = sound and request.is_signature_valid
    except _PARSE_ERRORS as error:
        raise RequestMalformed("The certificate request is signed in an unknown way.") from error
    if not sound:
        raise RequestMalformed("The certificate request is signed with an algorithm that is no longer safe.")
    if not valid:
        raise RequestMalformed(
            "The signature of the certificate request does not verify, so the key's holder did not make it."
        )


def _named(name: x509.Name) -> list[tuple[str, str]]:
    """The attributes in a fixed order; attributes that no signer's request has make it differ."""
    known = {NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME}
    found = []
    for attribute in name:
        value = attribute.value if attribute.oid in known and isinstance(attribute.value, str) else ""
        found.append((attribute.oid.dotted_string, value))
    return sorted(found)
