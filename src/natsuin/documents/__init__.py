"""Documents: from the bytes of a PDF to the bytes of a signed PDF. No key, no database, no network.

A signature is made in two phases, because the key is elsewhere and its owner has to approve first:

    facts = inspect(pdf)                                     # pages, earlier signatures, warnings for the signer
    prepared = prepare(pdf, PrepareRequest(...))             # PAdES place, visible seal mark (印影), data to be signed
    ...  prepared.digest is approved and signed elsewhere; Prepared.to_bytes() keeps it meanwhile  ...
    signed = embed(prepared, signature, time_stamper=...)    # PAdES B-T; B-B without a time-stamper

Documents are only ever appended to, so signatures that are already there stay valid; where they forbid more,
`prepare` says so. Whatever the bytes, only errors of `natsuin.errors` and `natsuin.documents.errors` come out. All
functions are pure and thread safe, nothing is retried. A server calls them through `natsuin.web.isolation`, which runs
them in confined child processes, because a hostile PDF can cost a parser minutes and gigabytes, or take it over.

pyHanko does the reading and the incremental writing and takes a second to import, so it is imported at the first use;
its types stay in this folder but for `open_reader`, which is for `natsuin.validation`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from natsuin.documents.errors import (
    BrokenDocument,
    CertificateUnusable,
    ChangesForbidden,
    DocumentTimeout,
    DocumentTooLarge,
    EncryptedDocument,
    MissingCharacters,
    NotAPDF,
    PlacementRefused,
    SignatureMismatch,
    TimeStampFailed,
)
from natsuin.documents.facts import LIMIT_BYTES, DocumentFacts, PageSize, Placement
from natsuin.documents.seal import SealAppearance, SealStyle
from natsuin.documents.state import Prepared, PrepareRequest

if TYPE_CHECKING:
    from natsuin.documents.detached import attributes_over, signature_object
    from natsuin.documents.embedding import TimeStamper, embed
    from natsuin.documents.inspection import inspect
    from natsuin.documents.lint import WARNINGS
    from natsuin.documents.preparation import prepare
    from natsuin.documents.reading import hostile_input, open_reader
    from natsuin.documents.text_pages import TextLine, text_pdf
    from natsuin.documents.typeface import seal_typeface

_AT_FIRST_USE = {
    "TextLine": "text_pages",
    "TimeStamper": "embedding",
    "WARNINGS": "lint",
    "attributes_over": "detached",
    "embed": "embedding",
    "hostile_input": "reading",
    "inspect": "inspection",
    "open_reader": "reading",
    "prepare": "preparation",
    "seal_typeface": "typeface",
    "signature_object": "detached",
    "text_pdf": "text_pages",
}


def __getattr__(name: str) -> Any:
    if name not in _AT_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_AT_FIRST_USE[name]}"), name)


__all__ = [
    "LIMIT_BYTES",
    "WARNINGS",
    "BrokenDocument",
    "CertificateUnusable",
    "ChangesForbidden",
    "DocumentFacts",
    "DocumentTimeout",
    "DocumentTooLarge",
    "EncryptedDocument",
    "MissingCharacters",
    "NotAPDF",
    "PageSize",
    "Placement",
    "PlacementRefused",
    "PrepareRequest",
    "Prepared",
    "SealAppearance",
    "SealStyle",
    "SignatureMismatch",
    "TextLine",
    "TimeStampFailed",
    "TimeStamper",
    "attributes_over",
    "embed",
    "hostile_input",
    "inspect",
    "open_reader",
    "prepare",
    "seal_typeface",
    "signature_object",
    "text_pdf",
]
