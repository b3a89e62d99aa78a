"""The built-in certification authority: a root, an issuing authority under it, and what the latter certifies.

Every function takes keys as objects, uses them once and returns a certificate; nothing is kept, read or sent. Whoever
calls has to store the certificate before handing it out, and to ask again with new input if something failed: asking
twice makes two certificates with two serial numbers. All functions are thread safe if the keys are.
"""

import secrets
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from natsuin.certification.names import request_name, signer_name
from natsuin.certification.profiles import (
    Extensions,
    IssuingRules,
    Publication,
    Validity,
    issuing_extensions,
    responder_extensions,
    root_extensions,
    signer_extensions,
    time_stamping_extensions,
    whole_seconds,
)
from natsuin.certification.public_keys import PrivateKey, PublicKey, algorithm_of, builder_hash, same_key
from natsuin.certification.refusals import IssuerExpired, KeyDoesNotMatch, SigningFault
from natsuin.certification.requests import CheckedRequest
from natsuin.sam.protocol import Subject


@dataclass(frozen=True)
class Authority:
    """A certification authority that can sign: its certificate beside its private key.

    Raises KeyDoesNotMatch if the two do not belong together, KeyNotAllowed for a key that never signs here.
    """

    certificate: x509.Certificate
    key: PrivateKey

    def __post_init__(self) -> None:
        """Refuse a pair whose signatures nobody could verify."""
        require_pair(self.certificate, self.key)


def require_pair(certificate: x509.Certificate, key: PrivateKey) -> None:
    """Make sure that `certificate` carries the public half of `key`. Raises KeyDoesNotMatch, KeyNotAllowed."""
    public_key = key.public_key()
    algorithm_of(public_key)
    if not same_key(public_key, certificate.public_key()):
        raise KeyDoesNotMatch("The private key does not belong to the certificate beside it.")


def make_root(key: PrivateKey, subject: Subject, *, validity: Validity) -> x509.Certificate:
    """A self-signed root certificate, P-384 or RSA-4096 by preference, above which there is nothing.

    Raises KeyNotAllowed, SubjectNotAllowed, SigningFault.
    """
    name = request_name(subject)
    public_key = key.public_key()
    validity = Validity(whole_seconds(validity.not_before), whole_seconds(validity.not_after))
    builder = _builder(name, public_key, root_extensions(public_key), validity).issuer_name(name)
    return _signed(builder, key)


def make_issuing(
    root: Authority, public_key: PublicKey, *, subject: Subject, validity: Validity, publication: Publication
) -> x509.Certificate:
    """The certificate of an issuing authority. `publication` tells where `root` publishes.

    `validity` is cut to the root's own. Raises KeyNotAllowed, SubjectNotAllowed, IssuerExpired, SigningFault.
    """
    extensions = issuing_extensions(public_key, root.certificate, publication)
    return _issue(root, request_name(subject), public_key, extensions=extensions, validity=validity)


def issue_signer_certificate(
    authority: Authority, request: CheckedRequest, *, person_reference: str, validity: Validity, rules: IssuingRules
) -> x509.Certificate:
    """A person's certificate for the key of a checked request.

    `person_reference` is opaque and public, see `names.signer_name`. `validity` is cut to the authority's own, so a
    caller that promises a date reads `not_valid_after_utc` of the result. The serial number is random, 159 bits.

    Raises SubjectNotAllowed, IssuerExpired, SigningFault.
    """
    name = signer_name(request.subject, person_reference=person_reference, demo=rules.demo)
    extensions = signer_extensions(request.public_key, authority.certificate, rules)
    return _issue(authority, name, request.public_key, extensions=extensions, validity=validity)


def issue_time_stamping_certificate(
    authority: Authority, public_key: PublicKey, *, subject: Subject, validity: Validity, rules: IssuingRules
) -> x509.Certificate:
    """The certificate of a time-stamping authority (RFC 3161, 2.3).

    `validity` is cut to the authority's own. Raises KeyNotAllowed, SubjectNotAllowed, IssuerExpired, SigningFault.
    """
    extensions = time_stamping_extensions(public_key, authority.certificate, rules)
    return _issue(authority, request_name(subject), public_key, extensions=extensions, validity=validity)


def issue_responder_certificate(
    authority: Authority, public_key: PublicKey, *, subject: Subject, validity: Validity, rules: IssuingRules
) -> x509.Certificate:
    """The certificate of the responder that answers for `authority` (RFC 6960, 4.2.2.2).

    Nobody asks whether it is revoked, so give it weeks, not years. `validity` is cut to the authority's own.
    Raises KeyNotAllowed, SubjectNotAllowed, IssuerExpired, SigningFault.
    """
    extensions = responder_extensions(public_key, authority.certificate, rules)
    return _issue(authority, request_name(subject), public_key, extensions=extensions, validity=validity)


def _issue(
    authority: Authority, name: x509.Name, public_key: PublicKey, *, extensions: Extensions, validity: Validity
) -> x509.Certificate:
    cut = validity.within(authority.certificate)
    if cut.not_before >= cut.not_after:
        raise IssuerExpired(
            "The issuer's certificate is not valid in the wanted time.",
            hint="Renew the issuing authority, or check this computer's clock.",
        )
    builder = _builder(name, public_key, extensions, cut).issuer_name(authority.certificate.subject)
    return _signed(builder, authority.key, authority.certificate)


def _builder(
    name: x509.Name, public_key: PublicKey, extensions: Extensions, validity: Validity
) -> x509.CertificateBuilder:
    algorithm_of(public_key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(public_key)
        .serial_number(random_serial())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder


def random_serial() -> int:
    """A positive number of 159 bits, all but the highest random: 20 bytes in DER (RFC 5280, 4.1.2.2)."""
    return 1 << 158 | secrets.randbits(158)


def _signed(
    builder: x509.CertificateBuilder, key: PrivateKey, issuer: x509.Certificate | None = None
) -> x509.Certificate:
    certificate = builder.sign(key, builder_hash(key.public_key()))
    # A token that computes wrongly would otherwise hand out a useless certificate, or with RSA even its own key.
    try:
        certificate.verify_directly_issued_by(issuer or certificate)
    except InvalidSignature as error:
        raise SigningFault("The authority's signature does not verify; no certificate was issued.") from error
    return certificate
