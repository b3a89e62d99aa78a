"""Documents that were changed very often, or say so, cost next to nothing before they are refused."""

import pytest

from natsuin.documents import BrokenDocument, inspect, reading

TABLE = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 1 /Root 1 0 R /Prev %d >>\n"


def chained_tables(count: int) -> bytes:
    """Cross-reference tables that each lead to the one before, with a single startxref at the end."""
    content = bytearray(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n")
    start = 0
    for _ in range(count):
        before, start = start, len(content)
        content += TABLE % before
    return bytes(content + b"startxref\n%d\n%%%%EOF\n" % start)


def appended(count: int) -> bytes:
    return b"%PDF-1.7\n" + b"1 0 obj\n<<>>\nendobj\nxref\ntrailer\n<<>>\nstartxref\n9\n%%EOF\n" * count


MANY = 4 * reading.MAX_REVISIONS + 1


@pytest.mark.parametrize(
    "pdf",
    [
        chained_tables(MANY),
        appended(MANY),
        b"%PDF-1.7\n" + b"<< /Type /XRef >>\n" * MANY,
        b"%PDF-1.7\n" + b"<< /Type /X#52e#66 >>\n" * MANY,
    ],
    ids=["tables in a chain", "saved again and again", "streams", "streams under a disguised name"],
)
def test_too_many_sections_are_refused_before_anything_is_parsed(monkeypatch, pdf):
    parsed = []
    monkeypatch.setattr(reading, "PdfFileReader", lambda *_, **__: parsed.append(pdf))
    with pytest.raises(BrokenDocument, match="changed more than"):
        inspect(pdf)
    assert parsed == []


def test_documents_that_people_have_pass(plain_pdf, workshop, signed_pdf):
    often = signed_pdf
    for _ in range(3):
        often = workshop.signed(often)
    assert inspect(often).existing_signatures == 4


def test_too_many_signature_fields_or_revisions_are_refused_in_words(monkeypatch, plain_pdf, workshop, signed_pdf):
    monkeypatch.setattr(reading, "MAX_SIGNATURE_FIELDS", 1)
    assert inspect(signed_pdf).existing_signatures == 1
    twice = workshop.signed(signed_pdf)
    with pytest.raises(BrokenDocument, match="more than 1 signature fields"):
        inspect(twice)
    monkeypatch.setattr(reading, "MAX_REVISIONS", 1)
    assert inspect(plain_pdf).pages
    with pytest.raises(BrokenDocument, match="changed more than 1 times"):
        inspect(twice)
