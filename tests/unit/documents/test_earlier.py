"""Documents that carry signatures already: those stay valid, or we refuse in words."""

import io

import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm, SigFieldSpec
from pyhanko_certvalidator.registry import SimpleCertificateStore

from natsuin.documents import ChangesForbidden, inspect, prepare
from natsuin.validation import Overall, validate_pdf
from rigs.document_workshop import PLACE, SEAL, sample_pdf


def by_others(workshop, pdf, *, lock=None, **metadata):
    """`pdf` signed by pyHanko itself, as another product would."""
    from asn1crypto import keys, x509
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    person = workshop.signer("他社 利用者")
    key = person.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    signer = signers.SimpleSigner(
        signing_cert=x509.Certificate.load(person.der),
        signing_key=keys.PrivateKeyInfo.load(key),
        cert_registry=SimpleCertificateStore.from_certs([x509.Certificate.load(workshop.issuing.der)]),
    )
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    metadata.setdefault("subfilter", fields.SigSeedSubFilter.PADES)
    spec = SigFieldSpec("Other", on_page=0, box=(50, 50, 150, 100), field_mdp_spec=lock)
    made = signers.sign_pdf(
        writer,
        signers.PdfSignatureMetadata(field_name="Other", md_algorithm="sha256", **metadata),
        signer=signer,
        new_field_spec=spec,
    )
    return made.getvalue()


def test_signatures_of_others_stay_valid(workshop, plain_pdf):
    theirs = by_others(workshop, plain_pdf)
    ours = workshop.signed(theirs, placement=PLACE, appearance=SEAL)
    assert ours.startswith(theirs)
    report = validate_pdf(ours, trust=[workshop.root.der])
    assert report.overall is Overall.VALID
    assert [v.signer for v in report.signatures] == ["他社 利用者", "山田 太郎"]
    assert report.signatures[0].coverage.code == "covers_with_signatures"


def test_many_signatures_in_a_row_have_fields_of_their_own(workshop, plain_pdf):
    pdf = plain_pdf
    for number in range(4):
        pdf = workshop.signed(pdf, placement=PLACE if number % 2 else None, appearance=SEAL)
    report = validate_pdf(pdf, trust=[workshop.root.der])
    assert report.overall is Overall.VALID
    assert [v.field for v in report.signatures] == ["Natsuin1", "Natsuin2", "Natsuin3", "Natsuin4"]


def test_a_certification_that_allows_nothing_is_respected(workshop, plain_pdf):
    certified = by_others(workshop, plain_pdf, certify=True, docmdp_permissions=MDPPerm.NO_CHANGES)
    assert inspect(certified).certified == 1
    assert "certified" in inspect(certified).warnings
    for place in (None, PLACE):
        with pytest.raises(ChangesForbidden) as caught:
            prepare(certified, workshop.request(workshop.signer(), placement=place, appearance=SEAL))
        assert "author" in caught.value.message
        assert caught.value.hint


@pytest.mark.parametrize("level", [MDPPerm.FILL_FORMS, MDPPerm.ANNOTATE])
def test_a_certification_that_allows_signing_keeps_valid(workshop, plain_pdf, level):
    certified = by_others(workshop, plain_pdf, certify=True, docmdp_permissions=level)
    assert inspect(certified).certified == level.value
    with pytest.raises(ChangesForbidden, match="visible"):
        prepare(certified, workshop.request(workshop.signer(), placement=PLACE, appearance=SEAL))
    ours = workshop.signed(certified)
    report = validate_pdf(ours, trust=[workshop.root.der])
    assert report.overall is Overall.VALID, report


def test_a_lock_on_all_fields_is_respected(workshop, plain_pdf):
    locked = by_others(workshop, plain_pdf, lock=FieldMDPSpec(FieldMDPAction.ALL))
    assert validate_pdf(locked, trust=[workshop.root.der]).overall is Overall.VALID
    with pytest.raises(ChangesForbidden, match="locks"):
        prepare(locked, workshop.request(workshop.signer(), placement=PLACE, appearance=SEAL))


def test_a_signature_that_was_broken_before_hinders_nothing(workshop, signed_pdf):
    broken = signed_pdf.replace(b"(Contract text 1)", b"(Contract text 9)", 1)
    assert validate_pdf(workshop.signed(broken), trust=[workshop.root.der]).overall is Overall.NOT_VALID


def test_object_streams_and_cross_reference_streams(workshop):
    import pikepdf

    modern = sample_pdf(object_stream_mode=pikepdf.ObjectStreamMode.generate, compress_streams=True)
    assert b"/XRef" in modern
    once = workshop.signed(modern, placement=PLACE, appearance=SEAL)
    twice = workshop.signed(once)
    assert validate_pdf(twice, trust=[workshop.root.der]).overall is Overall.VALID
