"""Accepting a certificate that an outside authority issued for a key made here."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError
from pyhanko_certvalidator.path import ValidationPath

from natsuin.certification.refusals import CertificateNotAccepted, KeyDoesNotMatch, SubjectDiffers
from natsuin.plain_text import plain_text
from natsuin.sam.protocol import Subject

CERTIFICATES_LIMIT = 10
"""Certificates that are looked at for one path."""
CERTIFICATE_BYTES_LIMIT = 16 * 1024


@dataclass(frozen=True)
class OutsideCertificate:
    """A certificate that was accepted, and what is above it: DER, issuer first, trust anchor last."""

    certificate: bytes
    chain: tuple[bytes, ...]


def check_outside_certificate(
    certificates: Sequence[bytes], *, public_key: bytes, subject: Subject, roots: Sequence[bytes], at: datetime
) -> OutsideCertificate:
    """Accept the first of `certificates` (DER, with intermediates behind it) for the key `public_key`
    (SubjectPublicKeyInfo, DER) of `subject`.

    It must hold this key, name this person, be meant for signatures of persons (key usage nonRepudiation or
    digitalSignature, no certification authority), be valid `at` this time, and lead to one of `roots` (RFC 5280,
    section 6).

    Raises:
        KeyDoesNotMatch, SubjectDiffers, CertificateNotAccepted.
    """
    leaf = _loaded(certificates)
    if leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != public_key:
        raise KeyDoesNotMatch(
            "the certificate is of another key", hint="Install the certificate that was issued for this key's request."
        )
    _require_subject(leaf, subject)
    path = asyncio.run(find_path(certificates, roots, at))
    above = [bytes(certificate.dump()) for certificate in path]
    return OutsideCertificate(certificates[0], tuple(reversed(above[:-1])))


def _loaded(certificates: Sequence[bytes]) -> x509.Certificate:
    if not 1 <= len(certificates) <= CERTIFICATES_LIMIT or any(
        len(certificate) > CERTIFICATE_BYTES_LIMIT for certificate in certificates
    ):
        raise CertificateNotAccepted("there are no certificates, or too many or too large ones")
    try:
        leaf, *_ = [x509.load_der_x509_certificate(certificate) for certificate in certificates]
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        constraints = [item.value for item in leaf.extensions if isinstance(item.value, x509.BasicConstraints)]
        leaf.public_key()
    except x509.ExtensionNotFound as error:
        raise CertificateNotAccepted("the certificate does not say what its key may be used for") from error
    except Exception as error:
        # cryptography raises errors of many kinds for hostile DER.
        raise CertificateNotAccepted("what was given is not a certificate", hint="Give DER or PEM.") from error
    if not (usage.content_commitment or usage.digital_signature) or any(item.ca for item in constraints):
        raise CertificateNotAccepted("the certificate is not one for signatures of a person")
    return leaf


def _require_subject(leaf: x509.Certificate, subject: Subject) -> None:
    wanted = {
        NameOID.COMMON_NAME: subject.common_name,
        NameOID.COUNTRY_NAME: subject.country,
        NameOID.ORGANIZATION_NAME: subject.organization,
    }
    for oid, value in wanted.items():
        named = [str(attribute.value) for attribute in leaf.subject.get_attributes_for_oid(oid)]
        if value and [_plain(name) for name in named] != [value]:
            raise SubjectDiffers(
                "the certificate names somebody else than the key's owner",
                hint="Name, country and organization must stand in it as they were registered.",
            )


def _plain(name: str) -> str:
    return plain_text(name, "a name in the certificate")


async def find_path(certificates: Sequence[bytes], roots: Sequence[bytes], at: datetime) -> ValidationPath:
    """The path from the first of `certificates` to one of `roots`, DER, valid `at` this time (RFC 5280, section 6).

    Raises:
        CertificateNotAccepted: there is none.
    """
    settings: dict[str, Any] = {
        "trust_roots": [asn1_x509.Certificate.load(root) for root in roots],
        "other_certs": [asn1_x509.Certificate.load(certificate) for certificate in certificates[1:]],
        "allow_fetching": False,
        "revocation_mode": "soft-fail",
        "moment": at,
        "time_tolerance": timedelta(0),
    }
    validator = CertificateValidator(
        asn1_x509.Certificate.load(certificates[0]), validation_context=ValidationContext(**settings)
    )
    try:
        return await validator.async_validate_path()
    except (PathError, ValidationError, ValueError, TypeError, KeyError) as error:
        raise CertificateNotAccepted(
            "the certificate does not lead to an authority that is accepted here, or is not valid now",
            hint="Give the intermediate certificates with it; the configuration names the accepted authorities.",
        ) from error
