"""Does a certificate lead to a root that the asker trusts? Offline: nothing is ever fetched.

Path validation is RFC 5280's, by pyhanko-certvalidator. Revocation is judged by what the document carries (its DSS,
ETSI EN 319 142-1) and the caller gives; without any it is "not checked", and the line says so.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    ExpiredError,
    InvalidCertificateError,
    NotYetValidError,
    PathBuildingError,
    RevokedError,
    ValidationError,
)

from natsuin.errors import Malformed


class Trust(StrEnum):
    """How building and checking the path ended."""

    TRUSTED = "trusted"
    NO_ROOTS = "no_roots"
    UNTRUSTED = "untrusted"
    REVOKED = "revoked"
    OUT_OF_TIME = "expired"
    WRONG_USAGE = "wrong_usage"
    BAD_PATH = "bad_path"


@dataclass(frozen=True)
class Material:
    """What trust is judged with: roots and further certificates, and the revocation data that the document carries."""

    roots: tuple[x509.Certificate, ...]
    others: tuple[x509.Certificate, ...]
    revocation: DocumentSecurityStore | None = None

    @property
    def has_revocation(self) -> bool:
        """Whether there is any revocation data to look at."""
        return self.revocation is not None and bool(self.revocation.crls or self.revocation.ocsps)


def material(reader: PdfFileReader, roots: Sequence[bytes], intermediates: Sequence[bytes]) -> Material:
    """Gather what the caller trusts (DER) and what the document carries. Raises `Malformed` for the former."""
    try:
        store: DocumentSecurityStore | None = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        store = None
    return Material(_load(roots), _load(intermediates), store)


def signer_trust(
    certificate: x509.Certificate, embedded: Iterable[x509.Certificate], moment: datetime, m: Material
) -> Trust:
    """Trust in a signer's certificate at `moment`; its key usage must be for signing (RFC 5280 4.2.1.3)."""
    usage = certificate.key_usage_value
    if usage is not None and not {"non_repudiation", "digital_signature"} & set(usage.native):
        return Trust.WRONG_USAGE
    return _path(certificate, embedded, moment, m, extended=None)


def authority_trust(
    certificate: x509.Certificate, embedded: Iterable[x509.Certificate], moment: datetime, m: Material
) -> Trust:
    """Trust in a time-stamp authority's certificate at `moment`; it must be for that (RFC 3161 2.3)."""
    return _path(certificate, embedded, moment, m, extended={"time_stamping"})


def _path(
    certificate: x509.Certificate,
    embedded: Iterable[x509.Certificate],
    moment: datetime,
    m: Material,
    *,
    extended: set[str] | None,
) -> Trust:
    if not m.roots:
        return Trust.NO_ROOTS
    settings: dict[str, Any] = {
        "trust_roots": list(m.roots),
        "other_certs": [*m.others, *embedded],
        "allow_fetching": False,
        "revocation_mode": "soft-fail",
        "moment": moment,
    }
    context = (
        m.revocation.as_validation_context(settings) if m.revocation is not None else ValidationContext(**settings)
    )
    validator = CertificateValidator(certificate, validation_context=context)
    try:
        asyncio.run(validator.async_validate_usage(set(), extended))  # type: ignore[no-untyped-call]
    except RevokedError:
        return Trust.REVOKED
    except (ExpiredError, NotYetValidError):
        return Trust.OUT_OF_TIME
    except PathBuildingError:
        return Trust.UNTRUSTED
    except InvalidCertificateError:
        return Trust.WRONG_USAGE
    except ValidationError:
        return Trust.BAD_PATH
    return Trust.TRUSTED


def _load(certificates: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    try:
        loaded = tuple(x509.Certificate.load(certificate, strict=True) for certificate in certificates)
        for certificate in loaded:
            certificate.issuer_serial  # noqa: B018  asn1crypto parses lazily; this makes it look
            certificate.public_key.algorithm  # noqa: B018
    except (ValueError, TypeError, KeyError) as error:
        raise Malformed(
            "A trusted certificate cannot be read.", hint="Give X.509 certificates as PEM or DER."
        ) from error
    return loaded
