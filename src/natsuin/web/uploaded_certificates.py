"""Certificates as an authority hands them out: files in PEM or DER, in whatever order.

Here they are only taken apart and put in order. Whether a certificate is the right one is sam's to say.
"""

from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from natsuin.errors import Malformed

MOST = 10


class UnreadableCertificate(Malformed):
    """A file holds no certificate, or too many."""

    code = "certificate_unreadable"


def certificates_in(files: Sequence[bytes], request: bytes) -> tuple[bytes, ...]:
    """The certificates of all files, DER, each once; first the one for the key of `request` (PKCS#10, DER), if there
    is one.

    Raises:
        UnreadableCertificate: a file is neither, or there are more than ten.
    """
    found: dict[bytes, x509.Certificate] = {}
    for content in files:
        for certificate in _read(content):
            found[certificate.public_bytes(Encoding.DER)] = certificate
    if len(found) > MOST:
        raise UnreadableCertificate("there are more than ten certificates", hint="Give the key's own and its chain.")
    wanted = _public_key(x509.load_der_x509_csr(request)) if request else b""
    return tuple(sorted(found, key=lambda der: _public_key(found[der]) != wanted))


def _read(content: bytes) -> list[x509.Certificate]:
    try:
        if b"-----BEGIN " in content:
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(content)]
    except ValueError as cause:
        raise UnreadableCertificate(
            "the file is no certificate in PEM or DER", hint="Ask the authority for one of these forms."
        ) from cause


def _public_key(holder: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    """Its key as DER, or nothing for a kind of key that cannot be read here, which is no signer's."""
    try:
        return holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return b""
