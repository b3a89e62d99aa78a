"""A log as anybody may read it: entries, and proofs made from the public files alone, without asking its writer.

Everything is led back to a checkpoint that the log's key signed before it is given out, and every proof made here is
checked as its receiver would.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from natsuin.signing_log.audit import newest_checkpoint, open_reader
from natsuin.signing_log.checkpoints import open_checkpoint
from natsuin.signing_log.merkle import leaf_hash, verify_consistency, verify_inclusion
from natsuin.signing_log.notes import parse_verifier_key
from natsuin.signing_log.receipts import Receipt
from natsuin.signing_log.refusals import LogDamaged, LogRewritten
from natsuin.signing_log.sources import open_source
from natsuin.signing_log.tiles import TILE_WIDTH


@dataclass(frozen=True)
class Consistency:
    """Proof that the log of the checkpoint `new` begins with the log of `old` entries: hashes of 32 bytes, in the
    order of RFC 9162, 2.1.4."""

    old: int
    size: int
    proof: tuple[bytes, ...]
    new: str


class PublicLog(AbstractContextManager["PublicLog"]):
    """The log in a folder or behind a URL as of one checkpoint. For one thread at a time; changes nothing.

    Its methods raise `LogDamaged` where files do not lead to the checkpoint, `LogUnreachable` where that cannot be
    told.
    """

    def __init__(self, location: str | Path, vkey: str, *, checkpoint: str | None = None) -> None:
        """Open it as of `checkpoint`, a signed note, or of the newest that is published.

        Raises as `verify_log` does.
        """
        self._key = parse_verifier_key(vkey)
        self._source = open_source(location)
        try:
            if checkpoint is None:
                self.note, opened = newest_checkpoint(self._source, self._key)
            else:
                self.note, opened = checkpoint, open_checkpoint(checkpoint, self._key)
            self._reader = open_reader(self._source, opened)
        except BaseException:
            self._source.close()
            raise
        self.origin, self.size, self.root = opened.origin, opened.size, opened.root

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the files."""
        self._source.close()

    def entries(self, first: int = 0) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of every entry from `first` on, in order, authenticated."""
        for bundle in range(first // TILE_WIDTH, -(-self.size // TILE_WIDTH)):
            for place, entry in enumerate(self._reader.bundle(bundle)):
                if bundle * TILE_WIDTH + place >= first:
                    yield bundle * TILE_WIDTH + place, entry

    def receipt(self, index: int) -> Receipt:
        """Entry `index` with the proof that it is in the log. Raises `NotFound` beyond the end."""
        entry = self._reader.entry(index)
        proof = self._reader.inclusion_proof(index)
        verify_inclusion(index, self.size, leaf_hash(entry), proof=proof, root=self.root)
        return Receipt(index, entry, self.size, proof, self.note)

    def consistency(self, older: str) -> Consistency:
        """Proof that this log begins with that of the checkpoint `older`, a signed note.

        Raises `BadNote`, `BadCheckpoint`, `UntrustedNote`; `LogDamaged` when `older` is longer, or when the log was
        rewritten since.
        """
        opened = open_checkpoint(older, self._key)
        if opened.size > self.size:
            raise LogDamaged("the older checkpoint is of more entries than the newer one")
        proof: tuple[bytes, ...] = ()
        if opened.size:
            proof = self._reader.consistency_proof(opened.size)
            if self._reader.root(opened.size) != opened.root:
                raise LogRewritten("the log does not contain the older checkpoint: it was rewritten")
            verify_consistency(opened.size, self.size, opened.root, new_root=self.root, proof=proof)
        return Consistency(opened.size, self.size, proof, self.note)
