"""Entries as the monitor reads them. Whoever writes the log may be hostile: nothing of an entry is believed to have a
certain form, and no text of it goes anywhere before `harmless` or a pattern of ours let it through."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

LARGEST: Final = 2**53 - 1
"""The largest number that all readers of JSON read alike; as a time in milliseconds it is far away."""
_LONGEST_SHOWN: Final = 80
_WORD: Final = re.compile(r"[a-z0-9_-]{1,64}")
_KEY: Final = re.compile(r"[0-9a-f]{32}")
_LAST_DAY: Final = 253_402_300_799_999
"""The last millisecond of the year 9999, which is the last one that dates are written for."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def harmless(text: str) -> str:
    """A text of somebody hostile as printable ASCII on one line, cut when it is long: good for mails, terminals and
    pages. Everything else becomes an escape such as `\\u001b`."""
    shown = "".join(
        one if " " <= one <= "~" and one != "\\" else one.encode("unicode_escape", "surrogatepass").decode("ascii")
        for one in text[: _LONGEST_SHOWN + 1]
    )
    return shown if len(text) <= _LONGEST_SHOWN and len(shown) <= 2 * _LONGEST_SHOWN else shown[:_LONGEST_SHOWN] + "..."


@dataclass(frozen=True, slots=True)
class Seen:
    """An entry of the log: its index, its type ("" if it has none) and whatever else it says."""

    index: int
    type: str
    members: Mapping[str, Any]

    @property
    def time(self) -> int | None:
        """When it was written, in milliseconds since 1970, as it says itself."""
        time = self.number("time")
        return time if time is not None and time <= _LAST_DAY else None

    @property
    def key(self) -> str:
        """The key that it is about, "" if none; harmless."""
        key = self.members.get("key")
        return "" if not isinstance(key, str) else key if _KEY.fullmatch(key) else harmless(key)

    def number(self, name: str) -> int | None:
        """A whole number from 0 that every reader reads alike, None for anything else."""
        value = self.members.get(name)
        return value if type(value) is int and 0 <= value <= LARGEST else None

    def word(self, name: str) -> str:
        """A code such as a reason or result; "" if there is none; harmless."""
        value = self.members.get(name)
        return "" if not isinstance(value, str) else value if _WORD.fullmatch(value) else harmless(value)


def read_entry(index: int, content: bytes) -> Seen | None:
    """The entry in `content`, None when it is no JSON object."""
    try:
        members = _decode(content)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    kind = members.get("type")
    return Seen(index, kind if isinstance(kind, str) else "", members)
