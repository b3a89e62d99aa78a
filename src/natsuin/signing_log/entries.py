"""What a log entry is: canonical JSON (RFC 8785), so that one statement has one sequence of bytes.

Entries are restricted to what the log needs: objects with ASCII names, text, whole numbers that every JSON reader keeps
exactly, booleans, null and lists. Within these bounds the canonical form is what msgspec gives when told to sort, at a
fiftieth of the cost of a general implementation; a test compares the two.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from natsuin.signing_log.refusals import BadEntry, EntryTooLarge
from natsuin.signing_log.tiles import MAX_ENTRY

JSON: TypeAlias = "bool | int | str | Sequence[JSON] | Mapping[str, JSON] | None"
"""A value of an entry. At run time objects are `dict`, lists are `list` or `tuple`."""

_MAX_INTEGER: Final = 2**53 - 1
_MAX_DEPTH: Final = 16
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


def _check(value: object, depth: int) -> None:
    if value is None or isinstance(value, str):
        return
    if isinstance(value, int):
        if not -_MAX_INTEGER <= value <= _MAX_INTEGER:
            raise BadEntry("a number in a log entry is beyond 2^53")
    elif depth == 0:
        raise BadEntry("a log entry is nested too deeply")
    elif isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str) or not name.isascii():
                raise BadEntry("names in a log entry are ASCII text")
            if type(item) is not str:
                _check(item, depth - 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, depth - 1)
    else:
        raise BadEntry(f"a log entry cannot hold a {type(value).__name__}")


def encode_entry(entry: Mapping[str, JSON]) -> bytes:
    """The bytes of `entry` in the log. Raises `BadEntry` when it has no canonical form, `EntryTooLarge` above 65,535
    bytes.
    """
    plain = dict(entry)
    _check(plain, _MAX_DEPTH)
    try:
        encoded = _ENCODER.encode(plain)
    except UnicodeEncodeError as error:
        raise BadEntry("text in a log entry is not valid Unicode") from error
    if len(encoded) > MAX_ENTRY:
        raise EntryTooLarge("an entry of the log has at most 65,535 bytes")
    return encoded
