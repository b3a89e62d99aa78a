"""Reports as PDF: pages, lines and characters that the typeface lacks."""

import pypdfium2

from natsuin.documents import TextLine, text_pdf


def read(pdf: bytes) -> list[str]:
    return [page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(pdf)]


def test_text_comes_back():
    (page,) = read(text_pdf([TextLine("署名の証拠", size=16), TextLine("Evidence (a\\b)", indent=18, apart=True)]))
    assert page.splitlines() == ["署名の証拠", "Evidence (a\\b)"]


def test_long_texts_are_broken_into_lines_and_pages_and_nothing_is_lost():
    text = "承認された内容に署名しました。" * 20
    pages = read(text_pdf([TextLine(text)] * 30))
    assert len(pages) > 1
    assert "".join("".join(page.split()) for page in pages) == text * 30


def test_a_word_longer_than_a_line_and_missing_characters():
    (page,) = read(text_pdf([TextLine("x" * 300 + " \U0001f600 \x1b[31m"), TextLine("")]))
    flat = "".join(page.split())
    assert flat.startswith("x" * 300 + "?")
    assert "\x1b" not in page
