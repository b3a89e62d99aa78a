"""What is known of a PDF without signing it, and where a mark may be put on it. Lengths are PDF points (1/72 inch)."""

from dataclasses import dataclass

LIMIT_BYTES = 64 * 1024 * 1024
"""The largest PDF accepted, unless the caller states another limit."""


@dataclass(frozen=True)
class PageSize:
    """A page as a viewer shows it: crop box, turned by /Rotate, scaled by /UserUnit. Points."""

    width: float
    height: float


@dataclass(frozen=True)
class Placement:
    """A rectangle on a page: `page` counts from 0; points from the lower left corner of the page as displayed."""

    page: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class DocumentFacts:
    """What `inspect` found.

    `warnings` are stable codes, sorted, listed in `natsuin.documents.lint.WARNINGS`; `certified` is the level of change
    (1, 2 or 3, ISO 32000-2 table 257) that an author's certification leaves open, or None without one; `marks` are
    signature fields, stamps and notes on the pages, which a new mark should not cover.
    """

    pages: tuple[PageSize, ...]
    existing_signatures: int
    warnings: tuple[str, ...]
    certified: int | None = None
    marks: tuple[Placement, ...] = ()
