"""From a prepared document to a signed one: every scheme, time-stamps not to be believed, sizes that must fit."""

import pytest
from asn1crypto import cms as asn1_cms
from pyhanko.pdf_utils.reader import PdfFileReader

from natsuin.algorithms import FACTS, SignatureScheme
from natsuin.documents import Prepared, SignatureMismatch, TimeStampFailed, embed, prepare
from natsuin.errors import Malformed, Unavailable
from natsuin.validation import Overall, validate_pdf
from rigs.document_workshop import NOW, PLACE, SEAL, Workshop


@pytest.fixture
def signer(workshop):
    return workshop.signer()


@pytest.fixture
def prepared(workshop, signer, plain_pdf):
    return prepare(plain_pdf, workshop.request(signer))


@pytest.fixture
def value(signer, prepared):
    return signer.sign(SignatureScheme.ECDSA_SHA256, prepared.dtbs)


@pytest.mark.parametrize("scheme", SignatureScheme)
@pytest.mark.parametrize("stamped", [True, False])
def test_every_scheme_gives_a_valid_document(workshop, plain_pdf, scheme, stamped):
    person = workshop.signer(scheme=scheme)
    prepared = prepare(plain_pdf, workshop.request(person, scheme=scheme, placement=PLACE, appearance=SEAL))
    assert len(prepared.digest) == FACTS[scheme].digest_bytes
    kept = Prepared.from_bytes(prepared.to_bytes())
    assert kept == prepared
    value = person.sign(scheme, kept.dtbs)
    signed = embed(kept, value, time_stamper=workshop.stamp if stamped else None)
    report = validate_pdf(signed, trust=[workshop.root.der])
    assert report.overall is Overall.VALID
    assert report.signatures[0].level == ("B-T" if stamped else "B-B")
    assert len(signed) == len(prepared.pdf)
    assert signed.startswith(plain_pdf)


def test_the_claimed_time_stands_in_the_pdf_and_not_in_the_cms(workshop, plain_pdf):
    import io

    signed = workshop.signed(plain_pdf, reason="承認", location="東京")
    signature = PdfFileReader(io.BytesIO(signed)).embedded_signatures[0]
    assert signature.self_reported_timestamp == NOW
    assert str(signature.sig_object["/Reason"]) == "承認"
    assert str(signature.sig_object["/Location"]) == "東京"
    assert str(signature.sig_object["/Name"]) == "山田 太郎"
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": 2},
        {"imprint": b"\x00" * 32},
        {"nonce": 1},
        {"nonce": None},
        {"break_signature": True},
        {"signer": "root"},
    ],
    ids=str,
)
def test_a_bad_time_stamp_is_never_embedded(workshop, prepared, value, wrong):
    if wrong.get("signer"):
        wrong = {"signer": workshop.root}
    with pytest.raises(TimeStampFailed) as caught:
        embed(prepared, value, time_stamper=lambda request: workshop.stamp(request, **wrong))
    assert isinstance(caught.value, Unavailable)
    assert caught.value.hint


@pytest.mark.parametrize("answer", [b"", b"\x30\x00", b"<html>busy</html>", b"\x30\x82\xff\xff"])
def test_an_answer_that_is_no_time_stamp_is_never_embedded(prepared, value, answer):
    with pytest.raises(TimeStampFailed):
        embed(prepared, value, time_stamper=lambda _: answer)


@pytest.mark.parametrize("failure", [OSError("down"), TimeoutError(), ValueError("what"), KeyError(1)])
def test_an_authority_that_fails_is_not_passed_over(prepared, value, failure):
    def fail(_):
        raise failure

    with pytest.raises(TimeStampFailed):
        embed(prepared, value, time_stamper=fail)


def test_a_token_with_a_large_chain_is_made_to_fit(workshop, prepared, value):
    ballast = [workshop.person(f"ballast {n} {'x' * 40}").der for n in range(40)]
    signed = embed(prepared, value, time_stamper=lambda request: workshop.stamp(request, certificates=ballast))
    assert validate_pdf(signed, trust=[workshop.root.der]).overall is Overall.VALID


def test_a_token_that_cannot_fit_is_told_and_nothing_is_written(workshop, signer, plain_pdf):
    prepared = prepare(plain_pdf, workshop.request(signer, time_stamp_bytes=0))
    value = signer.sign(SignatureScheme.ECDSA_SHA256, prepared.dtbs)
    big = Workshop(name="大" * 18)
    ballast = big.person("大" * 20, by=workshop.root, extensions=_tsa_extensions(4000))
    with pytest.raises(TimeStampFailed, match="does not fit"):
        embed(prepared, value, time_stamper=lambda request: workshop.stamp(request, signer=ballast))


def _tsa_extensions(size):
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    padding = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x04\x82" + size.to_bytes(2) + b"x" * size)
    return [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True), (padding, False)]


def test_a_signature_of_something_else_is_not_embedded(workshop, signer, prepared):
    for wrong in (b"", b"\x30\x00", signer.sign(SignatureScheme.ECDSA_SHA256, b"other")):
        with pytest.raises(SignatureMismatch):
            embed(prepared, wrong, time_stamper=None)


def test_a_document_changed_while_it_waited_is_not_completed(prepared, value):
    changed = Prepared(
        pdf=prepared.pdf.replace(b"Contract", b"Kontract", 1),
        dtbs=prepared.dtbs,
        scheme=prepared.scheme,
        certificate=prepared.certificate,
        chain=prepared.chain,
        start=prepared.start,
        end=prepared.end,
    )
    assert changed.pdf != prepared.pdf
    with pytest.raises(SignatureMismatch):
        embed(changed, value, time_stamper=None)


@pytest.mark.parametrize("data", [b"", b"\x80", b"not a state", b"\x87\xa3pdf\xc4\x00"])
def test_a_damaged_state_is_refused(data):
    with pytest.raises(Malformed):
        Prepared.from_bytes(data)


def test_the_certificate_chain_is_embedded(workshop, signed_pdf):
    import io

    signature = PdfFileReader(io.BytesIO(signed_pdf)).embedded_signatures[0]
    certificates = {c.chosen.dump() for c in signature.signed_data["certificates"]}
    assert workshop.issuing.der in certificates
    assert workshop.root.der not in certificates
    assert isinstance(signature.signed_data, asn1_cms.SignedData)
