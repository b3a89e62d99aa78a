"""Revocation is told apart from trust: revoked, not revoked, or nobody looked, and then the verdict says so."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin.errors import Malformed
from natsuin.validation import Overall, Status, validate_pdf
from rigs.document_workshop import NOW


def revocation_list(authority, *revoked, at=NOW + timedelta(hours=1), days=7):
    """A list by `authority`; `revoked` are pairs of a person and the time."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(at)
        .next_update(at + timedelta(days=days))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), False)
        .add_extension(x509.CRLNumber(1), False)
    )
    for person, moment in revoked:
        one = x509.RevokedCertificateBuilder().serial_number(person.certificate.serial_number).revocation_date(moment)
        builder = builder.add_revoked_certificate(one.build())
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(Encoding.DER)


def judge(pdf, workshop, *lists, at=NOW + timedelta(hours=2)):
    report = validate_pdf(pdf, trust=[workshop.root.der], revocation_lists=lists, at=at)
    return report, report.signatures[0]


def test_lists_of_all_authorities_tell_that_it_was_not_revoked(workshop, signed_pdf):
    report, verdict = judge(signed_pdf, workshop, revocation_list(workshop.root), revocation_list(workshop.issuing))
    assert verdict.revocation.code == "not_revoked"
    assert (report.overall, report.summary.code) == (Overall.VALID, "valid")


@pytest.mark.parametrize("given", [(), ("root",), ("issuing",)])
def test_what_was_not_looked_at_is_not_called_valid_without_a_word(workshop, signed_pdf, given):
    report, verdict = judge(signed_pdf, workshop, *(revocation_list(getattr(workshop, name)) for name in given))
    assert (verdict.revocation.status, verdict.revocation.code) == (Status.UNKNOWN, "revocation_not_checked")
    assert verdict.trust.code == "trusted"
    assert report.summary.code == "valid_unless_revoked"
    assert report.summary.next_en


def test_a_list_of_somebody_else_tells_nothing(workshop, signed_pdf):
    foreign = revocation_list(workshop.signer("偽 認証局"))
    forged = x509.load_der_x509_crl(revocation_list(workshop.issuing)).public_bytes(Encoding.DER)
    forged = forged[:-8] + bytes(8)
    _, verdict = judge(signed_pdf, workshop, revocation_list(workshop.root), foreign, forged)
    assert verdict.revocation.code == "revocation_not_checked"


def test_a_list_that_is_out_of_date_tells_nothing_about_now(workshop, plain_pdf):
    unstamped = workshop.signed(plain_pdf, stamped=False)
    old = {"at": NOW - timedelta(days=30), "days": 7}
    lists = (revocation_list(workshop.root, **old), revocation_list(workshop.issuing, **old))
    _, verdict = judge(unstamped, workshop, *lists)
    assert verdict.revocation.code == "revocation_not_checked"


def test_revoked_before_signing_is_bad(workshop, plain_pdf):
    person = workshop.signer()
    pdf = workshop.signed(plain_pdf, person)
    lists = (
        revocation_list(workshop.root),
        revocation_list(workshop.issuing, (person, NOW - timedelta(hours=1))),
    )
    report, verdict = judge(pdf, workshop, *lists)
    assert (verdict.trust.code, verdict.revocation.code) == ("revoked", "revoked")
    assert report.overall is Overall.NOT_VALID


def test_revoked_after_a_proven_time_of_signing_does_not_harm(workshop, plain_pdf):
    person = workshop.signer()
    later = (person, NOW + timedelta(minutes=30))
    lists = (revocation_list(workshop.root), revocation_list(workshop.issuing, later))
    report, verdict = judge(workshop.signed(plain_pdf, person), workshop, *lists)
    assert (report.overall, verdict.revocation.code) == (Overall.VALID, "not_revoked")
    # Without a time-stamp nobody can tell that it was signed before.
    report, verdict = judge(workshop.signed(plain_pdf, person, stamped=False), workshop, *lists)
    assert (report.overall, verdict.revocation.code) == (Overall.NOT_VALID, "revoked")


def test_an_authority_that_was_revoked_is_found(workshop, signed_pdf):
    lists = (
        revocation_list(workshop.root, (workshop.issuing, NOW - timedelta(hours=1))),
        revocation_list(workshop.issuing),
    )
    report, verdict = judge(signed_pdf, workshop, *lists)
    assert (report.overall, verdict.revocation.code) == (Overall.NOT_VALID, "revoked")


def test_without_trust_nothing_is_said_about_revocation(workshop, signed_pdf):
    report = validate_pdf(signed_pdf, trust=[], revocation_lists=[revocation_list(workshop.issuing)])
    assert report.signatures[0].revocation.code == "revocation_without_trust"


def test_a_list_that_is_none_is_refused(workshop, signed_pdf):
    with pytest.raises(Malformed):
        judge(signed_pdf, workshop, b"no list")
