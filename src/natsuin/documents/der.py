"""A small DER writer and reader (ITU-T X.690), enough for CMS and time-stamps.

Signing one PDF spends most of its time in a general ASN.1 library on structures that are the same for every document;
writing them directly takes microseconds. The reader walks definite-length encodings only and raises `ValueError` on
anything else.
"""

from collections.abc import Iterator
from dataclasses import dataclass

SEQUENCE, SET, INTEGER, OCTET_STRING, NULL, BOOLEAN, OID = 0x30, 0x31, 0x02, 0x04, 0x05, 0x01, 0x06


def encode(tag: int, *contents: bytes) -> bytes:
    """One element: tag, shortest length, the contents joined."""
    body = b"".join(contents)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + body


def sequence(*contents: bytes) -> bytes:
    """A SEQUENCE of encoded elements."""
    return encode(SEQUENCE, *contents)


def set_of(*contents: bytes) -> bytes:
    """A SET OF encoded elements, in the ascending order that DER demands (X.690 section 11.6)."""
    return encode(SET, *sorted(contents))


def integer(value: int) -> bytes:
    """An INTEGER, not negative."""
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(value: bytes) -> bytes:
    """An OCTET STRING."""
    return encode(OCTET_STRING, value)


def identifier(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER from its dotted form."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    body = bytearray()
    for arc in (first * 40 + second, *rest):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | arc & 0x7F)
        body += bytes(reversed(septets))
    return encode(OID, bytes(body))


def algorithm(dotted: str, parameters: bytes | None = None) -> bytes:
    """An AlgorithmIdentifier; no parameters field when `parameters` is None."""
    return sequence(identifier(dotted), parameters or b"")


NULL_VALUE = encode(NULL)
TRUE = encode(BOOLEAN, b"\xff")


@dataclass(frozen=True)
class Element:
    """One element inside `data`: its tag octet, where it starts, where its contents start and end."""

    data: bytes
    tag: int
    start: int
    content: int
    end: int

    @property
    def body(self) -> bytes:
        """The contents octets."""
        return self.data[self.content : self.end]

    @property
    def whole(self) -> bytes:
        """Tag, length and contents, exactly as they stand."""
        return self.data[self.start : self.end]

    def children(self) -> Iterator["Element"]:
        """The elements inside a constructed element. Raises `ValueError` if they do not fill it exactly."""
        position = self.content
        while position < self.end:
            child = read(self.data, position, self.end)
            yield child
            position = child.end


def read(data: bytes, position: int = 0, limit: int | None = None) -> Element:
    """The element at `position`, which must end at or before `limit`. Raises `ValueError`."""
    limit = len(data) if limit is None else limit
    if position + 2 > limit:
        raise ValueError("DER ends in the middle of an element")
    tag, size = data[position], data[position + 1]
    if tag & 0x1F == 0x1F or size == 0x80:
        raise ValueError("DER with a long tag or an indefinite length is not expected here")
    content = position + 2
    if size > 0x80:
        count = size & 0x7F
        if count > 4 or content + count > limit:
            raise ValueError("DER with an impossible length")
        size = int.from_bytes(data[content : content + count], "big")
        content += count
    if content + size > limit:
        raise ValueError("DER ends in the middle of an element")
    return Element(data, tag, position, content, content + size)
