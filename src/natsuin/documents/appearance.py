"""The seal mark as a PDF form XObject: a red frame and real, extractable text in an embedded subset font."""

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter

from natsuin.documents.embedded_font import EmbeddedFont
from natsuin.documents.objects import dictionary, reals, stream
from natsuin.documents.seal import Drawing, Ring, SealAppearance, SealStyle, Setting, compose
from natsuin.documents.typeface import seal_typeface

SEAL_RED = (0.812, 0.149, 0.118)
"""Vermilion of seal paste (朱肉), device RGB."""
CAPTION_BLACK = (0.17, 0.17, 0.19)
_CIRCLE = 0.5522847498
"""Length of the control arms with which four Bezier curves make a circle of radius 1."""


def write_appearance(
    writer: BasePdfFileWriter, appearance: SealAppearance, *, size: tuple[float, float], turn: tuple[int, int, int, int]
) -> generic.IndirectObject:
    """Add the mark, `size` points wide and high as displayed, to `writer`; `turn` is a b c d of its /Matrix.

    Raises `MissingCharacters`.
    """
    width, height = size
    face = seal_typeface()
    drawing = compose(appearance, face, width=width, height=height)
    font = EmbeddedFont(face)
    for setting in drawing.settings:
        font.collect(setting.run)
    font.freeze()
    content = _content(drawing, font, spoken=appearance.name)
    form = stream(
        {
            "/Type": pdf_name("/XObject"),
            "/Subtype": pdf_name("/Form"),
            "/BBox": reals(0, 0, width, height),
            "/Matrix": reals(*turn, 0, 0),
            "/Resources": dictionary(
                {
                    "/Font": dictionary({"/F1": font.write(writer)}),
                    # Ink on ink: what the seal is set over stays readable, as on paper.
                    "/ExtGState": dictionary({"/G1": dictionary({"/BM": pdf_name("/Multiply")})}),
                }
            ),
        },
        content,
    )
    return writer.add_object(form)


def _content(drawing: Drawing, font: EmbeddedFont, *, spoken: str) -> bytes:
    seal = [s for s in drawing.settings if s.ink == "seal"]
    caption = [s for s in drawing.settings if s.ink == "caption"]
    alternative = ("﻿" + spoken).encode("utf-16-be").hex().upper()
    parts = [
        "q",
        "/G1 gs",
        _colour(SEAL_RED),
        _frame(drawing.ring),
        f"/Span <</ActualText <{alternative}>>> BDC",
        "BT",
        *(_show(s, font) for s in seal),
        "ET",
        "EMC",
    ]
    if caption:
        parts += [_colour(CAPTION_BLACK), "BT", *(_show(s, font) for s in caption), "ET"]
    parts.append("Q")
    return "\n".join(parts).encode("ascii")


def _colour(rgb: tuple[float, float, float]) -> str:
    red, green, blue = rgb
    return f"{red} {green} {blue} rg {red} {green} {blue} RG"


def _show(setting: Setting, font: EmbeddedFont) -> str:
    """Text operators for one run: glyphs that sit where their widths put them are one string, others are moved to."""
    glyphs = setting.run.glyphs
    lines = []
    pen = 0.0
    if all(g.dx == 0 and g.dy == 0 and g.advance == font.face.advance(g.number) for g in glyphs):
        lines.append(_move(setting, 0.0, 0.0) + "<" + "".join(font.code(g) for g in glyphs) + "> Tj")
    else:
        for glyph in glyphs:
            lines.append(_move(setting, pen + glyph.dx, glyph.dy) + f"<{font.code(glyph)}> Tj")
            pen += glyph.advance
    return "\n".join(lines)


def _move(setting: Setting, dx: float, dy: float) -> str:
    x = setting.x + dx / 1000 * setting.wide
    y = setting.y + dy / 1000 * setting.high
    return f"/F1 1 Tf {setting.wide:.4f} 0 0 {setting.high:.4f} {x:.4f} {y:.4f} Tm "


def _frame(ring: Ring) -> str:
    radius = ring.radius - ring.line / 2 - 0.1
    if ring.style is SealStyle.SQUARE:
        path = _rounded(ring.x, ring.y, radius, corner=0.16 * radius)
    else:
        path = _rounded(ring.x, ring.y, radius, corner=radius)
    return f"{ring.line:.4f} w\n{path} s"


def _rounded(x: float, y: float, half: float, *, corner: float) -> str:
    """A closed square of half side `half` with round corners; a circle when `corner` equals `half`."""
    arm = corner * (1 - _CIRCLE)
    left, right, bottom, top = x - half, x + half, y - half, y + half
    steps = [
        f"{left + corner:.4f} {bottom:.4f} m {right - corner:.4f} {bottom:.4f} l",
        _curve((right - arm, bottom), (right, bottom + arm), (right, bottom + corner)),
        f"{right:.4f} {top - corner:.4f} l",
        _curve((right, top - arm), (right - arm, top), (right - corner, top)),
        f"{left + corner:.4f} {top:.4f} l",
        _curve((left + arm, top), (left, top - arm), (left, top - corner)),
        f"{left:.4f} {bottom + corner:.4f} l",
        _curve((left, bottom + arm), (left + arm, bottom), (left + corner, bottom)),
    ]
    return "\n".join(steps)


def _curve(*points: tuple[float, float]) -> str:
    return " ".join(f"{x:.4f} {y:.4f}" for x, y in points) + " c"
