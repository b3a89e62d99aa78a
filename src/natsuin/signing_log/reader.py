"""Reading a log without believing its files: every hash and entry is led back to the root of a signed checkpoint.

The partial tiles at the right edge give the root, so they are believed when it is the signed one. A full tile is
believed when its hash stands in the tile above it; an entry bundle when its entries hash to their tile (C2SP tlog-tiles
v0.1.0).
"""

from collections import OrderedDict
from typing import Final

from natsuin.errors import NotFound
from natsuin.signing_log import merkle
from natsuin.signing_log.checkpoints import Checkpoint
from natsuin.signing_log.refusals import BadTile, FileMissing, LogDamaged, RightEdgeDamaged
from natsuin.signing_log.sources import Source
from natsuin.signing_log.tiles import (
    MAX_BUNDLE,
    TILE_BITS,
    TILE_SIZE,
    TILE_WIDTH,
    TileName,
    decode_bundle,
    locate_subtree,
    split_tile,
)
from natsuin.signing_log.tree import RightEdge

_KEPT_TILES: Final = 64


def _read_or_full(source: Source, name: TileName, limit: int) -> tuple[bytes, int]:
    """The file and its width: a partial one may have been deleted in favour of the full one."""
    try:
        return source.read(str(name), limit), name.width
    except FileMissing:
        if name.width == TILE_WIDTH:
            raise
    return source.read(str(TileName(name.level, name.index)), limit), TILE_WIDTH


def _read_tile(source: Source, name: TileName) -> bytes:
    content, width = _read_or_full(source, name, TILE_SIZE)
    split_tile(content, width)
    return content[: name.width * merkle.HASH_SIZE]


def read_unverified_edge(source: Source, size: int) -> dict[int, bytes]:
    """The partial tiles of a log of `size` entries by tile level, none where a level has full tiles only.

    Nothing proves them until `RightEdge` makes the signed root of them. Raises `RightEdgeDamaged`, `LogUnreachable`.
    """
    partial = {}
    for level in range((size.bit_length() + TILE_BITS - 1) // TILE_BITS):
        count = size >> level * TILE_BITS
        if width := count % TILE_WIDTH:
            try:
                partial[level] = _read_tile(source, TileName(level, count // TILE_WIDTH, width))
            except (FileMissing, BadTile) as error:
                raise RightEdgeDamaged("the newest tiles of the log are missing or cut") from error
    return partial


def read_unverified_bundle(source: Source, name: TileName) -> list[bytes]:
    """The entries of a bundle as the file has them. Raises `FileMissing`, `BadTile`, `LogUnreachable`."""
    content, width = _read_or_full(source, name, MAX_BUNDLE)
    return decode_bundle(content, width)[: name.width]


class LogReader:
    """A log as of one checkpoint, whose signature the caller has verified.

    For one thread at a time; changes nothing.
    """

    def __init__(self, source: Source, checkpoint: Checkpoint) -> None:
        """Read the right edge. Raises `RightEdgeDamaged` when it does not give the root, `LogUnreachable` when it
        cannot tell.
        """
        self.checkpoint = checkpoint
        self._source = source
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._partial = read_unverified_edge(source, checkpoint.size)
        self.tiles_read = len(self._partial)
        if RightEdge(checkpoint.size, self._partial).root != checkpoint.root:
            raise RightEdgeDamaged("the newest tiles of the log do not give the signed root")

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of a tile, authenticated: 32 bytes each, 256 or, at the right edge, fewer. Raises `LogDamaged`."""
        if index == self.checkpoint.size >> (level + 1) * TILE_BITS:
            return self._partial[level]
        kept = self._kept.get((level, index))
        if kept is not None:
            self._kept.move_to_end((level, index))
            return kept
        name = TileName(level, index)
        above, place = self.tile(level + 1, index // TILE_WIDTH), index % TILE_WIDTH * merkle.HASH_SIZE
        try:
            content = _read_tile(self._source, name)
        except (FileMissing, BadTile) as error:
            raise LogDamaged(f"the file {name} of the log is missing or cut") from error
        if merkle.tree_hash(split_tile(content, TILE_WIDTH)) != above[place : place + merkle.HASH_SIZE]:
            raise LogDamaged(f"the file {name} of the log does not give the signed root")
        self.tiles_read += 1
        self._kept[level, index] = content
        if len(self._kept) > _KEPT_TILES:
            self._kept.popitem(last=False)
        return content

    def subtree(self, level: int, index: int) -> bytes:
        """A `natsuin.signing_log.merkle.Subtree` over the authenticated tiles."""
        name, first, end = locate_subtree(level, index)
        content = self.tile(name.level or 0, name.index)
        return merkle.tree_hash(split_tile(content, len(content) // merkle.HASH_SIZE)[first:end])

    def bundle(self, index: int) -> list[bytes]:
        """The entries of a bundle, authenticated. Raises `LogDamaged`."""
        hashes = self.tile(0, index)
        name = TileName(None, index, len(hashes) // merkle.HASH_SIZE)
        try:
            entries = read_unverified_bundle(self._source, name)
        except (FileMissing, BadTile) as error:
            raise LogDamaged(f"the file {name} of the log is missing or cut") from error
        if b"".join(map(merkle.leaf_hash, entries)) != hashes:
            raise LogDamaged(f"entries in the file {name} of the log are not those that were signed")
        return entries

    def entry(self, index: int) -> bytes:
        """One entry, authenticated. Raises `NotFound` beyond the end, `LogDamaged`."""
        if not 0 <= index < self.checkpoint.size:
            raise NotFound("the log has no entry of that index")
        return self.bundle(index // TILE_WIDTH)[index % TILE_WIDTH]

    def inclusion_proof(self, index: int) -> tuple[bytes, ...]:
        """Proof that the entry at `index` is in the checkpoint's tree. Raises `ProofRefused` beyond the end."""
        return merkle.inclusion_proof(self.subtree, index, self.checkpoint.size)

    def consistency_proof(self, old: int) -> tuple[bytes, ...]:
        """Proof that the checkpoint's tree begins with that of `old` entries, from 1.

        Raises `ProofRefused` beyond the end.
        """
        return merkle.consistency_proof(self.subtree, old, self.checkpoint.size)

    def root(self, size: int) -> bytes:
        """Root of the first `size` entries, at most the checkpoint's size."""
        return merkle.root_hash(self.subtree, size)
