"""Does a certificate lead to a root that the asker trusts? Offline: nothing is ever fetched.

Path validation is RFC 5280's, by pyhanko-certvalidator. A certificate is revoked if what the document carries or the
caller gives says so; whether these cover the whole path is asked by `is_covered`.
"""

from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from asn1crypto import crl, x509
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
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy, RevocationCheckingRule

from natsuin.errors import Malformed
from natsuin.validation.revocation import load_lists

_MUST, _MAY = RevocationCheckingRule.CRL_OR_OCSP_REQUIRED, RevocationCheckingRule.CHECK_IF_DECLARED_SOFT
_EVERYTHING_LOOKED_UP = RevocationCheckingPolicy(_MUST, _MUST)
_SIGNER_LOOKED_UP = RevocationCheckingPolicy(_MUST, _MAY)
_AUTHORITIES_LOOKED_UP = RevocationCheckingPolicy(_MAY, _MUST)
_NOTHING_MISSED = RevocationCheckingPolicy(_MAY, _MAY)


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
    """What trust is judged with: roots, further certificates and revocation lists, and what the document carries."""

    roots: tuple[x509.Certificate, ...]
    others: tuple[x509.Certificate, ...]
    lists: tuple[crl.CertificateList, ...] = ()
    revocation: DocumentSecurityStore | None = None


def material(
    reader: PdfFileReader, roots: Sequence[bytes], intermediates: Sequence[bytes], lists: Sequence[bytes]
) -> Material:
    """Gather what the caller trusts (DER) and what the document carries. Raises `Malformed` for the former."""
    try:
        store: DocumentSecurityStore | None = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        store = None
    return Material(_load(roots), _load(intermediates), load_lists(lists), store)


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


def is_covered(
    certificate: x509.Certificate, embedded: Iterable[x509.Certificate], moment: datetime, m: Material
) -> bool:
    """Whether for each certificate up to the root there is revocation data, and none of it says "revoked"."""
    path = (certificate, tuple(embedded), moment, m)
    return bool(m.roots) and _path_by(_EVERYTHING_LOOKED_UP, *path, extended=None) is Trust.TRUSTED


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
    path = (certificate, tuple(embedded), moment, m)
    # The library looks only up what a certificate announces, unless it must; what is revoked by any list given is
    # revoked.
    if m.lists or m.revocation is not None:
        for rules in (_EVERYTHING_LOOKED_UP, _SIGNER_LOOKED_UP, _AUTHORITIES_LOOKED_UP):
            if _path_by(rules, *path, extended=extended) is Trust.REVOKED:
                return Trust.REVOKED
    return _path_by(_NOTHING_MISSED, *path, extended=extended)


def _path_by(
    rules: RevocationCheckingPolicy,
    certificate: x509.Certificate,
    embedded: Iterable[x509.Certificate],
    moment: datetime,
    m: Material,
    *,
    extended: set[str] | None,
) -> Trust:
    settings: dict[str, Any] = {
        "trust_roots": list(m.roots),
        "other_certs": [*m.others, *embedded],
        "crls": list(m.lists),
        "allow_fetching": False,
        # What is known now of a time that is proven to be past counts for that time too.
        "revinfo_policy": CertRevTrustPolicy(rules, retroactive_revinfo=True),
        "moment": moment,
    }
    context = (
        m.revocation.as_validation_context(settings) if m.revocation is not None else ValidationContext(**settings)
    )
    validator = CertificateValidator(certificate, validation_context=context)
    try:
        _complete(validator.async_validate_usage(set(), extended))  # type: ignore[no-untyped-call]
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


def _complete(validation: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine that has nothing to wait for, because nothing is ever fetched: to its end, without an event loop.

    So it also works inside a running event loop, and needs neither threads nor file descriptors of its own.
    """
    try:
        validation.send(None)
    except StopIteration:
        return
    validation.close()
    raise RuntimeError("validation wanted to wait for something although it is offline")


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
