"""The typeface of the seal mark: shaping, and subsets that carry only the glyphs that are drawn.

Shaping and subsetting are HarfBuzz's, which reads of the 7 MB file only what it needs (about 3 ms a mark). A character
without a shape is an error here (外字), never an empty box in a signed document.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import uharfbuzz as hb

from natsuin.documents.errors import MissingCharacters
from natsuin.errors import Unavailable

FONT_FILE = "NotoSerifJP_700Bold.ttf"
"""Noto Serif JP Bold, SIL Open Font License 1.1; `make setup` puts it and its licence into `fonts/`."""

_DROPPED_TABLES = [
    "GSUB",
    "GPOS",
    "GDEF",
    "BASE",
    "STAT",
    "name",
    "OS/2",
    "post",
    "cmap",
    "gasp",
    "prep",
    "vhea",
    "vmtx",
    "VORG",
]


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
        missing: set[str] = {text[info.cluster] for info in infos if info.codepoint == 0}
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
        width: float = self._font.get_glyph_h_advance(glyph) * self._scale
        return width


@cache
def seal_typeface() -> Typeface:
    """The typeface of seal marks. Raises `Unavailable` if `make setup` did not bring the font."""
    return Typeface(Path(__file__).with_name("fonts") / FONT_FILE)


def clean(text: str) -> str:
    """`text` in composed form, without control characters, white space runs made single spaces."""
    composed = unicodedata.normalize("NFC", text)
    return " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in composed).split())


def _missing(characters: Iterable[str]) -> MissingCharacters:
    listed = ", ".join(f"{c} (U+{ord(c):04X})" for c in sorted(characters))
    return MissingCharacters(
        f"The seal's font has no shape for: {listed}.",
        hint="Use another spelling on the mark (a common variant, or kana); the certificate keeps its own.",
    )
