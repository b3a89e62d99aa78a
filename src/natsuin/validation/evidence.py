"""The signatures of a PDF taken apart, one by one, so that one that cannot be read does not hide the others."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

DETACHED = ("/adbe.pkcs7.detached", "/ETSI.CAdES.detached")
TIME_STAMP = "/ETSI.RFC3161"
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Found:
    """A filled signature field. `signature` is None when it cannot be read, and `fault` says why."""

    field: str
    kind: str
    signature: EmbeddedPdfSignature | None
    fault: str = ""
    reason: str = ""

    @property
    def is_time_stamp(self) -> bool:
        """Whether it is a document time-stamp (ISO 32000-2 section 12.8.5)."""
        return self.kind == TIME_STAMP


def signatures_of(reader: PdfFileReader) -> Iterator[Found]:
    """All filled signature fields, in the form's order. Fields whose signature cannot be read are among them."""
    for name, value, field in enumerate_sig_fields(reader, filled_status=True):
        label = plain(str(name))
        content = value.get_object()
        if not isinstance(content, generic.DictionaryObject):
            yield Found(label, "", None, "it is not a signature")
            continue
        kind = _text(content, "/SubFilter")
        reason = plain(_text(content, "/Reason"))
        if kind not in (*DETACHED, TIME_STAMP):
            yield Found(label, plain(kind), None, reason=reason)
            continue
        try:
            yield Found(label, kind, EmbeddedPdfSignature(reader, field, name), reason=reason)
        except Exception:  # The parser's complaints about a forged signature are of any class.
            yield Found(label, kind, None, "its structure is wrong", reason)


def plain(text: str) -> str:
    """`text` without control and formatting characters, which could fool a terminal or a reader, and not endless."""
    kept = "".join(c for c in text if unicodedata.category(c)[0] != "C")
    return kept if len(kept) <= _LONGEST_NAME else kept[:_LONGEST_NAME] + "…"


def _text(content: generic.DictionaryObject, key: str) -> str:
    return str(content[key]) if key in content else ""


def common_name(name: x509.Name) -> str:
    """The most telling part of a distinguished name."""
    native = name.native
    for part in ("common_name", "pseudonym", "organization_name"):
        if part in native:
            value = native[part]
            return plain(value if isinstance(value, str) else ", ".join(map(str, value)))
    return plain(name.human_friendly)


def claimed_time(signature: EmbeddedPdfSignature) -> datetime | None:
    """The time that the signer's side wrote, UTC; None when there is none or it is no time."""
    try:
        claimed = signature.self_reported_timestamp
    except Exception:  # Whatever stands there is only a claim; not being readable is the same as not being there.
        return None
    if claimed is None:
        return None
    return claimed.astimezone(UTC) if claimed.tzinfo is not None else claimed.replace(tzinfo=UTC)
