"""Signatures that are already in a document: what they still allow, and that they stay good under what we add."""

import io
from collections.abc import Iterator

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, SuspiciousModification
from pyhanko.sign.fields import MDPPerm, enumerate_sig_fields
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature, read_certification_data

from natsuin.documents.errors import ChangesForbidden
from natsuin.documents.objects import entry, resolved
from natsuin.documents.reading import hostile_input


def certification_level(reader: PdfFileReader) -> int | None:
    """What the author's certification leaves open: level 1, 2 or 3 of ISO 32000-2 table 257; None without one."""
    certification = read_certification_data(reader)
    if certification is None:
        return None
    permission = certification.permission
    return int(permission.value) if isinstance(permission, MDPPerm) else 2


def refuse_if_certified(reader: PdfFileReader, *, visible: bool) -> None:
    """Raise `ChangesForbidden` if the author's certification does not allow a further signature of this kind."""
    level = certification_level(reader)
    if level == 1:
        raise ChangesForbidden(
            "The author certified this document and allows no change to it, not even a further signature.",
            hint="Ask the author for a copy whose certification allows signing, or for one without certification.",
        )
    if level is not None and visible:
        raise ChangesForbidden(
            "The author certified this document; a new visible mark would make that certification invalid.",
            hint="Sign without a visible mark.",
        )


def refuse_if_broken(original: PdfFileReader, result: bytes) -> None:
    """Raise `ChangesForbidden` if a signature that was undisturbed in `original` is disturbed in `result`."""
    names = {signature.fq_name for signature in _filled(original) if _undisturbed(signature)}
    if not names:
        return
    after = PdfFileReader(io.BytesIO(result), strict=True)
    for signature in _filled(after, only=names):
        if not _undisturbed(signature):
            raise ChangesForbidden(
                "An earlier signature locks this document: adding what you ask would make that signature invalid.",
                hint="Sign without a visible mark, or ask that signer for a copy that is not locked.",
            )


def filled_count(reader: PdfFileReader) -> int:
    """How many signature fields hold a value: signatures and document time-stamps."""
    return sum(1 for _ in enumerate_sig_fields(reader, filled_status=True))


def field_names(reader: PdfFileReader) -> set[str]:
    """Names of the form's top-level fields."""
    form = entry(reader.root, "/AcroForm")
    fields = entry(form, "/Fields") if isinstance(form, generic.DictionaryObject) else None
    if not isinstance(fields, generic.ArrayObject):
        return set()
    held = (resolved(field) for field in fields)
    return {str(entry(field, "/T")) for field in held if isinstance(field, generic.DictionaryObject)}


def _filled(reader: PdfFileReader, only: set[str] | None = None) -> Iterator[EmbeddedPdfSignature]:
    for name, _, field in enumerate_sig_fields(reader, filled_status=True):
        if only is None or name in only:
            yield EmbeddedPdfSignature(reader, field, name)


def _undisturbed(signature: EmbeddedPdfSignature) -> bool:
    with hostile_input():
        # Hybrid files are signed knowingly; the library refuses to judge them while the reader calls itself strict.
        signature.reader.strict = False
        signature.compute_integrity_info(diff_policy=DEFAULT_DIFF_POLICY)  # type: ignore[no-untyped-call]
        if isinstance(signature.diff_result, SuspiciousModification):
            return False
        return bool(signature.summarise_integrity_info()["docmdp_ok"])
