"""Does the signature cover everything that is shown? Judged on the bytes first, on the revisions of the file second.

The forgeries known for PDF (universal signature forgery, incremental saving, signature wrapping, shadow documents)
all live in the gap of /ByteRange or behind its end, so the gap must be exactly the signature itself and nothing may
follow but what is proven harmless.
"""

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import (
    DEFAULT_DIFF_POLICY,
    DiffResult,
    FormUpdatingRule,
    ModificationLevel,
    StandardDiffPolicy,
    SuspiciousModification,
)
from pyhanko.sign.diff_analysis.rules.form_field_rules import SigFieldCreationRule, SigFieldModificationRule
from pyhanko.sign.fields import MDPPerm, enumerate_sig_fields
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from natsuin.validation.report import Line
from natsuin.validation.wording import line

_SIGNATURES_ONLY = StandardDiffPolicy(
    global_rules=DEFAULT_DIFF_POLICY.global_rules,
    form_rule=FormUpdatingRule(
        field_rules=[SigFieldCreationRule(), SigFieldModificationRule()],  # type: ignore[no-untyped-call]
    ),
)
"""Time-stamps, validation data and further signatures; filling of other fields is a change like any other."""


def coverage_of(signature: EmbeddedPdfSignature, pdf: bytes, *, more_follow: bool) -> Line:
    """The verdict on coverage. `more_follow`: a later signature of the same file covers what was added."""
    fault = gap_fault(signature, pdf)
    if fault:
        return line("gap", detail=fault)
    extent = signature.evaluate_signature_coverage()
    if extent == SignatureCoverageLevel.ENTIRE_FILE:
        return line("covers_everything")
    if extent < SignatureCoverageLevel.ENTIRE_REVISION:
        return line("changed_later")
    if signature.signed_revision + 1 >= signature.reader.xrefs.total_revisions:
        return line("bytes_outside")
    return _later_changes(signature, more_follow=more_follow)


def gap_fault(signature: EmbeddedPdfSignature, pdf: bytes) -> str:
    """What is wrong with the byte range, empty when the gap is exactly the hexadecimal string of the signature."""
    numbers = signature.byte_range
    if not isinstance(numbers, generic.ArrayObject) or len(numbers) != 4:
        return "the byte range is not two ranges"
    if not all(isinstance(n, generic.NumberObject) and n >= 0 for n in numbers):
        return "the byte range is not made of numbers"
    first, before, after, length = (int(n) for n in numbers)
    if first != 0 or before < 8:
        return "the byte range does not begin with the file"
    if after <= before or after + length > len(pdf) or length == 0:
        return "the byte range does not fit the file"
    gap = pdf[before:after]
    if gap[:1] != b"<" or gap[-1:] != b">":
        return "the gap is not a signature"
    try:
        content = bytes.fromhex(gap[1:-1].decode("ascii"))
    except ValueError:
        return "the gap is not a signature"
    if len(gap) != 2 * len(content) + 2 or content != signature.pkcs7_content:
        return "the gap holds something else than the signature"
    if _has_tail(content):
        return "the gap holds more than the signature"
    return ""


def end_of_range(signature: EmbeddedPdfSignature) -> int:
    """Where the signed bytes end; 0 when the byte range is no byte range."""
    try:
        return int(signature.byte_range[2]) + int(signature.byte_range[3])
    except (TypeError, ValueError, IndexError):
        return 0


def _has_tail(content: bytes) -> bool:
    """Whether anything but zeros follows the DER of the signature."""
    size = content[1] if len(content) > 1 else 0
    header = 2
    if size & 0x80:
        header += size & 0x7F
        size = int.from_bytes(content[2:header], "big")
    return bool(content[header + size :].strip(b"\0"))


def _later_changes(signature: EmbeddedPdfSignature, *, more_follow: bool) -> Line:
    result = _changes(signature, _SIGNATURES_ONLY)
    permitted = _permission(signature)
    if not isinstance(result, SuspiciousModification):
        if result.modification_level <= ModificationLevel.LTA_UPDATES:
            return line("covers_with_signatures" if more_follow else "covers_with_evidence")
        if permitted is not None and result.modification_level.value > permitted.value:
            return line("forbidden_changes")
        # A field that shows something and that nobody signed could cover what was signed.
        unsigned = result.changed_form_fields - _signed_fields(signature.reader)
        return line("covers_with_signatures" if more_follow and not unsigned else "changed_later")
    if permitted in (MDPPerm.FILL_FORMS, MDPPerm.ANNOTATE):
        result = _changes(signature, DEFAULT_DIFF_POLICY)
        if not isinstance(result, SuspiciousModification) and result.modification_level.value <= permitted.value:
            return line("permitted_changes")
    return line("changed_later" if permitted is None else "forbidden_changes")


def _signed_fields(reader: PdfFileReader) -> set[str]:
    return {name for name, _, _ in enumerate_sig_fields(reader, filled_status=True)}


def _changes(signature: EmbeddedPdfSignature, policy: StandardDiffPolicy) -> DiffResult | SuspiciousModification:
    return policy.review_file(
        signature.reader, signature.signed_revision, field_mdp_spec=signature.fieldmdp, doc_mdp=signature.docmdp_level
    )


def _permission(signature: EmbeddedPdfSignature) -> MDPPerm | None:
    permission: MDPPerm | None = signature.docmdp_level
    return permission
