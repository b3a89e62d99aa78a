"""What each kind of certificate holds (RFC 5280): the one place where extensions are chosen.

A table of the same with reasons is in `docs/certificates.md`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from natsuin.certification.public_keys import PublicKey, key_bits

# RFC 9336. Verifiers built on S/MIME (NSS, so poppler's pdfsig; `openssl cms -verify`) do not know it and look for
# e-mail protection, without which they trust no signature. NSS besides leaves an error behind where there is no
# extended key usage at all, which pdfsig takes for a failure.
_DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
_ANY_POLICY = x509.ObjectIdentifier("2.5.29.32.0")

Extensions = Sequence[tuple[x509.ExtensionType, bool]]
"""Extensions with whether each is critical."""


@dataclass(frozen=True)
class Publication:
    """Where an authority publishes: addresses that go into every certificate it issues.

    Plain `http` is usual, since the answers are signed themselves and https would need a certificate checked first.
    """

    crl_url: str
    issuer_url: str
    """The authority's own certificate in DER."""
    ocsp_url: str | None = None
    """None where the authority has no OCSP responder, as a root."""


@dataclass(frozen=True)
class CertificatePolicy:
    """Under which written rules certificates are issued: the operator's object identifier, and where they are read."""

    oid: str
    practice_statement_url: str


@dataclass(frozen=True)
class IssuingRules:
    """What the operator has configured for one issuing authority."""

    publication: Publication
    policy: CertificatePolicy
    demo: bool = False
    """True marks signers' names as worthless, visibly."""


@dataclass(frozen=True)
class Validity:
    """From when until when, inclusive, aware, in UTC; parts of seconds are dropped (RFC 5280, 4.1.2.5)."""

    not_before: datetime
    not_after: datetime

    @classmethod
    def starting(cls, moment: datetime, duration: timedelta) -> "Validity":
        """Beginning at `moment` for `duration`."""
        return cls(moment, moment + duration)

    def within(self, issuer: x509.Certificate) -> "Validity":
        """What of this time lies inside the issuer's own validity: may be empty, ending before it begins."""
        return Validity(
            max(whole_seconds(self.not_before), issuer.not_valid_before_utc),
            min(whole_seconds(self.not_after), issuer.not_valid_after_utc),
        )


def whole_seconds(moment: datetime) -> datetime:
    """`moment` in UTC without parts of a second. Raises ValueError for a time without zone: a caller's mistake."""
    if moment.tzinfo is None:
        raise ValueError("a time without zone")
    return moment.astimezone(UTC).replace(microsecond=0)


def root_extensions(public_key: PublicKey) -> Extensions:
    """Of a root: it certifies one level of issuing authorities."""
    return [
        (x509.BasicConstraints(ca=True, path_length=1), True),
        (_key_usage("key_cert_sign", "crl_sign"), True),
        (key_identifier(public_key), False),
    ]


def issuing_extensions(public_key: PublicKey, issuer: x509.Certificate, publication: Publication) -> Extensions:
    """Of an issuing authority: it certifies people and services, no further authority, under any policy."""
    return [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_key_usage("key_cert_sign", "crl_sign"), True),
        (x509.CertificatePolicies([x509.PolicyInformation(_ANY_POLICY, None)]), False),
        *_linked(public_key, issuer),
        *_published(publication),
    ]


def signer_extensions(public_key: PublicKey, issuer: x509.Certificate, rules: IssuingRules) -> Extensions:
    """Of a person: the key signs documents and serves nothing else, so its only usage is nonRepudiation."""
    policy = x509.PolicyInformation(x509.ObjectIdentifier(rules.policy.oid), [rules.policy.practice_statement_url])
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage("content_commitment"), True),
        (x509.ExtendedKeyUsage([_DOCUMENT_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
        (x509.CertificatePolicies([policy]), False),
        *_linked(public_key, issuer),
        *_published(rules.publication),
    ]


def time_stamping_extensions(public_key: PublicKey, issuer: x509.Certificate, rules: IssuingRules) -> Extensions:
    """Of a time-stamping authority: the single critical purpose that RFC 3161, section 2.3, demands."""
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage("digital_signature"), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),
        *_linked(public_key, issuer),
        *_published(rules.publication),
    ]


def responder_extensions(public_key: PublicKey, issuer: x509.Certificate, rules: IssuingRules) -> Extensions:
    """Of an OCSP responder (RFC 6960, 4.2.2.2): its own revocation is not asked for, so its life must be short."""
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage("digital_signature"), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
        (x509.OCSPNoCheck(), False),
        *_linked(public_key, issuer),
        (_access(rules.publication.issuer_url, None), False),
    ]


def key_identifier(public_key: PublicKey) -> x509.SubjectKeyIdentifier:
    """20 bytes of SHA-256 over the key's bits (RFC 7093, section 2, method 1), so that no SHA-1 is needed."""
    return x509.SubjectKeyIdentifier(hashlib.sha256(key_bits(public_key)).digest()[:20])


def issuer_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The issuer's own identifier of its key, as its certificate states it (RFC 5280, 4.2.1.1)."""
    own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _linked(public_key: PublicKey, issuer: x509.Certificate) -> Extensions:
    return [(key_identifier(public_key), False), (issuer_identifier(issuer), False)]


def _published(publication: Publication) -> Extensions:
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(publication.crl_url)], None, None, None)
    return [
        (x509.CRLDistributionPoints([point]), False),
        (_access(publication.issuer_url, publication.ocsp_url), False),
    ]


def _access(issuer_url: str, ocsp_url: str | None) -> x509.AuthorityInformationAccess:
    places = [(AuthorityInformationAccessOID.CA_ISSUERS, issuer_url)]
    if ocsp_url is not None:
        places.insert(0, (AuthorityInformationAccessOID.OCSP, ocsp_url))
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in places]
    )


def _key_usage(*usages: str) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in usages for name in names})
