"""Looking at a PDF before anything is done with it."""

from itertools import islice

from natsuin.documents.earlier import certification_level, filled_count
from natsuin.documents.facts import LIMIT_BYTES, DocumentFacts
from natsuin.documents.lint import warnings_of
from natsuin.documents.marks import MOST_MARKS, marks_of
from natsuin.documents.pages import walk_pages
from natsuin.documents.reading import broken, hostile_input, open_reader


def inspect(pdf: bytes, *, limit: int = LIMIT_BYTES) -> DocumentFacts:
    """Pages, earlier signatures and warnings of `pdf`, which may have up to `limit` bytes.

    Raises `NotAPDF`, `EncryptedDocument`, `BrokenDocument`, `DocumentTooLarge`, and nothing else whatever the bytes
    are. Pure; thread safe. Hostile bytes can cost much time and memory before they are refused: servers call it
    through `natsuin.web.isolation`.
    """
    reader = open_reader(pdf, limit=limit)
    with hostile_input():
        pages = tuple(walk_pages(reader))
        marks = (mark for number, page in enumerate(pages) for mark in marks_of(number, page))
        warnings = warnings_of(reader, pdf)
        level = certification_level(reader)
        if level is not None:
            warnings.add("certified")
        return DocumentFacts(
            pages=tuple(page.size for page in pages),
            existing_signatures=filled_count(reader),
            warnings=tuple(sorted(warnings)),
            certified=level,
            marks=tuple(islice(marks, MOST_MARKS)),
        )
    raise broken("its structure cannot be read")
