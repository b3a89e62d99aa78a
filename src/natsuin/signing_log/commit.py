"""One commit of the log: a batch of entries becomes durable, signed and published, in an order that a crash cannot
spoil.

    1. entry bundles     files beyond the signed size; a crash here leaves nothing that anybody reads
    2. tiles             the same
    3. read back         what the folder holds is what was meant
    4. sign              the new checkpoint, still unknown to everybody
    5. swap              the row in `State`, together with the batch itself: from here on it stands, whatever happens
    6. publish           `checkpoint` in the folder

and from time to time, in another thread,

    7. settle            the files become durable, and `State` may forget the batches that are in them

Step 5 is the only one that waits for the disk. Until step 7 a power cut may take the files, and the next start writes
them again from `State` with the same code (`Committer.restore`). Any failure is final: the process must end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from natsuin import faults
from natsuin.errors import StorageFailed
from natsuin.signing_log.checkpoints import Checkpoint, sign_checkpoint
from natsuin.signing_log.folder import LogFolder
from natsuin.signing_log.merkle import leaf_hash, tree_hash
from natsuin.signing_log.notes import LogKey
from natsuin.signing_log.state import Signed, Staged, State
from natsuin.signing_log.tiles import TILE_WIDTH, TileName, decode_bundle, encode_bundle, split_tile
from natsuin.signing_log.tree import Growth, RightEdge

CHECKPOINT: Final = "checkpoint"
FAULT_POINTS: Final = (
    "log.queued",
    "log.before_bundles",
    "log.after_bundles",
    "log.after_tiles",
    "log.before_sign",
    "log.before_swap",
    "log.after_swap",
    "log.before_publish",
    "log.after_publish",
    "log.before_settle",
    "log.after_settle",
    "log.file_written",
)
"""Places of `natsuin.faults`: the first when a caller has queued an entry, the last inside each file that is written.
"""

_SETTLE_ENTRIES: Final = 2048
_SETTLE_COMMITS: Final = 512
_SETTLE_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True)
class Leaf:
    """An entry on its way: its bytes and its leaf hash (32 bytes)."""

    content: bytes
    digest: bytes

    @classmethod
    def of(cls, content: bytes) -> "Leaf":
        """The leaf for an entry's bytes."""
        return cls(content, leaf_hash(content))


class Committer:
    """The writing half of an open log. Owned by one thread; after any error it must not be used again."""

    def __init__(
        self, folder: LogFolder, state: State, *, origin: str, key: LogKey, edge: RightEdge, bundle: bytes
    ) -> None:
        """`edge` and `bundle` (the last, partial one, or nothing) are those at the settled size, where all files are
        durable.
        """
        self._folder, self._state = folder, state
        self._origin, self._key = origin, key
        self._edge = edge
        self._bundle = bytearray(bundle)
        self._unsettled_commits = self._unsettled_bytes = 0
        self.settled = self._detached = edge.size
        """Entries below this index are in durable files; `State` forgets them with the next commit."""
        self.signed = state.read()
        """The newest checkpoint."""

    def commit(self, leaves: Sequence[Leaf]) -> Growth:
        """Append `leaves`, at least one. On return they are durable under the published checkpoint `self.signed.note`.

        Raises `StorageFailed` or whatever the key raises; then nothing may be acknowledged.
        """
        entries = [leaf.content for leaf in leaves]
        growth = self._write(entries, [leaf.digest for leaf in leaves])
        faults.point("log.before_sign")
        note = sign_checkpoint(Checkpoint(self._origin, growth.size, growth.root), self._key)
        new = Signed(growth.size, growth.root, note)
        faults.point("log.before_swap")
        self._state.swap(self.signed, new, entries=entries, settled=self.settled)
        faults.point("log.after_swap")
        self.signed = new
        self.publish()
        self._unsettled_commits += 1
        self._unsettled_bytes += sum(map(len, entries))
        return growth

    def restore(self, staged: Sequence[Staged]) -> None:
        """Write the files of commits that stand already, in their order, so that every published checkpoint has its
        tiles.
        """
        for batch in staged:
            self._write(batch.entries, list(map(leaf_hash, batch.entries)))

    def publish(self) -> None:
        """Put the newest checkpoint where everyone reads it."""
        faults.point("log.before_publish")
        self._folder.write(CHECKPOINT, self.signed.note.encode())
        faults.point("log.after_publish")

    @property
    def wants_settling(self) -> bool:
        """Whether enough has gathered in `State` since `detach`."""
        return (
            self._edge.size - self._detached >= _SETTLE_ENTRIES
            or self._unsettled_commits >= _SETTLE_COMMITS
            or self._unsettled_bytes >= _SETTLE_BYTES
        )

    def detach(self) -> Callable[[], int]:
        """What makes all files of now durable, for another thread to call.

        It gives the size to put into `settled` then. It raises `StorageFailed`, which ends the writer.
        """
        files, size = self._folder.detach(), self._edge.size
        self._detached = size
        self._unsettled_commits = self._unsettled_bytes = 0

        def settle() -> int:
            faults.point("log.before_settle")
            files.synchronise()
            faults.point("log.after_settle")
            return size

        return settle

    def finish(self) -> None:
        """Settle everything and tell `State`, so that the folder alone is whole."""
        self.settled = self.detach()()
        self._state.settle(self.settled)

    def _write(self, entries: Sequence[bytes], digests: Sequence[bytes]) -> Growth:
        faults.point("log.before_bundles")
        bundles = self._write_bundles(entries)
        faults.point("log.after_bundles")
        growth = self._edge.append(digests)
        for name, content in growth.tiles:
            self._folder.write(str(name), content)
        faults.point("log.after_tiles")
        self._read_back(growth, bundles)
        return growth

    def _write_bundles(self, entries: Sequence[bytes]) -> list[tuple[TileName, bytes, int]]:
        """Write the bundles that change: name, content, and where in it the new entries begin (bytes)."""
        written = []
        size = self._edge.size
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

    def _read_back(self, growth: Growth, bundles: Sequence[tuple[TileName, bytes, int]]) -> None:
        """Read every file of the batch again and hash it again: a bit that fell over in memory must not be signed.

        The entries of earlier batches in a partial bundle are compared, and hashed again when the bundle is full.
        """
        tiles: dict[tuple[int | None, int], list[bytes]] = {}
        for name, expected in growth.tiles:
            content = self._folder.read_back(str(name), len(expected))
            if content != expected:
                raise StorageFailed("a tile of the log did not come back as it was written")
            tiles[name.level, name.index] = split_tile(content, name.width)
        for (level, index), hashes in tiles.items():
            if len(hashes) == TILE_WIDTH:
                above = tiles[(level or 0) + 1, index // TILE_WIDTH]
                if tree_hash(hashes) != above[index % TILE_WIDTH]:
                    raise StorageFailed("a tile of the log does not give the root that was computed")
        for name, expected, start in bundles:
            content = self._folder.read_back(str(name), len(expected))
            if content != expected:
                raise StorageFailed("an entry bundle of the log did not come back as it was written")
            first = 0 if name.width == TILE_WIDTH else max(0, growth.old_size - name.index * TILE_WIDTH)
            entries = decode_bundle(content[start if first else 0 :], name.width - first)
            if list(map(leaf_hash, entries)) != tiles[0, name.index][first:]:
                raise StorageFailed("an entry bundle of the log does not match its tile")
