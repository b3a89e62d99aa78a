"""Layout of a seal mark (印影): where each character of a name goes inside the ring. Pure geometry, no PDF.

Names in Chinese characters and kana stand in vertical columns from right to left, stretched to fill the ring, as an
engraver would cut them. Names in other scripts stand in horizontal lines that follow the ring.
"""

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from natsuin.documents.typeface import Run, Typeface, clean


class SealStyle(StrEnum):
    """The frame of the mark: `ROUND` as persons use it, `SQUARE` as organisations do."""

    ROUND = "round"
    SQUARE = "square"


@dataclass(frozen=True)
class SealAppearance:
    """What the visible mark shows: the name inside the seal, and lines beside or below it (may be none)."""

    name: str
    caption: tuple[str, ...] = ()
    style: SealStyle = SealStyle.ROUND


@dataclass(frozen=True)
class Setting:
    """A run with its pen at `x`, `y`, one em being `wide` by `high` points; `ink` is "seal" or "caption"."""

    run: Run
    x: float
    y: float
    wide: float
    high: float
    ink: str


@dataclass(frozen=True)
class Ring:
    """The frame: centre, half of the outer side or diameter, thickness of the line; points."""

    x: float
    y: float
    radius: float
    line: float
    style: SealStyle


@dataclass(frozen=True)
class Drawing:
    """A whole mark, `width` by `height` points, origin lower left."""

    width: float
    height: float
    ring: Ring
    settings: tuple[Setting, ...]


_MIDDLE = 380.0
"""Height of the middle of the em square above the base line, in thousandths: (880 - 120) / 2."""
_STRETCH = 1.75
_GAP = re.compile(r"[ ・･=＝]")
_LINE_OF_RADIUS = 0.085


def compose(appearance: SealAppearance, face: Typeface, *, width: float, height: float) -> Drawing:
    """Lay out the mark in a box of these points. Raises `MissingCharacters`.

    A wide box has its caption right of the seal, a tall or square one below it; without a caption the seal is centred.
    """
    lines = tuple(clean(line) for line in appearance.caption if clean(line))
    name = clean(appearance.name) or "印"
    if not lines:
        side, centre, area = min(width, height), (width / 2, height / 2), None
    elif width >= 1.45 * height:
        side = min(height, width * 0.45)
        centre = (side / 2, height / 2)
        area = (side * 1.08, 0.0, width - side * 1.08, height)
    else:
        below = min(0.34, 0.13 * len(lines)) * height
        side = min(width, height - below)
        centre = (width / 2, height - side / 2)
        area = (0.0, 0.0, width, height - side - 0.02 * height)
    radius = side / 2
    ring = Ring(centre[0], centre[1], radius, radius * _LINE_OF_RADIUS, appearance.style)
    settings = list(_engrave(name, face, ring))
    if area is not None:
        settings += _caption(lines, face, area, centred=area[0] == 0.0)
    return Drawing(width, height, ring, tuple(settings))


def columns_of(name: str) -> list[list[str]]:
    """The columns of a name from right to left, each from top to bottom.

    A space or middle dot between family and given name parts the columns when neither is long; else the characters are
    spread evenly.
    """
    groups = [list(_graphemes(part)) for part in _GAP.split(name) if part]
    if len(groups) in (2, 3) and max(map(len, groups)) <= 5 and max(map(len, groups)) - min(map(len, groups)) <= 2:
        return groups
    letters = [letter for group in groups for letter in group]
    count = len(letters)
    number = 1 if count <= 3 else 2 if count <= 6 else math.ceil(math.sqrt(count))
    rows, longer = divmod(count, number)
    ends = [rows * (i + 1) + min(i + 1, longer) for i in range(number)]
    return [letters[start:end] for start, end in pairwise([0, *ends])]


def is_vertical(name: str) -> bool:
    """Whether the name is written in characters that stand in columns."""
    return any(_east_asian(c) for c in name)


def _east_asian(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF" and unicodedata.category(character)[0] in "LNS"


def _graphemes(text: str) -> Iterator[str]:
    letter = ""
    for character in text:
        if letter and not unicodedata.category(character).startswith("M"):
            yield letter
            letter = ""
        letter += character
    if letter:
        yield letter


def _engrave(name: str, face: Typeface, ring: Ring) -> Iterator[Setting]:
    if is_vertical(name):
        yield from _vertical(columns_of(name), face, ring)
    else:
        yield from _horizontal(name.split(" "), face, ring)


def _vertical(columns: Sequence[Sequence[str]], face: Typeface, ring: Ring) -> Iterator[Setting]:
    width, height = _field(len(columns), max(map(len, columns)), ring)
    cell_width = width / len(columns)
    for index, column in enumerate(columns):
        centre_x = ring.x + width / 2 - (index + 0.5) * cell_width
        cell_height = height / len(column)
        for row, letter in enumerate(column):
            centre_y = ring.y + height / 2 - (row + 0.5) * cell_height
            run = face.shape(letter, upright=True)
            wide, high = _stretched(cell_width, cell_height, max(run.advance, 500) / 1000)
            yield Setting(
                run, centre_x - run.advance / 2000 * wide, centre_y - _MIDDLE / 1000 * high, wide, high, "seal"
            )


def _field(columns: int, rows: int, ring: Ring) -> tuple[float, float]:
    """Width and height that the characters fill; their corners hold little ink and may nearly touch the ring."""
    inner = ring.radius - ring.line
    if ring.style is SealStyle.SQUARE:
        side = 1.84 * inner
        wanted = rows / columns
        return (side, side) if wanted <= 2 else (side / 1.35, side)
    ratio = min(max(rows / columns, 0.85), 1.35 if rows <= 2 else 1.9)
    reach = 2 * inner * (1.07 if rows * columns <= 4 else 1.02)
    width = reach / math.hypot(1, ratio)
    return width, width * ratio


def _stretched(width: float, height: float, em: float) -> tuple[float, float]:
    """One em's width and height in a cell, never distorted by more than `_STRETCH`."""
    wide, high = width / em * 0.98, height * 0.98
    return min(wide, high * _STRETCH), min(high, wide * _STRETCH)


def _horizontal(words: Sequence[str], face: Typeface, ring: Ring) -> Iterator[Setting]:
    inner = ring.radius - ring.line
    best: tuple[float, list[tuple[Run, float]]] = (0.0, [])
    for count in range(1, min(len(words), 4) + 1):
        runs = [face.shape(line) for line in _balanced(words, count)]
        size = _size_in_ring(runs, inner, ring.style)
        if size > best[0]:
            top = (count - 1) / 2 * size * 1.12
            best = (size, [(run, top - index * size * 1.12) for index, run in enumerate(runs)])
    size, lines = best
    for run, middle in lines:
        room = _chord(middle, size, inner, ring.style)
        wide = min(size, room / (run.advance / 1000))
        # Latin capitals reach 0.73 em above the base line, so 0.34 em centres them.
        yield Setting(run, ring.x - run.advance / 2000 * wide, ring.y + middle - 0.34 * size, wide, size, "seal")


def _balanced(words: Sequence[str], count: int) -> list[str]:
    """The words in `count` lines of nearly equal length, in order."""
    lines: list[list[str]] = [[]]
    target = sum(map(len, words)) / count
    for index, word in enumerate(words):
        remaining_words, remaining_lines = len(words) - index, count - len(lines)
        full = sum(map(len, lines[-1])) + len(word) / 2 > target
        if lines[-1] and remaining_lines and (full or remaining_words <= remaining_lines):
            lines.append([])
        lines[-1].append(word)
    return [" ".join(line) for line in lines]


def _size_in_ring(runs: Sequence[Run], inner: float, style: SealStyle) -> float:
    """The largest em at which each line, condensed to no less than 0.72, fits its chord."""
    size = 1.05 * inner
    while size > 0.02 * inner:
        middles = [((len(runs) - 1) / 2 - index) * size * 1.12 for index in range(len(runs))]
        if all(
            run.advance / 1000 * size * 0.72 <= _chord(y, size, inner, style)
            for run, y in zip(runs, middles, strict=True)
        ):
            return size
        size *= 0.96
    return size


def _chord(middle: float, size: float, inner: float, style: SealStyle) -> float:
    """Room for a line whose middle is `middle` above the centre: the width of the ring at its outermost height."""
    edge = abs(middle) + 0.4 * size
    if style is SealStyle.SQUARE:
        return 1.8 * inner if edge <= 0.92 * inner else 0.0
    return 2 * math.sqrt(max((0.93 * inner) ** 2 - edge**2, 0.0))


def _caption(
    lines: Sequence[str], face: Typeface, area: tuple[float, float, float, float], *, centred: bool
) -> Iterator[Setting]:
    x, y, width, height = area
    runs = [face.shape(line) for line in lines]
    widest = max(run.advance for run in runs) / 1000
    size = min(height / (1.4 * len(runs)), width / widest, height * 0.3 if not centred else height)
    leading = size * 1.4
    top = y + height if centred else y + height / 2 + leading * len(runs) / 2
    for index, run in enumerate(runs):
        start = x + (width - run.advance / 1000 * size) / 2 if centred else x
        middle = top - (index + 0.5) * leading
        yield Setting(run, start, middle - _MIDDLE / 1000 * size, size, size, "caption")
