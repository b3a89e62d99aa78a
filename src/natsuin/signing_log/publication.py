"""The files of the log follow its record: bundles, tiles, and at last the checkpoint that covers them.

    1. bundles      files beyond the published size; a crash here leaves nothing that anybody reads
    2. tiles        the same
    3. read back    what the folder holds is what was signed
    4. checkpoint   now everybody sees them

Several commits are published at once: of a tile that grew with each of them only the last width is written. The folder
is therefore some moments behind the record and never ahead of it, and no published checkpoint is ahead of its tiles.
"""

from collections.abc import Sequence
from typing import Final

from natsuin import faults
from natsuin.errors import StorageFailed
from natsuin.signing_log.folder import LogFolder, Unsynchronised
from natsuin.signing_log.merkle import leaf_hash, tree_hash
from natsuin.signing_log.tiles import TILE_WIDTH, TileName, decode_bundle, encode_bundle, split_tile
from natsuin.signing_log.tree import Growth, RightEdge

CHECKPOINT: Final = "checkpoint"


class Publication:
    """What is signed and not yet in the folder. For one thread at a time; after any error it must not be used
    again."""

    def __init__(self, folder: LogFolder, *, size: int, bundle: bytes) -> None:
        """The folder holds the files of `size` entries; `bundle` is the last, partial one, or nothing."""
        self._folder = folder
        self._bundle = bytearray(bundle)
        self._entries: list[bytes] = []
        self._tiles: dict[tuple[int | None, int], tuple[TileName, bytes]] = {}
        self.size = size
        """Number of entries whose files are written."""
        self.shown = ""
        """The checkpoint that was put into the folder last; nothing after a start."""

    def add(self, entries: Sequence[bytes], growth: Growth) -> None:
        """Remember a commit whose files are to be written."""
        self._entries += entries
        for name, content in growth.tiles:
            self._tiles[name.level, name.index] = name, content

    def write_files(self, edge: RightEdge) -> None:
        """Write what `add` remembered, and read it back. `edge` is the tree with all of it. Raises `StorageFailed`."""
        faults.point("log.before_bundles")
        bundles = self._write_bundles()
        faults.point("log.after_bundles")
        tiles = list(self._tiles.values())
        for name, content in tiles:
            self._folder.write(str(name), content)
        faults.point("log.after_tiles")
        self._read_back(tiles, bundles)
        if edge.recomputed_root() != edge.root:
            raise StorageFailed("the tiles of the log do not give the root that was signed")
        self._entries.clear()
        self._tiles.clear()
        self.size = edge.size

    def show(self, note: str) -> None:
        """Put the checkpoint of `size` entries where everyone reads it."""
        faults.point("log.before_publish")
        self._folder.write(CHECKPOINT, note.encode(), compared=True)
        self.shown = note
        faults.point("log.after_publish")

    def detach(self) -> Unsynchronised:
        """All files written so far, to be made durable by another thread."""
        return self._folder.detach()

    def _write_bundles(self) -> list[tuple[TileName, bytes, int]]:
        """Write the bundles that change: name, content, and where in it the new entries begin (bytes)."""
        written = []
        size, entries = self.size, self._entries
        position = 0
        while position < len(entries):
            held = size % TILE_WIDTH
            taken = entries[position : position + TILE_WIDTH - held]
            start = len(self._bundle)
            self._bundle += encode_bundle(taken)
            name, content = TileName(None, size // TILE_WIDTH, held + len(taken)), bytes(self._bundle)
            self._folder.write(str(name), content)
            written.append((name, content, start))
            size += len(taken)
            position += len(taken)
            if name.width == TILE_WIDTH:
                self._bundle.clear()
        return written

    def _read_back(
        self, tiles: Sequence[tuple[TileName, bytes]], bundles: Sequence[tuple[TileName, bytes, int]]
    ) -> None:
        """Read every file again and hash it again: what everybody reads must be what was signed.

        The entries of earlier publications in a partial bundle are compared, and hashed again when the bundle is full.
        """
        found: dict[tuple[int | None, int], list[bytes]] = {}
        for name, expected in tiles:
            content = self._folder.read_back(str(name), len(expected))
            if content != expected:
                raise StorageFailed("a tile of the log did not come back as it was written")
            found[name.level, name.index] = split_tile(content, name.width)
        for (level, index), hashes in found.items():
            if len(hashes) == TILE_WIDTH:
                above = found[(level or 0) + 1, index // TILE_WIDTH]
                if tree_hash(hashes) != above[index % TILE_WIDTH]:
                    raise StorageFailed("a tile of the log does not give the root that was computed")
        for name, expected, start in bundles:
            content = self._folder.read_back(str(name), len(expected))
            if content != expected:
                raise StorageFailed("an entry bundle of the log did not come back as it was written")
            first = 0 if name.width == TILE_WIDTH else max(0, self.size - name.index * TILE_WIDTH)
            entries = decode_bundle(content[start if first else 0 :], name.width - first)
            if list(map(leaf_hash, entries)) != found[0, name.index][first:]:
                raise StorageFailed("an entry bundle of the log does not match its tile")
