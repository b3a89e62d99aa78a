"""The chain of each key: every entry about a key carries its number and the hash of the one before it.

    {"key": "…", "key_number": 0, "key_previous": null, …}        the first
    {"key": "…", "key_number": 1, "key_previous": "…", …}         leaf hash of the first, base64url

So whoever has a key's entries sees that none is missing between the first and the last, without reading those of
others. That there is no second entry with a number that is taken is seen by everybody who reads the whole log.

The newest entry of each key is in `State`, written in the transaction that makes the entry itself durable.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from natsuin import base64url
from natsuin.signing_log.entries import JSON, encode_entry
from natsuin.signing_log.merkle import HASH_SIZE, leaf_hash
from natsuin.signing_log.refusals import BadEntry, ChainBroken

KEY: Final = "key"
NUMBER: Final = "key_number"
PREVIOUS: Final = "key_previous"

_REMEMBERED: Final = 10_000
LARGEST_NUMBER: Final = 2**53 - 1
"""The largest number that all readers of JSON read alike (RFC 8785 section 3.2.2.3)."""
_LONGEST: Final[dict[str, JSON]] = {NUMBER: LARGEST_NUMBER, PREVIOUS: "A" * 43}
_NAMES_KEY: Final = b'"key":'


class _Place(msgspec.Struct, frozen=True):
    key: str
    key_number: int = -1
    key_previous: str | None = ""


class _Key(msgspec.Struct, frozen=True):
    key: str | None = None


_decode_place = msgspec.json.Decoder(_Place).decode
_decode_key = msgspec.json.Decoder(_Key).decode


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entry on its way: its bytes and its leaf hash (32 bytes)."""

    content: bytes
    digest: bytes

    @classmethod
    def of(cls, content: bytes) -> "Leaf":
        """The leaf for an entry's bytes."""
        return cls(content, leaf_hash(content))


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry about a key before it has its place in the key's chain."""

    key: str
    entry: Mapping[str, JSON]


Unplaced: TypeAlias = "Leaf | Draft"
"""An entry that has no index yet."""


def prepare(entry: Mapping[str, JSON]) -> Unplaced:
    """What the writer takes. Raises `BadEntry`, `EntryTooLarge`; afterwards nothing about the entry can be refused."""
    if NUMBER in entry or PREVIOUS in entry:
        raise BadEntry("an entry's place in the chain of its key is given by the log")
    if KEY not in entry:
        return Leaf.of(encode_entry(entry))
    key = entry[KEY]
    if not isinstance(key, str) or not key:
        raise BadEntry("the key that an entry is about is a text")
    encode_entry({**entry, **_LONGEST})
    return Draft(key, entry)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of a key: its number in the chain, and its leaf hash (32 bytes)."""

    number: int
    digest: bytes


class KeyChains:
    """Gives entries their places. For one thread at a time."""

    def __init__(self, read: Callable[[str], Head | None]) -> None:
        """`read` finds the newest durable entry of a key."""
        self._read = read
        self._heads: OrderedDict[str, Head] = OrderedDict()

    def link(self, unplaced: Sequence[Unplaced]) -> tuple[list[Leaf], dict[str, Head]]:
        """The leaves, in order, and the new heads, which stand once they are durable: `advance` says so."""
        leaves: list[Leaf] = []
        heads: dict[str, Head] = {}
        for one in unplaced:
            if isinstance(one, Leaf):
                leaves.append(one)
                continue
            last = heads.get(one.key) or self._heads.get(one.key) or self._read(one.key)
            leaf = Leaf.of(encode_entry({**one.entry, **_place_after(last)}))
            heads[one.key] = Head(last.number + 1 if last else 0, leaf.digest)
            leaves.append(leaf)
        return leaves, heads

    def advance(self, heads: Mapping[str, Head]) -> None:
        """These are durable. The least recently used are forgotten, and read again when they are wanted."""
        for key, head in heads.items():
            self._heads[key] = head
            self._heads.move_to_end(key)
        while len(self._heads) > _REMEMBERED:
            self._heads.popitem(last=False)


PackedHeads: TypeAlias = Mapping[str, bytes]
"""The newest entry of each key: its number (8 bytes) and its leaf hash in one value, since a log may know millions of
keys."""


def pack(head: Head) -> bytes:
    """A value of `PackedHeads`."""
    return head.number.to_bytes(8, "big") + head.digest


def unpack(head: bytes) -> Head:
    """What `pack` packed."""
    return Head(int.from_bytes(head[:-HASH_SIZE], "big"), head[-HASH_SIZE:])


class ChainReader:
    """Follows the chains of all keys through a log."""

    def __init__(self, heads: PackedHeads | None = None, *, entries: int = 0, since: int = 0) -> None:
        """Go on after the first `entries`, of which those from `since` on were read and gave `heads`. If these were not
        all, the place at which a key is seen first is believed."""
        self.since = since if heads is not None else entries
        """The first entry that was followed."""
        self._heads = dict(heads or {})
        self._entries = entries
        self._read: tuple[int, dict[str, bytes]] = entries, {}

    def read(self, first: int, contents: Sequence[bytes]) -> None:
        """Take the next entries, of which the first has the index `first`; those that were read before are passed over.

        Raises `ChainBroken` where a key's entry is missing, doubled or out of order; then nothing was taken.
        """
        entries, heads = self.standing()
        new: dict[str, bytes] = {}
        for index, content in enumerate(contents[max(0, entries - first) :], max(first, entries)):
            place = _place_in(content)
            if place is None:
                continue
            last = new.get(place.key) or heads.get(place.key)
            self._check(index, place, None if last is None else unpack(last))
            new[place.key] = pack(Head(place.key_number, leaf_hash(content)))
        # One assignment, so that an interruption finds all of these entries taken or none.
        self._read = max(entries, first + len(contents)), new

    def standing(self) -> tuple[int, PackedHeads]:
        """How many entries of the log were read, and the newest places then. The mapping changes with the next
        reading."""
        self._entries, new = self._read
        self._heads.update(new)
        return self._entries, self._heads

    def in_next_shard(self) -> "ChainReader":
        """One that goes on with the first entry of the shard after the one that was read."""
        _, heads = self.standing()
        return ChainReader(heads, since=self.since)

    def heads(self) -> dict[str, Head]:
        """The newest entry of every key so far."""
        return {key: unpack(head) for key, head in self.standing()[1].items()}

    def _check(self, index: int, place: _Place, last: Head | None) -> None:
        if last is None and self.since and 0 < place.key_number <= LARGEST_NUMBER:
            return
        if {NUMBER: place.key_number, PREVIOUS: place.key_previous} != _place_after(last):
            raise ChainBroken(
                f"entry {index} is not the next one of its key",
                hint="An entry of this key is missing or was written twice. Keep this copy of the log.",
            )


def _place_in(content: bytes) -> _Place | None:
    """What an entry says of its key; None for one that is about none, and for one that is not canonical.

    Who finds entries by their bytes must not overlook one that says the same in other bytes. Nothing rests on one that
    is not canonical: no evidence is good with it (`natsuin.validation.check_evidence`).
    """
    if _NAMES_KEY not in content:
        return None
    try:
        return _decode_place(content)
    except msgspec.ValidationError:
        # Its key is no text, or its place has another form: the first is no entry about a key, the second is wrong.
        try:
            key = _decode_key(content).key
        except msgspec.ValidationError:
            return None
        return _Place(key, -1, "") if key is not None else None
    except (msgspec.DecodeError, RecursionError):
        return None


def _place_after(last: Head | None) -> dict[str, JSON]:
    if last is None:
        return {NUMBER: 0, PREVIOUS: None}
    return {NUMBER: last.number + 1, PREVIOUS: base64url.encode(last.digest)}
