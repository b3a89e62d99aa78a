"""The open signing log, and how one comes to be.

Creating is an act of its own and happens once. Opening checks that the record, the published checkpoint and the newest
files tell the same story, and refuses with a reason of its own where they do not. What a crash left beyond the record
was never acknowledged and is written anew.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from natsuin.clock import Clock
from natsuin.errors import Malformed, NatsuinError
from natsuin.signing_log.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from natsuin.signing_log.cleaning import Cleaner
from natsuin.signing_log.commit import Committer
from natsuin.signing_log.entries import JSON
from natsuin.signing_log.folder import LogFolder
from natsuin.signing_log.key_chains import prepare
from natsuin.signing_log.merkle import EMPTY_ROOT, leaf_hash
from natsuin.signing_log.notes import MAX_NOTE, LogKey, VerifierKey, make_verifier_key
from natsuin.signing_log.publication import CHECKPOINT
from natsuin.signing_log.reader import LogReader, read_unverified_bundle, read_unverified_edge
from natsuin.signing_log.receipts import Receipt
from natsuin.signing_log.refusals import (
    BadTile,
    CheckpointAhead,
    CheckpointDiverges,
    FileMissing,
    LastBundleDamaged,
    LogDamaged,
    LogExists,
    LogMissing,
    RightEdgeDamaged,
    StateBehind,
    StateDamaged,
    UntrustedNote,
)
from natsuin.signing_log.sources import FolderSource
from natsuin.signing_log.state import Signed, State
from natsuin.signing_log.tiles import TILE_WIDTH, TileName, encode_bundle
from natsuin.signing_log.tree import RightEdge
from natsuin.signing_log.witnesses.asking import Shown
from natsuin.signing_log.witnesses.rounds import Rounds, Standing, Witnessing
from natsuin.signing_log.writer import MAX_WAITING, Writer

_STORED: Final = (CHECKPOINT, "tile", "tile/entries", "tile/0")


def create_log(folder: Path, state: Path, *, origin: str, key: LogKey) -> None:
    """Begin an empty log in `folder` (made if missing) with its record in the file `state`. Durable on return.

    `origin` is the log's name for ever: a URL prefix without scheme, no blanks, no plus sign (C2SP tlog-checkpoint).
    Raises `LogExists` when the folder holds anything or the record is there, `BadKey`, `StorageFailed`, `LogLocked`,
    `LogMissing`.
    """
    make_verifier_key(origin, key.public)
    if state.exists() or (folder.exists() and any(folder.iterdir())):
        raise LogExists("there is a log already", hint="A log is created once; choose another folder and a new origin.")
    folder.mkdir(mode=0o755, exist_ok=True)
    folder.chmod(0o755)
    held = LogFolder(folder)
    try:
        note = sign_checkpoint(Checkpoint(origin, 0, EMPTY_ROOT), key)
        State.create(state, Signed(0, EMPTY_ROOT, note))
        held.write(CHECKPOINT, note.encode())
        held.detach().synchronise()
    finally:
        held.close()


class Shard:
    """An open log, written by this process alone. Every method may be called from any thread."""

    def __init__(self, folder: Path, held: LogFolder, state: State, *, verifier: VerifierKey, cleaner: Cleaner) -> None:
        """For `open` only."""
        self._path, self._held, self._state = folder, held, state
        self._verifier = verifier
        self._cleaner = cleaner
        self._writer: Writer
        self._newest: tuple[int, str] = (0, "")
        self._rounds: Rounds | None = None

    @classmethod
    def open(
        cls,
        folder: Path,
        state: Path,
        *,
        origin: str,
        key: LogKey,
        clock: Clock,
        on_fatal: Callable[[NatsuinError], None] | None = None,
        witnessing: Witnessing | None = None,
    ) -> Self:
        """Open the log that `create_log` made, and publish the newest checkpoint if a crash prevented that.

        Raises, each for its own reason: `LogLocked`, `LogMissing`, `LoosePermissions`, `StateMissing`, `StateDamaged`,
        `StateBehind`, `CheckpointAhead`, `CheckpointDiverges`, `RightEdgeDamaged`, `LastBundleDamaged`,
        `StorageFailed`; and `WitnessRefused`, when a witness has seen a later or another state of this log. None of
        them goes away by asking again; the folder is left as it was found.

        When writing fails later, or a witness refuses, `on_fatal` is called from the thread that noticed: end the
        process, its next start recovers or refuses.
        """
        verifier = make_verifier_key(origin, key.public)
        held = LogFolder(folder)
        record: State | None = None
        try:
            held.refuse_loose_permissions(*_STORED)
            record = State.open(state)
            committer, published = _recover(folder, held, record, origin=origin, key=key)
            if witnessing is not None:
                committer.display = published
            committer.finish()
            log = cls(folder, held, record, verifier=verifier, cleaner=Cleaner(held, clock, size=committer.settled))
        except BaseException:
            if record is not None:
                record.close()
            held.close()
            raise
        log._committed(committer.signed.size, committer.signed.note)
        log._writer = Writer(committer, on_commit=log._committed, on_settled=log._cleaner.clean, on_fatal=on_fatal)
        if witnessing is not None:
            log._ask(witnessing)
        return log

    def add(self, entry: Mapping[str, JSON]) -> Receipt:
        """Write an entry and wait until it is durable under a signed checkpoint. See `add_all`."""
        return self.add_all([entry])[0]

    def add_all(self, entries: Sequence[Mapping[str, JSON]]) -> list[Receipt]:
        """Write entries that belong together, all or none, in one commit; they are durable and signed for on return.

        Those with a field `key` get their numbers in the chain of that key. The files show them within
        `PUBLISH_SECONDS` or after `publish`.

        Raises `BadEntry` or `EntryTooLarge` for an unusable entry, `Busy` when 4,096 wait, `LogClosed`,
        `StorageFailed`. Who got `StorageFailed` does not know whether the entries were written.
        """
        return self._writer.add_all([prepare(entry) for entry in entries])

    def publish(self) -> None:
        """Bring the folder up to the newest checkpoint now. Raises `StorageFailed`."""
        self._writer.publish()

    def receipt(self, index: int) -> Receipt:
        """A receipt for an entry that is already in the log, under the newest checkpoint.

        Raises `NotFound`, `LogDamaged`; `NotWitnessed` where receipts wait for witnesses, and they are away.
        """
        return next(self.receipts([index]))

    def receipts(self, indices: Iterable[int]) -> Iterator[Receipt]:
        """Receipts for entries, all under one checkpoint, cosigned if this log asks witnesses and they answer; it is
        the newest of that kind at the first step. Raises as `receipt`."""
        indices = list(indices)
        reader, note = self._reader(self._cosigned(max(indices, default=-1) + 1))
        for index in indices:
            yield Receipt(index, reader.entry(index), reader.checkpoint.size, reader.inclusion_proof(index), note)

    def entries(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of every entry from `start` to the size at the first step, each led back to the signed root.

        Raises `LogDamaged` where the files do not agree with it, `LogUnreachable` when they cannot be read.
        """
        reader, _ = self._reader()
        for bundle in range(start // TILE_WIDTH, -(-reader.checkpoint.size // TILE_WIDTH)):
            for index, entry in enumerate(reader.bundle(bundle), bundle * TILE_WIDTH):
                if index >= start:
                    yield index, entry

    def readable(self) -> str:
        """A checkpoint over everything, whose files are in the folder; cosigned if this log asks witnesses and they
        answer. Raises `NotWitnessed`, `StorageFailed`."""
        _, note = self._reader(self._cosigned(self.size))
        return note

    def witnessed(self, receipts: Sequence[Receipt]) -> list[Receipt]:
        """The same receipts under a checkpoint that a quorum of witnesses has cosigned: waits for one. Where the log
        goes on without witnesses (or has none), those that are left without stay as they are.

        Raises `NotWitnessed` where it does not: the entries stand, and the same may be asked again later.
        """
        if self._rounds is None or not receipts:
            return list(receipts)
        cosigned = self._cosigned(max(receipt.size for receipt in receipts))
        if cosigned is None:
            return list(receipts)
        size, note = cosigned
        if all(receipt.size == size for receipt in receipts):
            return [replace(receipt, checkpoint=note) for receipt in receipts]
        reader, note = self._reader(cosigned)
        return [Receipt(each.index, each.leaf, size, reader.inclusion_proof(each.index), note) for each in receipts]

    def require_witnessed(self, receipts: Sequence[Receipt]) -> None:
        """Wait until a quorum has cosigned these entries, where the log does not go on without. Raises
        `NotWitnessed`."""
        if self._rounds is not None and receipts:
            self._rounds.require(max(receipt.index for receipt in receipts) + 1)

    def require_witnesses(self) -> None:
        """Raise `NotWitnessed` if the log does not go on without witnesses, and they are known to be away."""
        if self._rounds is not None:
            self._rounds.require_present()

    def witness_standings(self) -> tuple[Standing, ...]:
        """How it stands with each witness; nothing for a log that asks none."""
        return () if self._rounds is None else self._rounds.standing()

    @property
    def size(self) -> int:
        """Number of entries under the newest checkpoint."""
        return self._newest[0]

    @property
    def checkpoint(self) -> str:
        """The newest checkpoint, a signed note. It is durable; `publish` puts it into the folder."""
        return self._newest[1]

    @property
    def vkey(self) -> str:
        """The verifier key that everything of this log is checked with."""
        return str(self._verifier)

    def close(self) -> None:
        """Take no more entries, commit and answer what waits, and let go of the log. May be called again."""
        if self._rounds is not None:
            self._rounds.wait(self._newest[0])
            self._rounds.close()
            cosigned = self._rounds.cosigned
            self._writer.display(*(cosigned if cosigned[0] >= self._newest[0] else self._newest))
        self._writer.close()
        self._state.close()
        self._held.close()

    def _committed(self, size: int, note: str) -> None:
        self._newest = (size, note)
        if self._rounds is not None:
            self._rounds.wish(size)

    def _ask(self, witnessing: Witnessing) -> None:
        """Begin to ask witnesses, and stop here if one knows better. Raises `WitnessRefused`."""
        self._rounds = Rounds(witnessing, prepare=self._prepare, show=self._show, stop=self._writer.stop)
        try:
            self._rounds.begin(self._newest[0])
        except BaseException:
            self._rounds.close()
            self._rounds = None
            self.close()
            raise

    def _prepare(self) -> Shown:
        """The newest checkpoint, for witnesses. Its proofs are asked for by several threads."""
        reader, note = self._reader()
        turn = threading.Lock()

        def prove(old: int) -> tuple[bytes, ...]:
            with turn:
                return reader.consistency_proof(old)

        return Shown(reader.checkpoint.size, note, prove)

    def _show(self, size: int, note: str) -> None:
        self._writer.display(size, note)
        self.publish()

    def _cosigned(self, size: int) -> tuple[int, str] | None:
        """Size and note of a cosigned checkpoint over the first `size` entries at least; None where there is none and
        the log goes on without."""
        if self._rounds is None:
            return None
        self._rounds.require(size)
        return self._rounds.cosigned if self._rounds.wait(size) else None

    def _reader(self, cosigned: tuple[int, str] | None = None) -> tuple[LogReader, str]:
        """A reader as of a checkpoint that was cosigned, or of the newest, and that checkpoint."""
        note = self._writer.publish() if cosigned is None else cosigned[1]
        return LogReader(FolderSource(self._path), open_checkpoint(note, self._verifier)), note


def _recover(
    folder: Path, held: LogFolder, record: State, *, origin: str, key: LogKey
) -> tuple[Committer, tuple[int, str]]:
    """Compare record, published checkpoint and newest files, then write again what a power cut may have taken. Answers
    with the published checkpoint, too: its size, and its note with all signatures.

    Nothing is written before the files that are settled and the entries that are not give the signed root together.
    """
    verifier = make_verifier_key(origin, key.public)
    source = FolderSource(folder)
    recorded = _recorded(record.read(), verifier)
    published, note = _published(source, recorded, verifier)
    beyond = TileName(None, (recorded.size + MAX_WAITING) // TILE_WIDTH + 1)
    if held.exists(str(beyond)) or held.exists(f"{beyond}.p"):
        raise StateBehind("the folder holds more entries than one unfinished commit beyond the record")
    staged = record.read_staged()
    settled = staged[0].start if staged else recorded.size
    partial = read_unverified_edge(source, settled)
    whole = RightEdge(settled, partial)
    for batch in staged:
        whole.append(list(map(leaf_hash, batch.entries)))
    if whole.root != recorded.root:
        raise RightEdgeDamaged("the newest tiles of the log do not give the signed root")
    last = _last_bundle(source, settled, partial.get(0, b""))
    committer = Committer(held, record, origin=origin, key=key, edge=RightEdge(settled, partial), bundle=last)
    committer.restore(staged)
    reader = LogReader(source, recorded)
    if reader.root(published.size) != published.root:
        raise CheckpointDiverges("the published checkpoint is not an earlier state of this log")
    if recorded.size:
        try:
            reader.bundle((recorded.size - 1) // TILE_WIDTH)
        except LogDamaged as error:
            raise LastBundleDamaged("the newest entries of the log do not match their tile") from error
    return committer, (published.size, note or committer.signed.note)


def _last_bundle(source: FolderSource, size: int, hashes: bytes) -> bytes:
    """The partial bundle at the end of a log of `size` entries, whose leaf hashes are `hashes`; nothing if all are
    full.
    """
    if size % TILE_WIDTH == 0:
        return b""
    try:
        entries = read_unverified_bundle(source, TileName(None, size // TILE_WIDTH, size % TILE_WIDTH))
    except (FileMissing, BadTile) as error:
        raise LastBundleDamaged("the newest entries of the log are missing or cut") from error
    if b"".join(map(leaf_hash, entries)) != hashes:
        raise LastBundleDamaged("the newest entries of the log do not match their tile")
    return encode_bundle(entries)


def _recorded(signed: Signed, verifier: VerifierKey) -> Checkpoint:
    """The record's checkpoint, verified. Raises `StateDamaged`."""
    try:
        recorded = open_checkpoint(signed.note, verifier)
    except (Malformed, UntrustedNote) as error:
        raise StateDamaged("the record of the last signed checkpoint is not of this log or this key") from error
    if (recorded.size, recorded.root) != (signed.size, signed.root):
        raise StateDamaged("the record of the last signed checkpoint contradicts itself")
    return recorded


def _published(source: FolderSource, recorded: Checkpoint, verifier: VerifierKey) -> tuple[Checkpoint, str]:
    """The published checkpoint and its note; for one that a power cut spoiled the record's, which is then published
    instead, and no note."""
    try:
        content = source.read(CHECKPOINT, MAX_NOTE)
        published = open_checkpoint(content, verifier)
    except FileMissing as error:
        if recorded.size == 0:
            return recorded, ""
        raise LogMissing("the folder holds no checkpoint", hint="Is this the folder of the log?") from error
    except Malformed:
        return recorded, ""
    except UntrustedNote as error:
        raise CheckpointDiverges("the published checkpoint is not signed by this log") from error
    if published.size > recorded.size:
        raise CheckpointAhead(
            "the published checkpoint is newer than the record of the last signed one",
            hint="The record was rolled back. Never restore it from a backup; begin a new log with a new origin.",
        )
    if published.size == recorded.size and published.root != recorded.root:
        raise CheckpointDiverges("the published checkpoint and the record have one size and two roots")
    return published, content.decode()
