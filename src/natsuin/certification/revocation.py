"""Revocation: the facts, and the lists that tell them to the world (RFC 5280, section 5).

Pure functions: what is revoked comes in as facts, the time as an argument, and nothing is kept. A list is public the
moment somebody has it, so the facts must be durable before they are given in.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from natsuin.certification.authority import Authority
from natsuin.certification.profiles import issuer_identifier, whole_seconds
from natsuin.certification.public_keys import builder_hash
from natsuin.certification.refusals import SigningFault


class RevocationReason(StrEnum):
    """Why a certificate is no longer to be relied on (RFC 5280, 5.3.1). `CERTIFICATE_HOLD` alone can be taken back."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    CA_COMPROMISE = "cACompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    CERTIFICATE_HOLD = "certificateHold"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"


@dataclass(frozen=True)
class Revocation:
    """The fact that a certificate was revoked or suspended, at a time in UTC."""

    serial: int
    at: datetime
    reason: RevocationReason = RevocationReason.UNSPECIFIED


class Standing(Enum):
    """What else may be known of a serial number: issued and not revoked, or never issued."""

    GOOD = "good"
    UNKNOWN = "unknown"


def make_crl(
    authority: Authority, revoked: Iterable[Revocation], *, number: int, this_update: datetime, next_update: datetime
) -> bytes:
    """A complete revocation list in DER, with number, key identifier and reasons (RFC 5280, section 5).

    `number` grows with each list of one authority and is kept by the caller. An unspecified reason is left out, as the
    standard asks. Revocations stay on the list after a certificate has expired if the caller goes on giving them, which
    is wanted where old signatures are checked.

    Thread safe if the key is; asking again is harmless. Raises SigningFault; ValueError if `next_update` is earlier
    than `this_update`.
    """
    certificate = authority.certificate
    crl = (
        x509.CertificateRevocationListBuilder(revoked_certificates=[_entry(fact) for fact in revoked])
        .issuer_name(certificate.subject)
        .last_update(whole_seconds(this_update))
        .next_update(whole_seconds(next_update))
        .add_extension(issuer_identifier(certificate), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
        .sign(authority.key, builder_hash(authority.key.public_key()))
    )
    if not crl.is_signature_valid(authority.key.public_key()):
        raise SigningFault("The signature of the revocation list does not verify; no list was made.")
    return crl.public_bytes(serialization.Encoding.DER)


def _entry(fact: Revocation) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder(fact.serial, whole_seconds(fact.at))
    if fact.reason is not RevocationReason.UNSPECIFIED:
        builder = builder.add_extension(x509.CRLReason(x509.ReasonFlags(fact.reason.value)), critical=False)
    return builder.build()
