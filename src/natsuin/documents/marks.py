"""What stands on the pages already and a new seal mark should not cover: signature fields, filled or empty, stamps and
notes."""

from collections.abc import Iterator

from pyhanko.pdf_utils import generic

from natsuin.documents.facts import Placement
from natsuin.documents.objects import entry, name_of, resolved
from natsuin.documents.pages import Page

MOST_MARKS = 500
_DRAWN = frozenset({"/Stamp", "/FreeText", "/Ink", "/Square", "/Circle", "/Watermark"})
_HIDDEN, _NO_VIEW = 1 << 1, 1 << 5
_DEEPEST_FIELD = 16


def marks_of(number: int, page: Page) -> Iterator[Placement]:
    """The marks on `page`, which is the one with this number from 0, as displayed. Raises whatever the parser
    raises: call it inside `hostile_input`."""
    content = resolved(page.reference)
    annotations = entry(content, "/Annots") if isinstance(content, generic.DictionaryObject) else None
    if not isinstance(annotations, generic.ArrayObject):
        return
    for index in range(len(annotations)):
        annotation = resolved(annotations.raw_get(index))
        if not isinstance(annotation, generic.DictionaryObject) or not _is_mark(annotation):
            continue
        place = _place(number, page, entry(annotation, "/Rect"))
        if place is not None:
            yield place


def _is_mark(annotation: generic.DictionaryObject) -> bool:
    flags = entry(annotation, "/F")
    if isinstance(flags, generic.NumberObject) and int(flags) & (_HIDDEN | _NO_VIEW):
        return False
    kind = name_of(annotation, "/Subtype")
    return kind in _DRAWN or (kind == "/Widget" and _is_signature_field(annotation))


def _is_signature_field(field: generic.DictionaryObject) -> bool:
    for _ in range(_DEEPEST_FIELD):
        kind = name_of(field, "/FT")
        if kind:
            return kind == "/Sig"
        parent = entry(field, "/Parent")
        if not isinstance(parent, generic.DictionaryObject):
            return False
        field = parent
    return False


def _place(number: int, page: Page, rectangle: generic.PdfObject | None) -> Placement | None:
    if not isinstance(rectangle, generic.ArrayObject) or len(rectangle) != 4:
        return None
    corners = [float(v) for v in map(resolved, rectangle) if isinstance(v, generic.NumberObject | generic.FloatObject)]
    if len(corners) != 4:
        return None
    left, bottom, right, top = page.displayed((corners[0], corners[1], corners[2], corners[3]))
    size = page.size
    left, right = max(left, 0.0), min(right, size.width)
    bottom, top = max(bottom, 0.0), min(top, size.height)
    if right - left < 1 or top - bottom < 1:
        return None
    return Placement(page=number, x=left, y=bottom, width=right - left, height=top - bottom)
