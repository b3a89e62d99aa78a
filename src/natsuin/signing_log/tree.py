"""The growing right edge of the tree: everything a writer must remember to append, and nothing more.

For a tree of any size that is one partial tile of hashes per tile level and one hash per binary level: the peaks, the
roots of the complete subtrees that the size's binary digits name. Appending a batch computes each new node once; proofs
for all entries of the batch are then look-ups.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from natsuin.signing_log.merkle import EMPTY_ROOT, HASH_SIZE, node_hash, tree_hash
from natsuin.signing_log.tiles import TILE_BITS, TILE_WIDTH, TileName, split_tile

_NODE: Final = b"\x01"


@dataclass(frozen=True)
class _Row:
    """Complete nodes of one binary level, from index `first` (always even), and the rest at the right of them."""

    first: int
    end: int
    nodes: Sequence[bytes]
    ragged: bytes | None
    """Hash over the entries right of node `end` - 1, which are too few for a node of this level."""


@dataclass(frozen=True)
class Growth:
    """What one batch did to the tree. Immutable; may be read from any thread.

    `tiles` are the tiles to write, lowest level first, each with its whole content; `root` is 32 bytes.
    """

    old_size: int
    size: int
    root: bytes
    tiles: tuple[tuple[TileName, bytes], ...]
    rows: tuple[_Row, ...]

    def proof(self, index: int) -> tuple[bytes, ...]:
        """Inclusion proof (RFC 6962, 2.1.1) in the tree of `size` for an entry of this batch."""
        proof = []
        node = index
        for row in self.rows:
            if node & 1:
                proof.append(row.nodes[node - 1 - row.first])
            elif node + 1 < row.end:
                proof.append(row.nodes[node + 1 - row.first])
            elif node + 1 == row.end and row.ragged is not None:
                proof.append(row.ragged)
            node >>= 1
        return tuple(proof)


class RightEdge:
    """The edge of a tree of `size` entries. Owned by one thread; nothing here is durable."""

    def __init__(self, size: int = 0, partial: Mapping[int, bytes] | None = None) -> None:
        """Rebuild from the partial tiles, by tile level.

        Raises `BadTile` when one has not the width that `size` asks for.
        """
        self.size = size
        self._partial: dict[int, bytearray] = {}
        self._peaks: list[bytes] = [b""] * size.bit_length()
        for level in range((size.bit_length() + TILE_BITS - 1) // TILE_BITS):
            width = size >> level * TILE_BITS & (TILE_WIDTH - 1)
            content = (partial or {}).get(level, b"")
            hashes = split_tile(content, width)
            self._partial[level] = bytearray(content)
            start = 0
            for height in range(TILE_BITS - 1, -1, -1):
                if width >> height & 1:
                    self._peaks[level * TILE_BITS + height] = tree_hash(hashes[start : start + (1 << height)])
                    start += 1 << height

    @property
    def root(self) -> bytes:
        """Root over all entries, 32 bytes."""
        folded: bytes | None = None
        for level in range(self.size.bit_length()):
            if self.size >> level & 1:
                folded = self._peaks[level] if folded is None else node_hash(self._peaks[level], folded)
        return EMPTY_ROOT if folded is None else folded

    def recomputed_root(self) -> bytes:
        """The root from the partial tiles alone, all hashed again: whether memory still holds what it held."""
        return RightEdge(self.size, {level: bytes(content) for level, content in self._partial.items()}).root

    def append(self, leaves: Sequence[bytes]) -> Growth:
        """Take in leaf hashes (at least one) and tell what changed."""
        old, self.size = self.size, self.size + len(leaves)
        self._peaks += [b""] * (self.size.bit_length() - len(self._peaks))
        rows: list[_Row] = []
        tiles: list[tuple[TileName, bytes]] = []
        new: list[bytes] = list(leaves)
        ragged: bytes | None = None
        for level in range(self.size.bit_length()):
            begin, end = old >> level, self.size >> level
            if level % TILE_BITS == 0 and new:
                tiles += self._extend_tile(level // TILE_BITS, new)
            nodes = [self._peaks[level], *new] if begin & 1 else new
            first = begin & ~1
            rows.append(_Row(first, end, nodes, ragged))
            if end & 1:
                self._peaks[level] = nodes[end - 1 - first]
                ragged = self._peaks[level] if ragged is None else node_hash(self._peaks[level], ragged)
            new = [sha256(_NODE + nodes[i] + nodes[i + 1]).digest() for i in range(0, len(nodes) - 1, 2)]
        return Growth(old, self.size, self.root if ragged is None else ragged, tuple(tiles), tuple(rows))

    def _extend_tile(self, level: int, hashes: Sequence[bytes]) -> list[tuple[TileName, bytes]]:
        partial = self._partial.setdefault(level, bytearray())
        index = self.size >> (level + 1) * TILE_BITS
        partial += b"".join(hashes)
        tiles = []
        index -= len(partial) // (TILE_WIDTH * HASH_SIZE)
        while len(partial) >= TILE_WIDTH * HASH_SIZE:
            tiles.append((TileName(level, index), bytes(partial[: TILE_WIDTH * HASH_SIZE])))
            del partial[: TILE_WIDTH * HASH_SIZE]
            index += 1
        if partial:
            tiles.append((TileName(level, index, len(partial) // HASH_SIZE), bytes(partial)))
        return tiles
