"""Pages as a viewer shows them, and the way from a place on the displayed page to the page's own coordinates."""

from collections.abc import Iterator
from dataclasses import dataclass

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

from natsuin.documents.errors import PlacementRefused
from natsuin.documents.facts import PageSize, Placement
from natsuin.documents.objects import entry, name_of, resolved
from natsuin.documents.reading import broken

MAXIMUM_PAGES = 20_000
_A4 = (0.0, 0.0, 595.276, 841.89)
_INHERITED = ("/MediaBox", "/CropBox", "/Rotate")
_ROTATIONS = {
    0: (1, 0, 0, 1),
    90: (0, 1, -1, 0),
    180: (-1, 0, 0, -1),
    270: (0, -1, 1, 0),
}


@dataclass(frozen=True)
class Page:
    """One page: object, visible box (left, bottom, right, top in its own units), turn in degrees, unit in points."""

    reference: generic.IndirectObject
    box: tuple[float, float, float, float]
    rotation: int
    unit: float

    @property
    def size(self) -> PageSize:
        """The size as displayed, in points."""
        left, bottom, right, top = self.box
        width, height = (right - left) * self.unit, (top - bottom) * self.unit
        return PageSize(height, width) if self.rotation in (90, 270) else PageSize(width, height)

    def rectangle(self, place: Placement) -> tuple[float, float, float, float]:
        """`place` in the page's own coordinates. Raises `PlacementRefused` if it is not wholly on the page."""
        size = self.size
        tolerance = 0.5
        inside = (
            place.width >= 1
            and place.height >= 1
            and place.x >= -tolerance
            and place.y >= -tolerance
            and place.x + place.width <= size.width + tolerance
            and place.y + place.height <= size.height + tolerance
        )
        if not inside:
            raise PlacementRefused(
                "The mark does not lie on the page.",
                hint=f"Place it inside {size.width:.0f} x {size.height:.0f} points.",
            )
        corners = (
            self._own(place.x, place.y),
            self._own(place.x + place.width, place.y + place.height),
        )
        xs, ys = sorted(c[0] for c in corners), sorted(c[1] for c in corners)
        return xs[0], ys[0], xs[1], ys[1]

    def displayed(self, rectangle: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """A rectangle of the page's own coordinates as it is displayed: left, bottom, right, top, in points from the
        lower left."""
        corners = (self._shown(*rectangle[:2]), self._shown(*rectangle[2:]))
        xs, ys = sorted(c[0] for c in corners), sorted(c[1] for c in corners)
        return xs[0], ys[0], xs[1], ys[1]

    def upright_matrix(self) -> tuple[int, int, int, int]:
        """The turn of an appearance (a b c d of its /Matrix) that makes it stand upright on the displayed page."""
        return _ROTATIONS[self.rotation]

    def _own(self, across: float, up: float) -> tuple[float, float]:
        left, bottom, right, top = self.box
        across, up = across / self.unit, up / self.unit
        if self.rotation == 90:
            return right - up, bottom + across
        if self.rotation == 180:
            return right - across, top - up
        if self.rotation == 270:
            return left + up, top - across
        return left + across, bottom + up

    def _shown(self, x: float, y: float) -> tuple[float, float]:
        left, bottom, right, top = self.box
        across, up = {
            0: (x - left, y - bottom),
            90: (y - bottom, right - x),
            180: (right - x, top - y),
            270: (top - y, x - left),
        }[self.rotation]
        return across * self.unit, up * self.unit


def walk_pages(reader: PdfFileReader) -> Iterator[Page]:
    """All pages in order. Raises `BrokenDocument` on cycles, missing parts and more than `MAXIMUM_PAGES`."""
    seen: set[int] = set()
    root = reader.root.raw_get("/Pages")
    waiting: list[tuple[generic.PdfObject, dict[str, generic.PdfObject]]] = [(root, {})]
    count = 0
    while waiting:
        node, inherited = waiting.pop()
        if not isinstance(node, generic.IndirectObject) or node.idnum in seen:
            raise broken("its page tree is not a tree")
        seen.add(node.idnum)
        content = resolved(node)
        if not isinstance(content, generic.DictionaryObject):
            raise broken("a page is missing")
        inherited = inherited | {k: content[k] for k in _INHERITED if k in content}
        if "/Kids" in content and name_of(content, "/Type") != "/Page":
            waiting.extend((kid, inherited) for kid in reversed(list(_kids(content))))
            continue
        count += 1
        if count > MAXIMUM_PAGES:
            raise broken(f"it claims more than {MAXIMUM_PAGES} pages")
        yield _page(node, content, inherited)
    if count == 0:
        raise broken("it has no pages")


def _kids(node: generic.DictionaryObject) -> Iterator[generic.PdfObject]:
    kids = node["/Kids"]
    if not isinstance(kids, generic.ArrayObject):
        raise broken("its page tree is not a tree")
    for index in range(len(kids)):
        yield kids.raw_get(index)


def _page(
    reference: generic.IndirectObject, content: generic.DictionaryObject, inherited: dict[str, generic.PdfObject]
) -> Page:
    media = _box(inherited.get("/MediaBox")) or _A4
    crop = _box(inherited.get("/CropBox")) or media
    visible = (max(media[0], crop[0]), max(media[1], crop[1]), min(media[2], crop[2]), min(media[3], crop[3]))
    if visible[2] - visible[0] < 1 or visible[3] - visible[1] < 1:
        visible = media
    if visible[2] - visible[0] < 1 or visible[3] - visible[1] < 1:
        raise broken("a page has no size")
    rotation = int(_number(inherited.get("/Rotate"), 0.0)) % 360
    unit = _number(entry(content, "/UserUnit"), 1.0)
    return Page(reference, visible, rotation if rotation in _ROTATIONS else 0, unit if unit > 0 else 1.0)


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, generic.NumberObject | generic.FloatObject) else default


def _box(value: generic.PdfObject | None) -> tuple[float, float, float, float] | None:
    if not isinstance(value, generic.ArrayObject) or len(value) != 4:
        return None
    a, b, c, d = (_number(resolved(part), 0.0) for part in value)
    return min(a, c), min(b, d), max(a, c), max(b, d)
