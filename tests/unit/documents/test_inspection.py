"""What `inspect` tells and refuses."""

import io
import zlib

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from natsuin.documents import (
    WARNINGS,
    BrokenDocument,
    DocumentTooLarge,
    EncryptedDocument,
    NotAPDF,
    PrepareRequest,
    inspect,
    prepare,
)
from natsuin.errors import NatsuinError
from rigs.document_workshop import sample_pdf

NAME, DICTIONARY, ARRAY, STRING = pikepdf.Name, pikepdf.Dictionary, pikepdf.Array, pikepdf.String


def changed(change, **save):
    with pikepdf.open(io.BytesIO(sample_pdf())) as pdf:
        change(pdf)
        out = io.BytesIO()
        pdf.save(out, **save)
    return out.getvalue()


def annotation(**entries):
    def change(pdf):
        note = DICTIONARY(Type=NAME.Annot, Rect=ARRAY([0, 0, 50, 50]), **entries)
        pdf.pages[0].Annots = ARRAY([pdf.make_indirect(note)])

    return change


def catalogue(**entries):
    def change(pdf):
        for key, value in entries.items():
            pdf.Root[f"/{key}"] = value

    return change


def attachment(pdf):
    pdf.attachments["a.txt"] = b"hello"


def external_stream(pdf):
    pdf.pages[0].Contents = pdf.make_stream(b"", F=STRING("elsewhere.bin"))


CASES = {
    "annotations": annotation(Subtype=NAME.FreeText),
    "embedded_files": attachment,
    "external_content": external_stream,
    "form_fields": catalogue(AcroForm=DICTIONARY(Fields=ARRAY([DICTIONARY(FT=NAME.Tx, T=STRING("a"), V=STRING("b"))]))),
    "javascript": catalogue(OpenAction=DICTIONARY(S=NAME.JavaScript, JS=STRING("app.alert(1)"))),
    "launch_action": annotation(Subtype=NAME.Link, A=DICTIONARY(S=NAME.Launch, F=STRING("a.exe"))),
    "multimedia": annotation(Subtype=NAME.Screen),
    "optional_content": catalogue(OCProperties=DICTIONARY(OCGs=ARRAY([]), D=DICTIONARY())),
    "remote_action": annotation(Subtype=NAME.Link, A=DICTIONARY(S=NAME.SubmitForm, F=STRING("http://a"))),
    "xfa_form": catalogue(AcroForm=DICTIONARY(Fields=ARRAY([]), XFA=STRING("<xdp/>"))),
}


@pytest.mark.parametrize("code", CASES)
def test_content_that_can_deceive_is_named(code):
    assert code in inspect(changed(CASES[code])).warnings


def test_fonts_that_are_not_embedded_are_named():
    assert inspect(sample_pdf()).warnings == ("fonts_not_embedded",)


def test_earlier_versions_and_trailing_data_are_named(signed_pdf):
    assert "earlier_versions" in inspect(signed_pdf).warnings
    assert "trailing_data" in inspect(sample_pdf() + b"\nsomething").warnings
    assert "earlier_versions" not in inspect(sample_pdf(linearize=True)).warnings


def test_every_code_is_explained(signed_pdf):
    assert set(CASES) < set(WARNINGS)
    assert set(inspect(signed_pdf).warnings) <= set(WARNINGS)


def test_signatures_are_counted(workshop, plain_pdf, signed_pdf):
    assert inspect(plain_pdf).existing_signatures == 0
    assert inspect(signed_pdf).existing_signatures == 1
    assert inspect(workshop.signed(signed_pdf)).existing_signatures == 2


def test_an_encrypted_document_is_refused_with_a_way_out(workshop):
    pdf = sample_pdf(encryption=pikepdf.Encryption(owner="o", user="u"))
    for call in (inspect, lambda data: prepare(data, workshop.request(workshop.signer()))):
        with pytest.raises(EncryptedDocument) as caught:
            call(pdf)
        assert "password" in caught.value.hint


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04", b"\xff\xd8\xff", b"<html>%PDF"])
def test_what_is_no_pdf_is_told_so(data):
    with pytest.raises(NotAPDF):
        inspect(data)


@pytest.mark.parametrize("size", [100, 1000, 0.5, 0.9])
def test_a_cut_document_is_broken(size):
    pdf = sample_pdf(pages=3)
    with pytest.raises(BrokenDocument) as caught:
        inspect(pdf[: int(size * len(pdf)) if size < 1 else size])
    assert caught.value.hint


def test_a_document_above_the_limit_is_refused():
    with pytest.raises(DocumentTooLarge):
        inspect(b"%PDF-1.7\n" + b"0" * 2000, limit=1000)


def page_tree_of(kids):
    def change(pdf):
        pdf.Root.Pages.Kids = ARRAY(kids(pdf))

    return change


@pytest.mark.parametrize(
    "kids",
    [lambda pdf: [pdf.Root.Pages], lambda pdf: [], lambda pdf: [pdf.pages[0].obj] * 3, lambda pdf: [1, 2]],
    ids=["cycle", "none", "repeated", "numbers"],
)
def test_a_page_tree_that_is_no_tree_is_broken(kids):
    with pytest.raises(BrokenDocument):
        inspect(_raw_page_tree(kids))


def _raw_page_tree(kids):
    """qpdf repairs page trees when it saves, so the reference is written by hand."""
    with pikepdf.open(io.BytesIO(sample_pdf())) as pdf:
        listed = [_written(kid) for kid in kids(pdf)]
    body = sample_pdf()
    start = body.index(b"/Kids [")
    end = body.index(b"]", start) + 1
    text = b"/Kids [" + b" ".join(listed) + b"]"
    fixed = body[:start] + text + b" " * (end - start - len(text)) + body[end:]
    return fixed if len(text) <= end - start else _with_offsets(body, start, end, text)


def _written(kid):
    return f"{kid.objgen[0]} {kid.objgen[1]} R".encode() if isinstance(kid, pikepdf.Object) else str(kid).encode()


def _with_offsets(body, start, end, text):
    """Longer text moves what follows: the cross-reference table is written again."""
    import re

    moved = body[:start] + text + body[end:]
    table = moved.rindex(b"xref\n0")
    shift = len(text) - (end - start)
    lines = re.sub(
        rb"(\d{10}) 00000 n",
        lambda m: b"%010d 00000 n" % (int(m[1]) + (shift if int(m[1]) > start else 0)),
        moved[table:],
    )
    lines = re.sub(rb"startxref\n(\d+)", lambda m: b"startxref\n%d" % (int(m[1]) + shift), lines)
    return moved[:table] + lines


def test_what_pages_hold_is_never_unpacked():
    bomb = zlib.compress(zlib.compress(b"\0" * 20_000_000, 9), 9)

    def change(pdf):
        pdf.pages[0].Contents = pdf.make_stream(bomb, Filter=ARRAY([NAME.FlateDecode, NAME.FlateDecode]))

    assert len(inspect(changed(change)).pages) == 1


def test_a_bomb_where_objects_are_looked_up_is_refused():
    """The cross-reference stream itself unpacks to a thousand times what it should hold."""
    pdf = sample_pdf(object_stream_mode=pikepdf.ObjectStreamMode.generate, compress_streams=True)
    start = pdf.rindex(b"stream\n", 0, pdf.rindex(b"endstream")) + 7
    bomb = zlib.compress(b"\0" * 60_000_000, 9)
    length = int(pdf[:start].rpartition(b"/Length ")[2].split()[0])
    head = pdf[:start].rpartition(b"/Length ")
    forged = head[0] + head[1] + str(len(bomb)).encode() + head[2][len(str(length)) :] + bomb + pdf[start + length :]
    with pytest.raises((DocumentTooLarge, BrokenDocument)):
        inspect(forged)


BASE = sample_pdf(pages=2)


@settings(max_examples=120)
@given(st.data())
def test_only_our_errors_leave_inspect_and_prepare_whatever_the_bytes(workshop_request, data):
    pdf = bytearray(BASE)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(pdf) - 1))
        pdf[place : place + data.draw(st.integers(0, 12))] = data.draw(st.binary(max_size=12))
    for call in (inspect, lambda content: prepare(content, workshop_request)):
        try:
            call(bytes(pdf))
        except NatsuinError as error:
            assert error.message  # noqa: PT017


@pytest.fixture(scope="module")
def workshop_request(workshop):
    request = workshop.request(workshop.signer())
    assert isinstance(request, PrepareRequest)
    return request
