"""Names and contents of tiles and entry bundles (C2SP tlog-tiles v0.1.0).

A tile holds up to 256 hashes of 32 bytes; an entry bundle up to 256 entries, each after its length in two bytes. What
is not full is partial: its name ends in `.p/` and its width, and it is never hashed upward.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from natsuin.signing_log.encoding import MAX_SIZE
from natsuin.signing_log.merkle import HASH_SIZE
from natsuin.signing_log.refusals import BadName, BadTile, EntryTooLarge

TILE_BITS: Final = 8
TILE_WIDTH: Final = 1 << TILE_BITS
TILE_SIZE: Final = TILE_WIDTH * HASH_SIZE
MAX_ENTRY: Final = 65_535
MAX_BUNDLE: Final = TILE_WIDTH * (MAX_ENTRY + 2)
"""Bytes."""

_NAME: Final = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True)
class TileName:
    """Which tile: `level` 0 to 63, or None for an entry bundle; `index` from 0; `width` 1 to 256 entries of it."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    def __str__(self) -> str:
        groups = [f"{self.index % 1000:03}"]
        rest = self.index // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03}")
            rest //= 1000
        kind = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{kind}/{'/'.join(groups)}{partial}"


def parse_tile_name(name: str) -> TileName:
    """Read a name as a client asks for it. Raises `BadName` for every form but the canonical one."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise BadName("this is not the name of a tile")
    level = None if match["level"] == "entries" else int(match["level"])
    index = int(match["index"].replace("x", "").replace("/", ""))
    parsed = TileName(level, index, int(match["width"] or TILE_WIDTH))
    if (level or 0) > 63 or index > MAX_SIZE >> TILE_BITS or parsed.width > TILE_WIDTH or str(parsed) != name:
        raise BadName("this is not the canonical name of a tile")
    return parsed


def split_tile(content: bytes, width: int) -> list[bytes]:
    """The `width` hashes of a tile. Raises `BadTile` when it is not exactly that long."""
    if len(content) != width * HASH_SIZE:
        raise BadTile("a tile does not have the length that its name says")
    return [content[i : i + HASH_SIZE] for i in range(0, len(content), HASH_SIZE)]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries one after the other, each after its length. Raises `EntryTooLarge` above 65,535 bytes."""
    parts = []
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise EntryTooLarge("an entry of the log has at most 65,535 bytes")
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def decode_bundle(content: bytes, width: int | None = None) -> list[bytes]:
    """The entries of a bundle, or of any such row.

    Raises `BadTile` unless it holds exactly `width` and nothing else.
    """
    entries = []
    position, end = 0, len(content)
    while position < end:
        start = position + 2
        position = start + int.from_bytes(content[start - 2 : start], "big")
        if start > end or position > end:
            raise BadTile("an entry bundle ends in the middle of an entry")
        entries.append(content[start:position])
    if width is not None and len(entries) != width:
        raise BadTile("an entry bundle does not hold as many entries as its name says")
    return entries


def locate_subtree(level: int, index: int) -> tuple[TileName, int, int]:
    """Where the hash of a complete subtree comes from: its tile (width not set), and the first and end hash to fold.

    `level` and `index` are those of `natsuin.signing_log.merkle.Subtree`.
    """
    tile_level, height = divmod(level, TILE_BITS)
    per_tile = TILE_BITS - height
    first = (index & ((1 << per_tile) - 1)) << height
    return TileName(tile_level, index >> per_tile), first, first + (1 << height)
