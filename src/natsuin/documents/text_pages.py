"""Plain text as a PDF of A4 pages, for reports: Japanese and Latin in the typeface that comes along, extractable."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter

from natsuin.documents.embedded_font import EmbeddedFont
from natsuin.documents.errors import MissingCharacters
from natsuin.documents.objects import dictionary, stream
from natsuin.documents.typeface import Run, Typeface, clean, seal_typeface

_WIDTH: Final = 595
_HEIGHT: Final = 842
_MARGIN: Final = 56
_LEADING: Final = 1.6


@dataclass(frozen=True)
class TextLine:
    """A paragraph: its text, its size and indent in points, and whether it stands apart from the one before."""

    text: str
    size: float = 10
    indent: float = 0
    apart: bool = False


@dataclass(frozen=True)
class _Row:
    runs: tuple[Run, ...]
    x: float
    size: float
    above: float


def text_pdf(lines: Sequence[TextLine]) -> bytes:
    """The PDF. What the typeface lacks is shown as a question mark.

    Raises `Unavailable` if `make setup` did not bring the font.
    """
    face = seal_typeface()
    known: dict[str, Run] = {}
    rows = [row for line in lines for row in _rows(line, face, known)]
    font = EmbeddedFont(face)
    for run in known.values():
        font.collect(run)
    font.freeze()
    writer = PdfFileWriter()  # type: ignore[no-untyped-call]
    resources = dictionary({"/Font": dictionary({"/F1": font.write(writer)})})
    for content in _pages(rows, font):
        drawn = writer.add_object(stream({}, content))
        sheet = (0, 0, _WIDTH, _HEIGHT)
        page = PageObject(contents=drawn, media_box=sheet, resources=resources)  # type: ignore[no-untyped-call]
        writer.insert_page(page)  # type: ignore[no-untyped-call]
    written = BytesIO()
    writer.write(written)  # type: ignore[no-untyped-call]
    return written.getvalue()


def _rows(line: TextLine, face: Typeface, known: dict[str, Run]) -> list[_Row]:
    """The paragraph, broken wherever a line is full; spaces are preferred in Latin text."""
    room = (_WIDTH - 2 * _MARGIN - line.indent) * 1000 / line.size
    rows: list[list[Run]] = [[]]
    for word in _words(clean(line.text)):
        runs = [_run(character, face, known) for character in word]
        width = sum(run.advance for run in rows[-1])
        if rows[-1] and width + sum(run.advance for run in runs) > room:
            rows.append([])
        for run in runs:
            if rows[-1] and sum(each.advance for each in rows[-1]) + run.advance > room:
                rows.append([])
            rows[-1].append(run)
    above = line.size if line.apart else 0.0
    return [
        _Row(tuple(row), _MARGIN + line.indent, line.size, 0.0 if number else above) for number, row in enumerate(rows)
    ]


def _words(text: str) -> list[str]:
    words: list[str] = []
    for character in text:
        if words and character.isascii() and words[-1].isascii() and not words[-1].endswith(" "):
            words[-1] += character
        else:
            words.append(character)
    return words


def _run(character: str, face: Typeface, known: dict[str, Run]) -> Run:
    if character not in known:
        try:
            known[character] = face.shape(character)
        except MissingCharacters:
            known[character] = face.shape("?")
    return known[character]


def _pages(rows: Sequence[_Row], font: EmbeddedFont) -> list[bytes]:
    pages: list[list[str]] = [[]]
    y = float(_HEIGHT - _MARGIN)
    for row in rows:
        y -= row.size * _LEADING + row.above
        if y < _MARGIN:
            pages.append([])
            y = _HEIGHT - _MARGIN - row.size * _LEADING
        codes = "".join(font.code(glyph) for run in row.runs for glyph in run.glyphs)
        pages[-1].append(f"BT /F1 {row.size:g} Tf {row.x:g} {y:.2f} Td <{codes}> Tj ET")
    return ["\n".join(page).encode("ascii") for page in pages]
