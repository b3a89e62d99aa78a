"""Documents that carry signatures already: those stay valid, or we refuse in words."""

import pytest
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm

from natsuin.documents import ChangesForbidden, inspect, prepare
from natsuin.validation import Overall, validate_pdf
from rigs.document_workshop import PLACE, SEAL, sample_pdf


def test_signatures_of_others_stay_valid(workshop, plain_pdf):
    theirs = workshop.signed_by_others(plain_pdf)
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
    certified = workshop.signed_by_others(plain_pdf, certify=True, docmdp_permissions=MDPPerm.NO_CHANGES)
    assert inspect(certified).certified == 1
    assert "certified" in inspect(certified).warnings
    for place in (None, PLACE):
        with pytest.raises(ChangesForbidden) as caught:
            prepare(certified, workshop.request(workshop.signer(), placement=place, appearance=SEAL))
        assert "author" in caught.value.message
        assert caught.value.hint


@pytest.mark.parametrize("level", [MDPPerm.FILL_FORMS, MDPPerm.ANNOTATE])
def test_a_certification_that_allows_signing_keeps_valid(workshop, plain_pdf, level):
    certified = workshop.signed_by_others(plain_pdf, certify=True, docmdp_permissions=level)
    assert inspect(certified).certified == level.value
    with pytest.raises(ChangesForbidden, match="visible"):
        prepare(certified, workshop.request(workshop.signer(), placement=PLACE, appearance=SEAL))
    ours = workshop.signed(certified)
    report = validate_pdf(ours, trust=[workshop.root.der])
    assert report.overall is Overall.VALID, report


def test_a_lock_on_all_fields_is_respected(workshop, plain_pdf):
    locked = workshop.signed_by_others(plain_pdf, lock=FieldMDPSpec(FieldMDPAction.ALL))
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
