"""Each line of a verdict by itself: what makes it good, bad or unknown, and what the whole then is."""

import asyncio
import io
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from natsuin.documents import EncryptedDocument, NotAPDF
from natsuin.errors import Malformed, NatsuinError
from natsuin.validation import Overall, Status, codes, validate_pdf
from natsuin.validation.wording import line
from rigs.document_workshop import NOW, Workshop, sample_pdf, usage

# An extension that must be understood, and is not.
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0")


def codes_of(report, number=0):
    return {name: entry.code for name, entry in report.signatures[number].lines}


def test_everything_good(workshop, signed_pdf):
    report = validate_pdf(signed_pdf, trust=[workshop.root.der])
    assert report.overall is Overall.VALID
    assert codes_of(report) == {
        "integrity": "intact",
        "coverage": "covers_everything",
        "trust": "trusted",
        "revocation": "revocation_not_checked",
        "time": "time_stamped",
        "log": "no_receipt",
    }
    assert report.summary.code == "valid_unless_revoked"
    verdict = report.signatures[0]
    assert (verdict.signer, verdict.level, verdict.reason) == ("山田 太郎", "B-T", "承認")
    assert verdict.proven_time == verdict.claimed_time == NOW


def test_without_signature(workshop, plain_pdf):
    report = validate_pdf(plain_pdf, trust=[workshop.root.der])
    assert (report.overall, report.summary.code, report.signatures) == (Overall.NOT_VALID, "no_signature", ())


def test_without_roots_it_cannot_be_told(signed_pdf):
    report = validate_pdf(signed_pdf, trust=[])
    assert report.overall is Overall.CANNOT_TELL
    assert codes_of(report)["trust"] == "no_roots"
    assert codes_of(report)["integrity"] == "intact"


def test_under_another_root_it_cannot_be_told(signed_pdf):
    report = validate_pdf(signed_pdf, trust=[Workshop().root.der])
    assert report.overall is Overall.CANNOT_TELL
    assert codes_of(report)["trust"] == "untrusted"
    assert codes_of(report)["time"] == "time_stamp_untrusted"


def test_a_root_of_the_same_name_and_another_key_is_not_trusted(signed_pdf):
    imitation = Workshop()
    assert codes_of(validate_pdf(signed_pdf, trust=[imitation.root.der]))["trust"] != "trusted"


def test_without_time_stamp_it_is_valid_now_and_not_after_the_certificate(workshop, plain_pdf):
    signed = workshop.signed(plain_pdf, stamped=False)
    report = validate_pdf(signed, trust=[workshop.root.der])
    assert (report.overall, codes_of(report)["time"]) == (Overall.VALID, "time_claimed")
    later = validate_pdf(signed, trust=[workshop.root.der], at=NOW + timedelta(days=3000))
    assert later.overall is Overall.CANNOT_TELL
    assert codes_of(later)["trust"] == "expired_since"


def test_with_time_stamp_it_stays_valid_after_the_signers_certificate(workshop, plain_pdf):
    short = workshop.signer("短期", days=2)
    signed = workshop.signed(plain_pdf, short)
    later = validate_pdf(signed, trust=[workshop.root.der], at=NOW + timedelta(days=30))
    assert later.overall is Overall.VALID


def test_a_certificate_that_was_over_at_the_stamped_time_is_bad(workshop, plain_pdf):
    old = workshop.signer("期限切れ", start=NOW - timedelta(days=100), days=10)
    report = validate_pdf(workshop.signed(plain_pdf, old), trust=[workshop.root.der])
    assert (report.overall, codes_of(report)["trust"]) == (Overall.NOT_VALID, "expired")


def test_a_time_stamp_of_the_future_is_bad(workshop, signed_pdf):
    report = validate_pdf(signed_pdf, trust=[workshop.root.der], at=NOW - timedelta(hours=1))
    assert codes_of(report)["time"] == "time_stamp_bad"
    assert report.overall is Overall.NOT_VALID


def test_a_time_stamp_moved_from_another_signature_is_bad(workshop, plain_pdf):
    """Both have the same size, so one whole signature's token bytes can stand in the other's place."""
    person = workshop.signer()
    from natsuin.documents import prepare
    from natsuin.documents.cms import SigningCertificate, signed_data
    from natsuin.documents.time_stamp import request_for, token_from

    request = workshop.request(person)
    prepared = prepare(plain_pdf, request)
    value = person.sign(request.scheme, prepared.dtbs)
    other = request_for(b"another signature")
    token = token_from(workshop.stamp(other.encoded), other)
    content = signed_data(
        SigningCertificate.parse(person.der),
        request.chain,
        request.scheme,
        attributes=prepared.dtbs,
        signature=value,
        time_stamp=token,
    )
    size = prepared.end - prepared.start - 2
    hexadecimal = content.hex().encode().ljust(size, b"0")
    forged = prepared.pdf[: prepared.start + 1] + hexadecimal + prepared.pdf[prepared.end - 1 :]
    report = validate_pdf(forged, trust=[workshop.root.der])
    assert (report.overall, codes_of(report)["time"]) == (Overall.NOT_VALID, "time_stamp_bad")


@pytest.mark.parametrize(
    ("extensions", "code"),
    [
        ([(usage("key_encipherment"), True)], "wrong_usage"),
        ([(usage("digital_signature"), True)], "trusted"),
        ([(usage("content_commitment"), True), (UNKNOWN, True)], "bad_path"),
    ],
)
def test_what_a_certificate_is_for(workshop, plain_pdf, extensions, code):
    person = workshop.signer(extensions=extensions)
    assert codes_of(validate_pdf(workshop.signed(plain_pdf, person), trust=[workshop.root.der]))["trust"] == code


def test_a_signers_certificate_issues_nothing(workshop, plain_pdf):
    """A certificate signed by an end entity's key leads nowhere, even though each link verifies."""
    middle = workshop.signer("中間")
    forged = workshop.person("偽造", by=middle, extensions=[(usage("content_commitment"), True)])
    signed = workshop.signed(plain_pdf, forged)
    report = validate_pdf(signed, trust=[workshop.root.der], intermediates=[middle.der])
    assert codes_of(report)["trust"] in ("untrusted", "bad_path")
    assert report.overall is not Overall.VALID


def test_a_weak_key_is_bad(workshop, plain_pdf):
    from natsuin.algorithms import SignatureScheme

    weak = workshop.person(
        "弱",
        key=rsa.generate_private_key(65537, 1024),  # noqa: S505  being weak is the point
        by=workshop.issuing,
        extensions=[(usage("content_commitment"), True)],
    )
    signed = workshop.signed(plain_pdf, weak, scheme=SignatureScheme.RSA_PKCS1_SHA256)
    report = validate_pdf(signed, trust=[workshop.root.der])
    assert (report.overall, codes_of(report)["integrity"]) == (Overall.NOT_VALID, "weak_algorithm")


def test_one_bad_signature_makes_the_document_not_valid(workshop, signed_pdf):
    second = workshop.signed(signed_pdf, Workshop("他").signer("他人"))
    report = validate_pdf(second, trust=[workshop.root.der])
    assert report.overall is Overall.CANNOT_TELL
    assert [v.trust.code for v in report.signatures] == ["trusted", "untrusted"]


def _written(writer):
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _with_form():
    """A document with a text field, not signed."""
    writer = IncrementalPdfFileWriter(io.BytesIO(sample_pdf()))
    field = {"/FT": generic.pdf_name("/Tx"), "/T": generic.pdf_string("amount"), "/V": generic.pdf_string("1")}
    reference = writer.add_object(generic.DictionaryObject({generic.pdf_name(k): v for k, v in field.items()}))
    form = generic.DictionaryObject({generic.pdf_name("/Fields"): generic.ArrayObject([reference])})
    writer.root["/AcroForm"] = writer.add_object(form)
    writer.update_root()
    return _written(writer)


def _filled(pdf, value):
    """`pdf` with another value in its text field."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    for reference in writer.root["/AcroForm"]["/Fields"]:
        field = reference.get_object()
        if field["/T"] == "amount":
            field["/V"] = generic.pdf_string(value)
            writer.update_container(field)
    return _written(writer)


def test_a_form_filled_after_a_plain_signature_is_a_change(workshop):
    report = validate_pdf(_filled(workshop.signed(_with_form()), "9999999"), trust=[workshop.root.der])
    assert (report.overall, codes_of(report)["coverage"]) == (Overall.NOT_VALID, "changed_later")


def test_a_form_filled_after_a_certification_that_permits_it_is_told(workshop):
    certified = workshop.certified(_with_form(), level=2)
    assert validate_pdf(certified, trust=[workshop.root.der]).overall is Overall.VALID
    report = validate_pdf(_filled(certified, "2"), trust=[workshop.root.der])
    assert (report.overall, codes_of(report)["coverage"]) == (Overall.CANNOT_TELL, "permitted_changes")


def test_a_form_filled_after_a_certification_that_forbids_it_is_bad(workshop):
    report = validate_pdf(_filled(workshop.certified(_with_form(), level=1), "2"), trust=[workshop.root.der])
    assert (report.overall, codes_of(report)["coverage"]) == (Overall.NOT_VALID, "forbidden_changes")


@pytest.mark.parametrize("level", [1, 2, 3])
def test_an_annotation_over_certified_text_is_never_valid(workshop, level):
    from rigs.forgeries import FORGERIES

    forged = FORGERIES["annotation_over_text"](workshop.certified(sample_pdf(), level=level))
    assert validate_pdf(forged, trust=[workshop.root.der]).overall is Overall.NOT_VALID


def test_names_cannot_carry_control_characters(workshop, plain_pdf):
    person = workshop.signer("山田\x1b[2J‮太郎")
    report = validate_pdf(workshop.signed(plain_pdf, person, name="x"), trust=[workshop.root.der])
    assert report.signatures[0].signer == "山田[2J太郎"


def test_every_sentence_is_there_in_both_languages():
    names = ("detail", "signer", "issuer", "time", "origin", "index")
    for code in codes():
        entry = line(code, **dict.fromkeys(names, "..."))
        assert entry.code == code
        assert entry.text_en.isascii()
        assert any("ぁ" <= c <= "ヿ" or "一" <= c <= "龥" for c in entry.text_ja)
        assert bool(entry.next_en) == bool(entry.next_ja)


def test_every_bad_line_has_a_next_step():
    names = ("detail", "signer", "issuer", "time", "origin", "index")
    for code in codes():
        entry = line(code, **dict.fromkeys(names, "..."))
        assert entry.status is not Status.BAD or entry.next_en


def test_what_is_no_document_is_an_error_of_ours(workshop):
    import pikepdf

    with pytest.raises(NotAPDF):
        validate_pdf(b"hello", trust=[])
    with pytest.raises(EncryptedDocument):
        validate_pdf(sample_pdf(encryption=pikepdf.Encryption(owner="o", user="u")), trust=[])
    with pytest.raises(Malformed, match="trusted certificate"):
        validate_pdf(sample_pdf(), trust=[b"no certificate"])


@settings(max_examples=60)
@given(st.data())
def test_mutated_documents_give_a_report_or_an_error_of_ours(workshop, signed_pdf, data):
    pdf = bytearray(signed_pdf)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(pdf) - 1))
        pdf[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    try:
        report = validate_pdf(bytes(pdf), trust=[workshop.root.der])
    except NatsuinError:
        return
    # Upper and lower case of hexadecimal digits are the same signature; everything else is a change.
    assert report.overall is not Overall.VALID or bytes(pdf).upper() == signed_pdf.upper()


def test_inside_a_running_event_loop_the_verdict_is_the_same(signed_pdf, workshop):
    async def verdict():
        return validate_pdf(signed_pdf, trust=[workshop.root.der], at=NOW)

    assert asyncio.run(verdict()) == validate_pdf(signed_pdf, trust=[workshop.root.der], at=NOW)
