"""One commit of the log: a batch of entries becomes durable and signed, in an order that a crash cannot spoil.

    1. link         entries about a key get their places in its chain (`natsuin.signing_log.key_chains`)
    2. append       to the tree in memory; each new entry is led back to the new root by its own proof
    3. sign         the new checkpoint, still unknown to everybody
    4. swap         the row in `State`, together with the batch itself: from here on it stands, whatever happens

Only step 4 waits for the disk, and after it receipts are given. The files that everybody reads follow
(`natsuin.signing_log.publication`), many commits at a time; `State` keeps the batches until their files are durable,
and the next start writes them again from there (`Committer.restore`). Any failure is final: the process must end.
"""

from collections.abc import Callable, Sequence
from typing import Final

from natsuin import faults
from natsuin.errors import StorageFailed
from natsuin.signing_log.checkpoints import Checkpoint, sign_checkpoint
from natsuin.signing_log.folder import LogFolder
from natsuin.signing_log.key_chains import KeyChains, Leaf, Unplaced
from natsuin.signing_log.merkle import leaf_hash, verify_inclusion
from natsuin.signing_log.notes import LogKey
from natsuin.signing_log.publication import Publication
from natsuin.signing_log.receipts import Receipt
from natsuin.signing_log.refusals import ProofRefused
from natsuin.signing_log.state import Signed, Staged, State
from natsuin.signing_log.tree import RightEdge

FAULT_POINTS: Final = (
    "log.queued",
    "log.before_sign",
    "log.before_swap",
    "log.after_swap",
    "log.before_bundles",
    "log.after_bundles",
    "log.after_tiles",
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


class Committer:
    """The writing half of an open log. For one thread at a time; after any error it must not be used again."""

    def __init__(
        self, folder: LogFolder, state: State, *, origin: str, key: LogKey, edge: RightEdge, bundle: bytes
    ) -> None:
        """`edge` and `bundle` (the last, partial one, or nothing) are those at the settled size, where all files are
        durable.
        """
        self._state = state
        self._chains = KeyChains(state.head)
        self._origin, self._key = origin, key
        self._edge = edge
        self._publication = Publication(folder, size=edge.size, bundle=bundle)
        self._unsettled_commits = self._unsettled_bytes = 0
        self.settled = self._detached = edge.size
        """Entries below this index are in durable files; `State` forgets them with a later commit."""
        self._forgotten = 0
        self.signed = state.read()
        """The newest checkpoint."""
        self.display: tuple[int, str] | None = None
        """What the folder shall show instead of the newest checkpoint: size and note of an earlier one, or the same
        with cosignatures. None for a log that asks no witnesses."""

    def commit(self, unplaced: Sequence[Unplaced]) -> list[Receipt]:
        """Append what waits, at least one entry. On return it is durable under the signed checkpoint
        `self.signed.note`.

        Raises `StorageFailed` or whatever the key raises; then nothing may be acknowledged.
        """
        leaves, heads = self._chains.link(unplaced)
        entries = [leaf.content for leaf in leaves]
        proofs, root = self._append(leaves)
        faults.point("log.before_sign")
        note = sign_checkpoint(Checkpoint(self._origin, self._edge.size, root), self._key)
        new = Signed(self._edge.size, root, note)
        faults.point("log.before_swap")
        forget = self.settled if self.settled > self._forgotten else 0
        self._state.swap(self.signed, new, entries=entries, heads=heads, settled=forget)
        self._chains.advance(heads)
        self._forgotten = self.settled
        faults.point("log.after_swap")
        first, self.signed = self.signed.size, new
        self._unsettled_commits += 1
        self._unsettled_bytes += sum(map(len, entries))
        return [
            Receipt(index, entry, new.size, proof, note)
            for index, (entry, proof) in enumerate(zip(entries, proofs, strict=True), first)
        ]

    def restore(self, staged: Sequence[Staged]) -> None:
        """Write the files of commits that stand already, in their order, so that every published checkpoint has its
        tiles.
        """
        for batch in staged:
            self._publication.add(batch.entries, self._edge.append(list(map(leaf_hash, batch.entries))))
            self._publication.write_files(self._edge)

    @property
    def is_published(self) -> bool:
        """Whether the folder holds everything, and shows the checkpoint that it shall show."""
        return self._publication.shown == self._shown and self._publication.size == self.signed.size

    @property
    def _shown(self) -> str:
        return self.signed.note if self.display is None else self.display[1]

    def publish(self) -> None:
        """Bring the folder up to the newest checkpoint, which is then where everyone reads it, unless `display`
        holds it back. Raises `StorageFailed`."""
        if not self.is_published:
            self._publication.write_files(self._edge)
            if self._publication.shown != self._shown:
                self._publication.show(self._shown)

    @property
    def wants_settling(self) -> bool:
        """Whether enough has gathered in `State` since `detach`."""
        return (
            self._edge.size - self._detached >= _SETTLE_ENTRIES
            or self._unsettled_commits >= _SETTLE_COMMITS
            or self._unsettled_bytes >= _SETTLE_BYTES
        )

    def detach(self) -> Callable[[], int]:
        """What makes all files of now durable, to be called while the next commits go on. Publish before.

        It gives the size to put into `settled` then. It raises `StorageFailed`, which ends the writer.
        """
        files, size = self._publication.detach(), self._publication.size
        self._detached = size
        self._unsettled_commits = self._unsettled_bytes = 0

        def settle() -> int:
            faults.point("log.before_settle")
            files.synchronise()
            faults.point("log.after_settle")
            return size

        return settle

    def finish(self) -> None:
        """Publish and settle everything and tell `State`, so that the folder alone is whole."""
        self.publish()
        self.settled = self.detach()()
        self._state.settle(self.settled)

    def _append(self, leaves: Sequence[Leaf]) -> tuple[list[tuple[bytes, ...]], bytes]:
        """The proofs and the new root.

        What is signed is computed twice, in two ways: a bit that fell over in memory must not be signed. The old part
        of the tree must still give the root that was signed last, and each new entry, hashed again, the new one.
        """
        old = self.signed.size
        if self._edge.root != self.signed.root:
            raise StorageFailed("the tree of the log does not give the root that was signed last")
        growth = self._edge.append([leaf.digest for leaf in leaves])
        proofs = [growth.proof(index) for index in range(old, growth.size)]
        try:
            for index, (leaf, proof) in enumerate(zip(leaves, proofs, strict=True), old):
                verify_inclusion(index, growth.size, leaf_hash(leaf.content), proof=proof, root=growth.root)
        except ProofRefused as error:
            raise StorageFailed("an entry of the log does not lead to the root that was computed") from error
        self._publication.add([leaf.content for leaf in leaves], growth)
        return proofs, growth.root
