"""A subset of the seal's typeface as a PDF font object whose text can be extracted."""

import hashlib
from dataclasses import dataclass, field

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter

from natsuin.documents.objects import dictionary, number, numbers, stream
from natsuin.documents.typeface import Glyph, Run, Typeface


@dataclass
class EmbeddedFont:
    """The glyphs drawn in one mark, and at the end the PDF font that carries them. Not shared by threads."""

    face: Typeface
    _texts: dict[int, str] = field(default_factory=dict)
    _numbers: dict[int, int] = field(default_factory=dict)
    _program: bytes = b""

    def collect(self, run: Run) -> None:
        """Note the glyphs of `run`; a text of several glyphs goes to the first, so that extracting gives it back."""
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
        program = stream({"/Length1": number(len(self._program))}, self._program)
        descriptor = dictionary(
            {
                "/Type": pdf_name("/FontDescriptor"),
                "/FontName": name,
                "/Flags": number(4),
                "/FontBBox": numbers(-200, -300, 1200, 1000),
                "/ItalicAngle": number(0),
                "/Ascent": number(880),
                "/Descent": number(-120),
                "/CapHeight": number(733),
                "/StemV": number(120),
                "/FontFile2": writer.add_object(program),
            }
        )
        descendant = dictionary(
            {
                "/Type": pdf_name("/Font"),
                "/Subtype": pdf_name("/CIDFontType2"),
                "/BaseFont": name,
                "/CIDSystemInfo": dictionary(
                    {
                        "/Registry": generic.pdf_string("Adobe"),
                        "/Ordering": generic.pdf_string("Identity"),
                        "/Supplement": number(0),
                    }
                ),
                "/FontDescriptor": writer.add_object(descriptor),
                "/DW": number(1000),
                "/W": self._widths(),
                "/CIDToGIDMap": pdf_name("/Identity"),
            }
        )
        font = dictionary(
            {
                "/Type": pdf_name("/Font"),
                "/Subtype": pdf_name("/Type0"),
                "/BaseFont": name,
                "/Encoding": pdf_name("/Identity-H"),
                "/DescendantFonts": generic.ArrayObject([writer.add_object(descendant)]),
                "/ToUnicode": writer.add_object(stream({}, self._to_unicode())),
            }
        )
        return writer.add_object(font)

    def _widths(self) -> generic.ArrayObject:
        widths = generic.ArrayObject()
        for old in sorted(self._texts, key=self._numbers.__getitem__):
            widths.append(number(self._numbers[old]))
            widths.append(numbers(round(self.face.advance(old))))
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
