"""Opening PDF bytes that nobody vouches for: the place that turns every failure into an error of this package."""

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from pyhanko.pdf_utils.misc import PdfDecodeLimitError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields

from natsuin.documents.errors import BrokenDocument, DocumentTooLarge, EncryptedDocument, NotAPDF
from natsuin.documents.facts import LIMIT_BYTES
from natsuin.documents.objects import name_of
from natsuin.errors import NatsuinError

# Hostile files make the parser complain at length; its complaints quote the document and belong in no log.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)

MAX_SIGNATURE_FIELDS = 200
MAX_REVISIONS = 500
"""Cross-reference sections: one for each time the file was saved by appending."""
_XREF_STREAM = re.compile(rb"/(?:X|#58)(?:R|#52)(?:e|#65)(?:f|#66)")
"""The name /XRef, also where its letters are written as numbers (ISO 32000-2, 7.3.5)."""
_SAVE_AGAIN = (
    "Open it in the program that made it and export it as PDF again, or print it to PDF, then upload the new file."
)


def broken(cause: str) -> BrokenDocument:
    """The error for a PDF whose structure fails in the way that `cause` names."""
    return BrokenDocument(f"The PDF is damaged: {cause}.", hint=_SAVE_AGAIN)


@contextmanager
def hostile_input() -> Iterator[None]:
    """Run a block over hostile bytes so that only `NatsuinError` comes out.

    The PDF and ASN.1 parsers raise whatever their code runs into (KeyError, TypeError, RecursionError ...), so the only
    complete list is Exception; a defect of ours in the block would also be told as a broken document.
    """
    try:
        yield
    except NatsuinError:
        raise
    except PdfDecodeLimitError as error:
        raise DocumentTooLarge(
            "The PDF unpacks to more data than is accepted.",
            hint="Remove very large images or attachments, and upload it again.",
        ) from error
    except MemoryError as error:
        raise DocumentTooLarge(
            "The PDF needs more memory than is allowed.", hint="Split it, or reduce its images."
        ) from error
    except RecursionError as error:
        raise broken("its objects are nested endlessly") from error
    except Exception as error:
        raise broken("its structure cannot be read") from error


def _refuse_many_sections(pdf: bytes) -> None:
    """Refuse before parsing what would be refused for its revisions after it: each cross-reference section is parsed
    and compared with all others, so thousands cost minutes.

    A revision brings "xref" twice (the section and "startxref") or a stream of the type XRef, both twice where it is
    hybrid or linearised. Attached PDFs that are not packed count as well, which the double bound leaves room for.
    """
    most = 2 * MAX_REVISIONS
    if pdf.count(b"xref") > 2 * most or sum(1 for _ in islice(_XREF_STREAM.finditer(pdf), most + 1)) > most:
        raise broken(f"it was changed more than {MAX_REVISIONS} times")


def _refuse_excess(reader: PdfFileReader) -> None:
    """The work on a document grows with the product of both counts, so both are bounded before any of it begins."""
    if reader.xrefs.total_revisions > MAX_REVISIONS:
        raise broken(f"it was changed more than {MAX_REVISIONS} times")
    fields = enumerate_sig_fields(reader)
    if sum(1 for _ in islice(fields, MAX_SIGNATURE_FIELDS + 1)) > MAX_SIGNATURE_FIELDS:
        raise broken(f"it has more than {MAX_SIGNATURE_FIELDS} signature fields")


def open_reader(pdf: bytes, *, limit: int = LIMIT_BYTES) -> PdfFileReader:
    """A strict reader over `pdf`; hybrid cross-references are accepted because word processors write them.

    Raises `NotAPDF`, `DocumentTooLarge`, `EncryptedDocument`, `BrokenDocument`. The reader keeps `pdf`; it is for one
    thread.
    """
    if len(pdf) > limit:
        raise DocumentTooLarge(
            f"The file has {len(pdf) / 1048576:.0f} MiB; at most {limit / 1048576:.0f} MiB are accepted.",
            hint="Reduce the size of its images, or split it.",
        )
    if b"%PDF-" not in pdf[:1024]:
        raise NotAPDF("The file is not a PDF.", hint="Choose a file made by 'Export as PDF' or 'Print to PDF'.")
    if not pdf.startswith(b"%PDF-"):
        raise broken("other data comes before its beginning")
    _refuse_many_sections(pdf)
    with hostile_input():
        # The default decode limits of the reader are those for documents from strangers.
        reader = PdfFileReader(io.BytesIO(pdf), strict=True)
        if reader.encrypted:
            raise EncryptedDocument(
                "The PDF is encrypted.", hint="Remove the password (save it without security), and upload it again."
            )
        if name_of(reader.root, "/Type") not in ("", "/Catalog"):
            raise broken("it has no catalogue")
        _refuse_excess(reader)
    return reader
