from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from natsuin.algorithms import KeyAlgorithm
from natsuin.certification import (
    DEMO_MARK,
    Authority,
    IssuerExpired,
    IssuingRules,
    KeyDoesNotMatch,
    KeyNotAllowed,
    PrivateKey,
    Publication,
    SigningFault,
    TimeStampAuthority,
    Validity,
    check_request,
    issue_signer_certificate,
    make_issuing,
    make_request,
    make_root,
    service_subject,
)
from natsuin.sam.protocol import Subject

YEAR = timedelta(days=365)


class TokenKey(ec.EllipticCurvePrivateKey):
    """A key as a token gives it: it signs, tells its public half, and refuses everything else."""

    def __init__(self, spoil: Callable[[bytes], bytes] = lambda signature: signature) -> None:
        self._inner = ec.generate_private_key(ec.SECP256R1())
        self._spoil = spoil

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        return self._spoil(self._inner.sign(data, signature_algorithm))

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._inner.public_key()

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._inner.curve

    @property
    def key_size(self) -> int:
        return self._inner.key_size

    def _refuse(self, *arguments: object) -> Any:
        raise AssertionError("the key was asked for more than a signature")

    exchange = private_numbers = private_bytes = __copy__ = __deepcopy__ = _refuse


def _issue(world: Any, **changes: Any) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    arguments = {
        "person_reference": "p-1",
        "validity": Validity.starting(world.now, YEAR),
        "rules": world.rules,
    } | changes
    return issue_signer_certificate(
        world.issuing, check_request(make_request(key, world.subject), world.subject), **arguments
    )


def _extension(certificate: x509.Certificate, kind: type[Any]) -> tuple[Any, bool]:
    found = certificate.extensions.get_extension_for_class(kind)
    return found.value, found.critical


def test_a_signers_certificate_holds_what_the_profile_says(world: Any) -> None:
    certificate = world.signer
    assert {e.oid._name for e in certificate.extensions} == {
        "basicConstraints",
        "keyUsage",
        "extendedKeyUsage",
        "certificatePolicies",
        "subjectKeyIdentifier",
        "authorityKeyIdentifier",
        "cRLDistributionPoints",
        "authorityInfoAccess",
    }
    usage, critical = _extension(certificate, x509.KeyUsage)
    assert critical
    assert usage.content_commitment
    assert not any((usage.digital_signature, usage.key_encipherment, usage.key_cert_sign, usage.crl_sign))
    purposes, critical = _extension(certificate, x509.ExtendedKeyUsage)
    assert not critical
    assert [p.dotted_string for p in purposes] == ["1.3.6.1.5.5.7.3.36", "1.3.6.1.5.5.7.3.4"]
    constraints, critical = _extension(certificate, x509.BasicConstraints)
    assert critical
    assert not constraints.ca
    (policy,) = _extension(certificate, x509.CertificatePolicies)[0]
    assert policy.policy_identifier.dotted_string == world.rules.policy.oid
    assert policy.policy_qualifiers == [world.rules.policy.practice_statement_url]
    (point,) = _extension(certificate, x509.CRLDistributionPoints)[0]
    assert [name.value for name in point.full_name] == [world.rules.publication.crl_url]
    access = {
        d.access_method: d.access_location.value for d in _extension(certificate, x509.AuthorityInformationAccess)[0]
    }
    assert access == {
        AuthorityInformationAccessOID.OCSP: world.rules.publication.ocsp_url,
        AuthorityInformationAccessOID.CA_ISSUERS: world.rules.publication.issuer_url,
    }


def test_identifiers_link_the_chain(world: Any) -> None:
    chain = [world.signer, world.issuing.certificate, world.root.certificate]
    for child, parent in pairwise(chain):
        child.verify_directly_issued_by(parent)
        authority = _extension(child, x509.AuthorityKeyIdentifier)[0].key_identifier
        assert authority == _extension(parent, x509.SubjectKeyIdentifier)[0].digest


@pytest.mark.parametrize(("which", "length"), [("root", 1), ("issuing", 0)])
def test_authorities_certify_no_further_than_meant(world: Any, which: str, length: int) -> None:
    certificate = getattr(world, which).certificate
    constraints, critical = _extension(certificate, x509.BasicConstraints)
    assert (constraints.ca, constraints.path_length, critical) == (True, length, True)
    usage, critical = _extension(certificate, x509.KeyUsage)
    assert critical
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)


def test_services_have_one_purpose(world: Any) -> None:
    purposes, critical = _extension(world.tsa.certificate, x509.ExtendedKeyUsage)
    assert (list(purposes), critical) == ([ExtendedKeyUsageOID.TIME_STAMPING], True)
    purposes, _ = _extension(world.responder.certificate, x509.ExtendedKeyUsage)
    assert list(purposes) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    assert _extension(world.responder.certificate, x509.OCSPNoCheck)


def test_the_person_is_named_with_the_reference(world: Any) -> None:
    name = world.signer.subject
    assert name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "山田 太郎"
    assert name.get_attributes_for_oid(NameOID.SERIAL_NUMBER)[0].value == "person-7f3a"


def test_a_demonstrations_signer_is_marked(world: Any) -> None:
    rules = IssuingRules(world.rules.publication, world.rules.policy, demo=True)
    assert DEMO_MARK in _issue(world, rules=rules).subject.rfc4514_string()


def test_serial_numbers_are_long_random_and_positive(world: Any) -> None:
    serials = {_issue(world).serial_number for _ in range(50)}
    assert len(serials) == 50
    assert {serial.bit_length() for serial in serials} == {159}


def test_validity_is_cut_to_the_issuers(world: Any) -> None:
    issuer = world.issuing.certificate
    certificate = _issue(world, validity=Validity(world.now - YEAR, world.now + 50 * YEAR))
    assert certificate.not_valid_before_utc == issuer.not_valid_before_utc
    assert certificate.not_valid_after_utc == issuer.not_valid_after_utc


def test_validity_inside_the_issuers_is_kept_to_the_second(world: Any) -> None:
    certificate = _issue(world)
    assert certificate.not_valid_before_utc == world.now.replace(microsecond=0)
    assert certificate.not_valid_after_utc == world.now.replace(microsecond=0) + YEAR


@pytest.mark.parametrize("years", [-30, 30])
def test_an_expired_or_future_issuer_issues_nothing(world: Any, years: int) -> None:
    with pytest.raises(IssuerExpired):
        _issue(world, validity=Validity.starting(world.now + years * YEAR, YEAR))


def test_a_time_without_zone_is_a_mistake(world: Any) -> None:
    with pytest.raises(ValueError, match="zone"):
        _issue(world, validity=Validity(datetime(2026, 1, 1), datetime(2027, 1, 1)))  # noqa: DTZ001


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_a_root_of_every_kind_of_key(algorithm: KeyAlgorithm, keys: dict[KeyAlgorithm, PrivateKey], world: Any) -> None:
    key = keys[algorithm]
    subject = service_subject("Root CA", demo=True)
    root = Authority(make_root(key, subject, validity=Validity.starting(world.now, YEAR)), key)
    child = make_issuing(
        root,
        keys[KeyAlgorithm.P_256].public_key(),
        subject=service_subject("Issuing CA", demo=True),
        validity=Validity.starting(world.now, YEAR),
        publication=Publication("http://a.test/crl", "http://a.test/cer"),
    )
    child.verify_directly_issued_by(root.certificate)
    without_hash = {KeyAlgorithm.ED25519: None, KeyAlgorithm.ML_DSA_65: None}
    expected = {KeyAlgorithm.P_384: "sha384", KeyAlgorithm.P_521: "sha512", **without_hash}
    hashed = child.signature_hash_algorithm
    assert (hashed.name if hashed else None) == expected.get(algorithm, "sha256")


def test_keys_in_a_token_are_asked_for_signatures_only(world: Any) -> None:
    key = TokenKey()
    subject = service_subject("Root CA", demo=True)
    root = Authority(make_root(key, subject, validity=Validity.starting(world.now, YEAR)), key)
    person = Subject(common_name="山田 太郎")
    request = check_request(make_request(TokenKey(), person), person)
    certificate = issue_signer_certificate(
        root, request, person_reference="p", validity=Validity.starting(world.now, YEAR), rules=world.rules
    )
    certificate.verify_directly_issued_by(root.certificate)


def test_a_token_that_computes_wrongly_yields_no_certificate(world: Any) -> None:
    other = ec.generate_private_key(ec.SECP256R1()).sign(b"", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(SigningFault):
        make_root(
            TokenKey(lambda signature: other),
            service_subject("Root CA", demo=True),
            validity=Validity.starting(world.now, YEAR),
        )


def test_a_key_beside_a_foreign_certificate_is_refused(world: Any) -> None:
    with pytest.raises(KeyDoesNotMatch):
        Authority(world.root.certificate, world.issuing.key)
    with pytest.raises(KeyDoesNotMatch):
        TimeStampAuthority(world.tsa.certificate, world.issuing.key, "1.2.3")


def test_only_a_time_stamping_certificate_stamps(world: Any) -> None:
    with pytest.raises(KeyNotAllowed):
        TimeStampAuthority(world.responder.certificate, world.responder.key, "1.2.3")
    with pytest.raises(KeyNotAllowed):
        TimeStampAuthority(world.issuing.certificate, world.issuing.key, "1.2.3")


def test_a_weak_key_gets_no_certificate(world: Any) -> None:
    with pytest.raises(KeyNotAllowed):
        make_issuing(
            world.root,
            ec.generate_private_key(ec.SECP256K1()).public_key(),
            subject=service_subject("Issuing CA", demo=True),
            validity=Validity.starting(world.now, YEAR),
            publication=Publication("http://a.test/crl", "http://a.test/cer"),
        )
