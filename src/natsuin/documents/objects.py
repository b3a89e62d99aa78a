"""PDF objects of pyHanko with types: its constructors carry none, so they are called here alone."""

from collections.abc import Mapping

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name


def number(value: int) -> generic.NumberObject:
    """An integer object."""
    return generic.NumberObject(value)  # type: ignore[no-untyped-call]


def real(value: float) -> generic.FloatObject:
    """A real object, written with four decimals, which is finer than any printer."""
    return generic.FloatObject(f"{value:.4f}")  # type: ignore[no-untyped-call]


def numbers(*values: int) -> generic.ArrayObject:
    """An array of integers."""
    return generic.ArrayObject([number(value) for value in values])


def reals(*values: float) -> generic.ArrayObject:
    """An array of reals."""
    return generic.ArrayObject([real(value) for value in values])


def dictionary(entries: Mapping[str, generic.PdfObject]) -> generic.DictionaryObject:
    """A dictionary; the keys begin with a slash."""
    named = {pdf_name(key): value for key, value in entries.items()}
    return generic.DictionaryObject(named)  # type: ignore[no-untyped-call]


def stream(entries: Mapping[str, generic.PdfObject], content: bytes) -> generic.StreamObject:
    """A stream of `content`, to be compressed when written."""
    made = generic.StreamObject(dictionary(entries), stream_data=content)
    made.compress()  # type: ignore[no-untyped-call]
    return made


def entry(holder: generic.DictionaryObject, key: str) -> generic.PdfObject | None:
    """What `key` stands for, references followed; None without it. (The library's own `get` follows none.)"""
    return resolved(holder.raw_get(key)) if key in holder else None


def name_of(holder: generic.DictionaryObject, key: str) -> str:
    """The name object that `key` stands for, with its slash; empty if there is none."""
    found = entry(holder, key)
    return str(found) if isinstance(found, generic.NameObject) else ""


def resolved(value: generic.PdfObject) -> generic.PdfObject:
    """`value`, or what it refers to."""
    if isinstance(value, generic.IndirectObject):
        found: generic.PdfObject = value.get_object()  # type: ignore[no-untyped-call]
        return found
    return value
