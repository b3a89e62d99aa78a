"""The embedded font of the seal mark: shaping, and a subset that carries only the glyphs that are drawn.

Shaping and subsetting are HarfBuzz's, which reads of the 7 MB file only what it needs (about 3 ms a mark). A character
without a shape is an error here (外字), never an empty box in a signed document.
"""

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import uharfbuzz as hb
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter

from natsuin.documents.errors import MissingCharacters
from natsuin.errors import Unavailable

FONT_FILE = "NotoSerifJP_700Bold.ttf"
"""Noto Serif JP Bold, SIL Open Font License 1.1; `make setup` puts it and its licence into `fonts/`."""

_DROPPED_TABLES = "GSUB GPOS GDEF BASE STAT name OS/2 post cmap gasp prep vhea vmtx VORG".split()


@dataclass(frozen=True)
class Glyph:
    """One shape of the font at `dx`, `dy` from the pen; all lengths in thousandths of the em."""

    number: int
    advance: float
    dx: float
    dy: float


@dataclass(frozen=True)
class Run:
    """Glyphs of `text` set from left to right, `advance` wide (thousandths of the em)."""

    text: str
    glyphs: tuple[Glyph, ...]
    advance: float


class Typeface:
    """A font file opened for shaping. Its methods only read it, so threads may share it."""

    def __init__(self, path: Path) -> None:
        try:
            self._face = hb.Face(hb.Blob.from_file_path(path))
        except hb.HarfBuzzError as error:
            raise Unavailable("The font for seal marks is not installed.", hint="Run 'make setup'.") from error
        self._font = hb.Font(self._face)
        self._scale = 1000 / self._face.upem

    def shape(self, text: str, *, upright: bool = False) -> Run:
        """Set `text` in one line; `upright` takes the shapes for vertical writing (ー turned, small kana moved).

        Raises `MissingCharacters`, naming them.
        """
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        buffer.direction = "ltr"
        buffer.language = "ja"
        hb.shape(self._font, buffer, {"vert": True, "kern": True} if upright else {"kern": True})
        infos = buffer.glyph_infos
        missing = {text[info.cluster] for info in infos if info.codepoint == 0}
        if missing:
            raise _missing(missing)
        glyphs = tuple(
            Glyph(info.codepoint, p.x_advance * self._scale, p.x_offset * self._scale, p.y_offset * self._scale)
            for info, p in zip(infos, buffer.glyph_positions, strict=True)
        )
        return Run(text, glyphs, sum(g.advance for g in glyphs))

    def subset(self, glyphs: Iterable[int]) -> tuple[bytes, dict[int, int]]:
        """A TrueType font of only these glyphs, and the new number of each."""
        order = hb.SubsetInput()
        order.glyph_set.update(sorted(glyphs))
        order.drop_table_tag_set.update([int.from_bytes(tag.encode(), "big") for tag in _DROPPED_TABLES])
        order.flags = hb.SubsetFlags.NO_HINTING
        plan = hb.SubsetPlan(self._face, order)
        return bytes(plan.execute().blob.data), dict(plan.old_to_new_glyph_mapping.items())

    def advance(self, glyph: int) -> float:
        """Width of a glyph in thousandths of the em."""
        return float(self._font.get_glyph_h_advance(glyph)) * self._scale


@cache
def seal_typeface() -> Typeface:
    """The typeface of seal marks. Raises `Unavailable` if `make setup` did not bring the font."""
    return Typeface(Path(__file__).with_name("fonts") / FONT_FILE)


def clean(text: str) -> str:
    """`text` in composed form, without control characters, white space runs made single spaces."""
    composed = unicodedata.normalize("NFC", text)
    return " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in composed).split())


def unsupported_characters(text: str) -> tuple[str, ...]:
    """The characters of `text` that a seal mark cannot show, for asking the person for another spelling beforehand."""
    face = seal_typeface()
    bad = []
    for character in dict.fromkeys(clean(text)):
        try:
            face.shape(character)
        except MissingCharacters:
            bad.append(character)
    return tuple(bad)


def _missing(characters: Iterable[str]) -> MissingCharacters:
    listed = ", ".join(f"{c} (U+{ord(c):04X})" for c in sorted(characters))
    return MissingCharacters(
        f"The seal's font has no shape for: {listed}.",
        hint="Use another spelling of the name on the mark (a common variant, or kana); the certificate keeps its own spelling.",
    )


@dataclass
class EmbeddedFont:
    """The glyphs drawn so far in one mark, and at the end the PDF font object that carries them. Not shared by threads."""

    face: Typeface
    _texts: dict[int, str] = field(default_factory=dict)
    _numbers: dict[int, int] = field(default_factory=dict)
    _program: bytes = b""

    def collect(self, run: Run) -> None:
        """Note the glyphs of `run`; the text they stand for goes to the first glyph, so that extracting gives it back."""
        texts = list(run.text) if len(run.text) == len(run.glyphs) else [run.text] + [""] * (len(run.glyphs) - 1)
        for glyph, text in zip(run.glyphs, texts, strict=True):
            self._texts.setdefault(glyph.number, text)

    def freeze(self) -> None:
        """Make the subset; after this `code` works and nothing more can be collected."""
        self._program, self._numbers = self.face.subset(self._texts)

    def code(self, glyph: Glyph) -> str:
        """The hexadecimal character code that draws `glyph` with this font."""
        return f"{self._numbers[glyph.number]:04X}"

    def write(self, writer: BasePdfFileWriter) -> generic.IndirectObject:
        """Add the Type 0 font (ISO 32000-2 section 9.7) with its subset and ToUnicode map to `writer`."""
        tag = "".join(chr(65 + b % 26) for b in hashlib.sha256(self._program).digest()[:6])
        name = pdf_name(f"/{tag}+NotoSerifJP-Bold")
        program = _stream({"/Length1": generic.NumberObject(len(self._program))}, self._program)
        descriptor = _dictionary(
            {
                "/Type": pdf_name("/FontDescriptor"),
                "/FontName": name,
                "/Flags": generic.NumberObject(4),
                "/FontBBox": _numbers(-200, -300, 1200, 1000),
                "/ItalicAngle": generic.NumberObject(0),
                "/Ascent": generic.NumberObject(880),
                "/Descent": generic.NumberObject(-120),
                "/CapHeight": generic.NumberObject(733),
                "/StemV": generic.NumberObject(120),
                "/FontFile2": writer.add_object(program),
            }
        )
        descendant = _dictionary(
            {
                "/Type": pdf_name("/Font"),
                "/Subtype": pdf_name("/CIDFontType2"),
                "/BaseFont": name,
                "/CIDSystemInfo": _dictionary(
                    {
                        "/Registry": generic.pdf_string("Adobe"),
                        "/Ordering": generic.pdf_string("Identity"),
                        "/Supplement": generic.NumberObject(0),
                    }
                ),
                "/FontDescriptor": writer.add_object(descriptor),
                "/DW": generic.NumberObject(1000),
                "/W": self._widths(),
                "/CIDToGIDMap": pdf_name("/Identity"),
            }
        )
        font = _dictionary(
            {
                "/Type": pdf_name("/Font"),
                "/Subtype": pdf_name("/Type0"),
                "/BaseFont": name,
                "/Encoding": pdf_name("/Identity-H"),
                "/DescendantFonts": generic.ArrayObject([writer.add_object(descendant)]),
                "/ToUnicode": writer.add_object(_stream({}, self._to_unicode())),
            }
        )
        return writer.add_object(font)

    def _widths(self) -> generic.ArrayObject:
        widths = generic.ArrayObject()
        for old in sorted(self._texts, key=self._numbers.__getitem__):
            widths.append(generic.NumberObject(self._numbers[old]))
            widths.append(_numbers(round(self.face.advance(old))))
        return widths

    def _to_unicode(self) -> bytes:
        pairs = [
            f"<{self._numbers[glyph]:04X}> <{text.encode('utf-16-be').hex().upper()}>"
            for glyph, text in sorted(self._texts.items(), key=lambda item: self._numbers[item[0]])
            if text
        ]
        blocks = [pairs[start : start + 100] for start in range(0, len(pairs), 100)]
        body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            f"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n{body}\n"
            "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
        ).encode("ascii")


def _dictionary(entries: dict[str, generic.PdfObject]) -> generic.DictionaryObject:
    return generic.DictionaryObject({pdf_name(key): value for key, value in entries.items()})


def _stream(entries: dict[str, generic.PdfObject], content: bytes) -> generic.StreamObject:
    stream = generic.StreamObject(_dictionary(entries), stream_data=content)
    stream.compress()
    return stream


def _numbers(*values: int) -> generic.ArrayObject:
    return generic.ArrayObject([generic.NumberObject(value) for value in values])
