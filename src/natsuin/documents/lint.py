"""What a signer should know before signing: content that can change what is seen without changing the signed bytes.

Warnings do not refuse. They name the traps of "shadow" attacks and of viewers that differ; the portal shows them
beside the document.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

from natsuin.documents.objects import entry, name_of, resolved

WARNINGS: dict[str, str] = {
    "annotations": "notes, stamps or drawings lie over the pages and can cover text",
    "certified": "the author certified the document",
    "earlier_versions": "the file holds earlier versions of itself (incremental updates)",
    "embedded_files": "other files are attached",
    "external_content": "parts of the content are outside the file",
    "fonts_not_embedded": "fonts are not embedded, so other computers may show other shapes",
    "form_fields": "there are form fields; what they show may differ from what they hold",
    "hybrid_references": "the file can be read in two ways (hybrid cross-references)",
    "javascript": "the document carries JavaScript",
    "launch_action": "an action starts a program",
    "multimedia": "there is sound, video or 3D content",
    "optional_content": "layers can be switched on and off, so viewers may show different things",
    "remote_action": "an action sends data or opens another file",
    "trailing_data": "there is data after the end of the document",
    "xfa_form": "there is an XFA form, which most viewers show differently",
}
"""All warning codes, each with what it means."""

MAXIMUM_OBJECTS = 400_000
_ACTIONS = {
    "/JavaScript": "javascript",
    "/Launch": "launch_action",
    "/SubmitForm": "remote_action",
    "/ImportData": "remote_action",
    "/GoToR": "remote_action",
    "/GoToE": "remote_action",
    "/Rendition": "multimedia",
    "/Movie": "multimedia",
    "/Sound": "multimedia",
    "/RichMediaExecute": "multimedia",
    "/SetOCGState": "optional_content",
}
_ANNOTATIONS = {
    "/FileAttachment": "embedded_files",
    "/Movie": "multimedia",
    "/Sound": "multimedia",
    "/Screen": "multimedia",
    "/RichMedia": "multimedia",
    "/3D": "multimedia",
} | dict.fromkeys(
    ("/FreeText", "/Stamp", "/Ink", "/Square", "/Circle", "/Polygon", "/PolyLine", "/Line", "/Watermark", "/Redact"),
    "annotations",
)
_CATALOG = {"/OCProperties": "optional_content", "/AF": "embedded_files", "/Collection": "embedded_files"}
_STANDARD_FONTS = ("/Type1", "/TrueType", "/MMType1", "/Type0")


@dataclass
class _Walk:
    """State of one walk over everything reachable from the catalogue."""

    found: set[str] = field(default_factory=set)
    seen: set[tuple[int, int]] = field(default_factory=set)
    visited: int = 0


def warnings_of(reader: PdfFileReader, pdf: bytes) -> set[str]:
    """The codes of `WARNINGS` that apply. Raises whatever the parser raises: call it inside `hostile_input`."""
    walk = _Walk()
    root = reader.root
    walk.found |= {code for key, code in _CATALOG.items() if key in root}
    form = entry(root, "/AcroForm")
    if isinstance(form, generic.DictionaryObject) and "/XFA" in form:
        walk.found.add("xfa_form")
    _everything(root, walk)
    if reader.xrefs.total_revisions > 1 and not _is_linearized(pdf):
        walk.found.add("earlier_versions")
    if reader.xrefs.hybrid_xrefs_present:
        walk.found.add("hybrid_references")
    end = pdf.rfind(b"%%EOF")
    if end < 0 or pdf[end + 5 :].strip(b"\r\n \t\0"):
        walk.found.add("trailing_data")
    return walk.found


def _is_linearized(pdf: bytes) -> bool:
    # A linearised file has two cross-reference sections from the start, but only one version of itself.
    return b"/Linearized" in pdf[:1024] and pdf.count(b"startxref") <= 2


def _everything(root: generic.PdfObject, walk: _Walk) -> None:
    waiting: list[generic.PdfObject] = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, generic.IndirectObject):
            key = (value.idnum, value.generation)
            if key in walk.seen:
                continue
            walk.seen.add(key)
            value = resolved(value)
        if not isinstance(value, generic.DictionaryObject | generic.ArrayObject):
            continue
        walk.visited += 1
        if walk.visited > MAXIMUM_OBJECTS:
            raise ValueError("more objects than any honest document has")
        if isinstance(value, generic.DictionaryObject):
            walk.found.update(_of_dictionary(value))
        waiting.extend(_parts(value))


def _parts(value: generic.DictionaryObject | generic.ArrayObject) -> Iterator[generic.PdfObject]:
    if isinstance(value, generic.DictionaryObject):
        for key in value:
            yield value.raw_get(key)
    else:
        for index in range(len(value)):
            yield value.raw_get(index)


def _of_dictionary(value: generic.DictionaryObject) -> Iterator[str]:
    kind, subtype, action = name_of(value, "/Type"), name_of(value, "/Subtype"), name_of(value, "/S")
    if action in _ACTIONS and ("/JS" in value or kind in ("/Action", "") or "/F" in value):
        yield _ACTIONS[action]
    if "/JS" in value:
        yield "javascript"
    if subtype in _ANNOTATIONS and "/Rect" in value:
        yield _ANNOTATIONS[subtype]
    if kind == "/EmbeddedFile" or (kind == "/Filespec" and "/EF" in value) or "/EmbeddedFiles" in value:
        yield "embedded_files"
    if name_of(value, "/FT") in ("/Tx", "/Btn", "/Ch"):
        yield "form_fields"
    if isinstance(value, generic.StreamObject) and "/F" in value:
        yield "external_content"
    if kind == "/OCG":
        yield "optional_content"
    if kind == "/Font" and subtype in _STANDARD_FONTS and not _is_embedded(value, subtype):
        yield "fonts_not_embedded"


def _is_embedded(font: generic.DictionaryObject, subtype: str) -> bool:
    described: generic.PdfObject = font
    if subtype == "/Type0":
        descendants = entry(font, "/DescendantFonts")
        if not isinstance(descendants, generic.ArrayObject) or not len(descendants):
            return False
        described = resolved(descendants.raw_get(0))
    descriptor = entry(described, "/FontDescriptor") if isinstance(described, generic.DictionaryObject) else None
    if not isinstance(descriptor, generic.DictionaryObject):
        return False
    return not {"/FontFile", "/FontFile2", "/FontFile3"}.isdisjoint(descriptor)
