"""A signature object for a PDF that is elsewhere: from the digest of its signed range to the CMS that belongs in it.

The data to be signed are made of the certificate and the digest alone, without a time or a random value. So they can be
computed before the signer approves and again after the signature, and whoever has certificate and digest can
recompute what was approved.
"""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from natsuin.algorithms import SignatureScheme
from natsuin.documents import cms
from natsuin.documents.embedding import TimeStamper, time_stamp


def attributes_over(certificate: bytes, hash_name: str, document_digest: bytes) -> bytes:
    """DER of the signed attributes (EN 319 142-1, section 6) over the digest of a PDF's signed range.

    `certificate` is the signer's, an RSA or EC certificate in DER; `hash_name` as hashlib knows it is the hash of the
    document and of the signature. With RSA the padding is chosen after the approval, so the attributes do not repeat
    the signature algorithm (RFC 6211); with ECDSA they do. Raises `CertificateUnusable`.
    """
    parsed = cms.SigningCertificate.parse(certificate)
    elliptic = isinstance(x509.load_der_x509_certificate(certificate).public_key(), ec.EllipticCurvePublicKey)
    scheme = SignatureScheme(f"{'ecdsa' if elliptic else 'rsa-pkcs1'}-{hash_name}")
    return cms.signed_attributes(parsed, scheme, document_digest, protected=elliptic)


def signature_object(
    certificate: bytes,
    chain: tuple[bytes, ...],
    scheme: SignatureScheme,
    *,
    attributes: bytes,
    signature: bytes,
    time_stamper: TimeStamper | None,
) -> bytes:
    """DER of the CMS SignedData: PAdES B-T with a time-stamp from `time_stamper`, B-B when it is None.

    `attributes` are those of `attributes_over`, `signature` the value over them (ECDSA: DER; PSS: a salt as long as the
    hash), which is verified first. Raises `SignatureMismatch`, `CertificateUnusable`, `TimeStampFailed`; the level is
    never lowered.
    """
    cms.verify_value(certificate, scheme, message=attributes, signature=signature)
    return cms.signed_data(
        cms.SigningCertificate.parse(certificate),
        chain,
        scheme,
        attributes=attributes,
        signature=signature,
        time_stamp=time_stamp(signature, time_stamper) if time_stamper is not None else None,
    )
