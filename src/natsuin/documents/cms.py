"""The CMS SignedData of a PDF signature, written directly: RFC 5652 with the attributes of ETSI EN 319 142-1 section 6.

The signed attributes are content-type, message-digest, signing-certificate-v2 (RFC 5035) and CMS algorithm protection
(RFC 6211). There is no signing-time attribute: the standard wants the claimed time in the /M entry of the PDF.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa

from natsuin.algorithms import FACTS, SignatureScheme
from natsuin.documents import der
from natsuin.documents.errors import CertificateUnusable, SignatureMismatch

_DATA = "1.2.840.113549.1.7.1"
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
_ALGORITHM_PROTECTION = "1.2.840.113549.1.9.52"
_SIGNATURE_TIME_STAMP = "1.2.840.113549.1.9.16.2.14"
_RSA_PSS = "1.2.840.113549.1.1.10"
_MGF1 = "1.2.840.113549.1.1.8"

HASH_OIDS = {
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_PLAIN_SIGNATURES = {
    SignatureScheme.RSA_PKCS1_SHA256: "1.2.840.113549.1.1.11",
    SignatureScheme.RSA_PKCS1_SHA384: "1.2.840.113549.1.1.12",
    SignatureScheme.RSA_PKCS1_SHA512: "1.2.840.113549.1.1.13",
    SignatureScheme.ECDSA_SHA256: "1.2.840.10045.4.3.2",
    SignatureScheme.ECDSA_SHA384: "1.2.840.10045.4.3.3",
    SignatureScheme.ECDSA_SHA512: "1.2.840.10045.4.3.4",
    SignatureScheme.ED25519: "1.3.101.112",
    SignatureScheme.ML_DSA_65: "2.16.840.1.101.3.4.3.18",
}
_ML_DSA_65_BYTES = 3309
"""FIPS 204, table 2."""


@dataclass(frozen=True)
class SigningCertificate:
    """The parts of a certificate that a SignerInfo repeats, as they stand in it (`issuer`, `serial`: DER)."""

    encoded: bytes
    issuer: bytes
    serial: bytes

    @classmethod
    def parse(cls, certificate: bytes) -> "SigningCertificate":
        """From the DER of an X.509 certificate. Raises `CertificateUnusable`."""
        try:
            outer = der.read(certificate)
            if outer.end != len(certificate):
                raise ValueError("bytes after the certificate")
            fields = list(next(outer.children()).children())
            skip = 1 if fields[0].tag == 0xA0 else 0
            return cls(certificate, issuer=fields[skip + 2].whole, serial=fields[skip].whole)
        except (ValueError, IndexError, StopIteration) as error:
            raise CertificateUnusable(
                "The signer's certificate cannot be read.", hint="Give one X.509 certificate as DER."
            ) from error


def digest_algorithm(scheme: SignatureScheme) -> bytes:
    """AlgorithmIdentifier of the scheme's hash function (RFC 5754: no parameters; RFC 8419, RFC 9882: SHA-512
    for Ed25519 and ML-DSA)."""
    return der.algorithm(HASH_OIDS[FACTS[scheme].hash_name])


def signature_algorithm(scheme: SignatureScheme) -> bytes:
    """AlgorithmIdentifier of the scheme (RFC 4055, RFC 5758, RFC 8419, RFC 9882); PSS salts are as long as the hash."""
    if scheme in _PLAIN_SIGNATURES:
        return der.algorithm(_PLAIN_SIGNATURES[scheme], der.NULL_VALUE if scheme.startswith("rsa") else None)
    facts = FACTS[scheme]
    hash_function = der.algorithm(HASH_OIDS[facts.hash_name], der.NULL_VALUE)
    parameters = der.sequence(
        der.encode(0xA0, hash_function),
        der.encode(0xA1, der.algorithm(_MGF1, hash_function)),
        der.encode(0xA2, der.integer(facts.digest_bytes)),
    )
    return der.algorithm(_RSA_PSS, parameters)


def signed_attributes(
    certificate: SigningCertificate, scheme: SignatureScheme, document_digest: bytes, *, protected: bool = True
) -> bytes:
    """DER of the SET OF signed attributes: the data to be signed (DTBS).

    Without `protected` they do not repeat the signature algorithm (RFC 6211): then only the scheme's hash matters.
    """
    name = FACTS[scheme].hash_name
    certificate_hash = hashlib.new(name, certificate.encoded).digest()
    issuer_serial = der.sequence(der.sequence(der.encode(0xA4, certificate.issuer)), certificate.serial)
    # SHA-256 is the default of ESSCertIDv2, and DER leaves defaults out.
    hash_algorithm = b"" if name == "sha256" else der.algorithm(HASH_OIDS[name])
    certificate_id = der.sequence(hash_algorithm, der.octets(certificate_hash), issuer_serial)
    protection = der.sequence(
        digest_algorithm(scheme), der.encode(0xA1, signature_algorithm(scheme)[_header(signature_algorithm(scheme)) :])
    )
    attributes = [
        _attribute(_CONTENT_TYPE, der.identifier(_DATA)),
        _attribute(_MESSAGE_DIGEST, der.octets(document_digest)),
        _attribute(_SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(certificate_id))),
    ]
    if protected:
        attributes.append(_attribute(_ALGORITHM_PROTECTION, protection))
    return der.set_of(*attributes)


def signed_data(
    certificate: SigningCertificate,
    chain: Sequence[bytes],
    scheme: SignatureScheme,
    *,
    attributes: bytes,
    signature: bytes,
    time_stamp: bytes | None,
) -> bytes:
    """DER of the ContentInfo with one SignerInfo; `time_stamp` is the DER of a TimeStampToken."""
    unsigned = b""
    if time_stamp is not None:
        unsigned = der.encode(0xA1, _attribute(_SIGNATURE_TIME_STAMP, time_stamp))
    signer = der.sequence(
        der.integer(1),
        der.sequence(certificate.issuer, certificate.serial),
        digest_algorithm(scheme),
        b"\xa0" + attributes[1:],
        signature_algorithm(scheme),
        der.octets(signature),
        unsigned,
    )
    certificates = sorted({certificate.encoded, *chain})
    content = der.sequence(
        der.integer(1),
        der.set_of(digest_algorithm(scheme)),
        der.sequence(der.identifier(_DATA)),
        der.encode(0xA0, *certificates),
        der.set_of(signer),
    )
    return der.sequence(der.identifier(_SIGNED_DATA), der.encode(0xA0, content))


def verify_value(certificate: bytes, scheme: SignatureScheme, *, message: bytes, signature: bytes) -> None:
    """Check `signature` over `message` with the certificate's public key.

    Raises `SignatureMismatch` if it does not verify, `CertificateUnusable` if the key is not one of the scheme.
    """
    key = _public_key(certificate)
    kind = _HASHES[FACTS[scheme].hash_name]()
    try:
        if isinstance(key, rsa.RSAPublicKey) and scheme.startswith("rsa-pss"):
            key.verify(signature, message, padding.PSS(padding.MGF1(kind), kind.digest_size), kind)
        elif isinstance(key, rsa.RSAPublicKey) and scheme.startswith("rsa-pkcs1"):
            key.verify(signature, message, padding.PKCS1v15(), kind)
        elif isinstance(key, ec.EllipticCurvePublicKey) and scheme.startswith("ecdsa"):
            key.verify(signature, message, ec.ECDSA(kind))
        elif isinstance(key, ed25519.Ed25519PublicKey | mldsa.MLDSA65PublicKey) and scheme is _scheme_of(key):
            key.verify(signature, message)
        else:
            raise CertificateUnusable(
                f"The certificate's key cannot sign with {scheme}.",
                hint="Choose one of the schemes listed for the key.",
            )
    except InvalidSignature as error:
        raise SignatureMismatch(
            "The signature value does not belong to this document and certificate; it was not embedded.",
            hint="Prepare and approve the document again.",
        ) from error


def signature_size(certificate: bytes) -> int:
    """The most bytes that a signature by this certificate's key takes. Raises `CertificateUnusable`."""
    key = _public_key(certificate)
    if isinstance(key, rsa.RSAPublicKey):
        return (key.key_size + 7) // 8
    if isinstance(key, ec.EllipticCurvePublicKey):
        return 2 * ((key.key_size + 7) // 8 + 3) + 4
    return _ML_DSA_65_BYTES if isinstance(key, mldsa.MLDSA65PublicKey) else 64


def _scheme_of(key: ed25519.Ed25519PublicKey | mldsa.MLDSA65PublicKey) -> SignatureScheme:
    return SignatureScheme.ED25519 if isinstance(key, ed25519.Ed25519PublicKey) else SignatureScheme.ML_DSA_65


def _public_key(certificate: bytes) -> object:
    try:
        return x509.load_der_x509_certificate(certificate).public_key()
    except Exception as error:  # The parser's own errors are many; each means the same here.
        raise CertificateUnusable(
            "The signer's certificate cannot be read.", hint="Give one X.509 certificate as DER."
        ) from error


def _attribute(dotted: str, value: bytes) -> bytes:
    return der.sequence(der.identifier(dotted), der.set_of(value))


def _header(element: bytes) -> int:
    return der.read(element).content
