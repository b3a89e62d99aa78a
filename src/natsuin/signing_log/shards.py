"""The signing log through the years: one shard after the other, of which the last is written.

Each shard is a log of its own, with its own origin and its own key. What is written carries an *index* within its
shard, because that is what proofs are about; whoever remembers where an entry stands remembers its *place*, which
counts on through all shards.

A shard is closed by its last entry, which is only written while nothing else is (`natsuin log rotate`). So uses of a
key, with their approvals, intents and outcomes, lie in one shard, and only the chains of keys go on in the next.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from natsuin.clock import Clock
from natsuin.errors import NatsuinError
from natsuin.signing_log.checkpoints import Checkpoint, sign_checkpoint
from natsuin.signing_log.entries import JSON
from natsuin.signing_log.folder import LogFolder
from natsuin.signing_log.hand_over import MAX_SHARDS, SHARDS, NextShard, next_shard, require_name, shard_before
from natsuin.signing_log.log import Shard
from natsuin.signing_log.merkle import EMPTY_ROOT
from natsuin.signing_log.notes import LogKey
from natsuin.signing_log.public_log import PublicLog
from natsuin.signing_log.publication import CHECKPOINT
from natsuin.signing_log.reader import LogReader
from natsuin.signing_log.receipts import Receipt
from natsuin.signing_log.refusals import (
    FileMissing,
    LogDamaged,
    LogExists,
    LogUnreachable,
    RightEdgeDamaged,
    RotationUnfinished,
    ShardsDiverge,
)
from natsuin.signing_log.sources import FolderSource
from natsuin.signing_log.state import Signed, State
from natsuin.signing_log.whole_log import OpenShard, WholeLog, location_of
from natsuin.signing_log.witnesses.rounds import Standing, Witnessing


@dataclass(frozen=True)
class ShardPlace:
    """Where a shard lies: number from 1, name (empty for the first), public folder, record, origin."""

    number: int
    name: str
    folder: Path
    state: Path
    origin: str


@dataclass(frozen=True)
class LogPlace:
    """Where a log lies: folder, record and origin of its first shard, from which those of the others follow."""

    folder: Path
    state: Path
    origin: str

    def shard(self, number: int, name: str) -> ShardPlace:
        """The place of the shard `name`, which is the `number`-th. Raises `BadShardName`."""
        if number == 1:
            return ShardPlace(1, "", self.folder, self.state, self.origin)
        folder = Path(location_of(self.folder, require_name(name)))
        state = self.state.with_name(f"{self.state.stem}-{name}{self.state.suffix}")
        return ShardPlace(number, name, folder, state, f"{self.origin}/{name}")


class SigningLog:
    """The open log, written by this process alone. Every method may be called from any thread."""

    def __init__(self, shard: Shard, place: ShardPlace, earlier: Sequence[OpenShard]) -> None:
        """For `open` only: `shard` is written, `earlier` are closed, oldest first."""
        self._shard, self._place, self._earlier = shard, place, tuple(earlier)
        self._starts: list[int] = []
        start = 0
        for one in self._earlier:
            self._starts.append(start)
            start += one.log.size
        self.start = start
        """Place of the first entry of the shard that is written; 0 before the first rotation."""

    @classmethod
    def open(
        cls,
        place: LogPlace,
        *,
        keys: Callable[[int], LogKey],
        clock: Clock,
        on_fatal: Callable[[NatsuinError], None] | None = None,
        witnessing: Witnessing | None = None,
    ) -> Self:
        """Open the log that `create_log` made and `begin_shard` went on with. `keys` gives the key of a shard by its
        number, from 1.

        Raises, each for its own reason: `LogLocked`, `LogMissing`, `LoosePermissions`, `StateMissing`, `StateDamaged`,
        `StateBehind`, `CheckpointAhead`, `CheckpointDiverges`, `RightEdgeDamaged`, `LastBundleDamaged`,
        `ShardsDiverge`, `RotationUnfinished`, `StorageFailed`; and `WitnessRefused`, when a witness has seen a later or
        another state of this log. None of them goes away by asking again. See `Shard.open` for `on_fatal`.
        """
        closed, current = find_shards(place)
        if current is None:
            raise _unfinished()
        shard = _open(current, keys(current.number), clock, on_fatal, witnessing)
        try:
            return cls(shard, current, _lead_back(closed, current, shard))
        except BaseException:
            shard.close()
            raise

    def add(self, entry: Mapping[str, JSON]) -> Receipt:
        """Write an entry and wait until it is durable under a signed checkpoint. See `Shard.add_all`."""
        return self._shard.add(entry)

    def add_all(self, entries: Sequence[Mapping[str, JSON]]) -> list[Receipt]:
        """Write entries that belong together, all or none, in one commit. See `Shard.add_all`."""
        return self._shard.add_all(entries)

    def publish(self) -> None:
        """Bring the folder up to the newest checkpoint now. Raises `StorageFailed`."""
        self._shard.publish()

    def receipt(self, place: int) -> Receipt:
        """A receipt for an entry that is in the log, under the newest checkpoint of its shard.

        Raises `NotFound`, `LogDamaged`.
        """
        number, index = self._locate(place)
        return self._shard.receipt(index) if number is None else self._reading(number).receipt(index)

    def receipts(self, places: Iterable[int]) -> Iterator[Receipt]:
        """Receipts for entries, as `receipt` gives them; those of the newest shard are all under one checkpoint."""
        located = [self._locate(place) for place in places]
        newest = self._shard.receipts([index for number, index in located if number is None])
        opened: dict[int, PublicLog] = {}
        for number, index in located:
            if number is None:
                yield next(newest)
                continue
            opened[number] = opened.get(number) or self._reading(number)
            yield opened[number].receipt(index)

    def entries(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Place and bytes of every entry from `start` to the size at the first step, each led back to a signed root.

        Raises `LogDamaged` where the files do not agree with it, `LogUnreachable` when they cannot be read.
        """
        for number, begin in enumerate(self._starts):
            if start < begin + self._earlier[number].log.size:
                for index, entry in self._reading(number).entries(max(0, start - begin)):
                    yield begin + index, entry
        for index, entry in self._shard.entries(max(0, start - self.start)):
            yield self.start + index, entry

    def witnessed(self, receipts: Sequence[Receipt]) -> list[Receipt]:
        """See `Shard.witnessed`; for entries that were just added."""
        return self._shard.witnessed(receipts)

    def require_witnessed(self, receipts: Sequence[Receipt]) -> None:
        """See `Shard.require_witnessed`; for entries that were just added."""
        self._shard.require_witnessed(receipts)

    def require_witnesses(self) -> None:
        """See `Shard.require_witnesses`."""
        self._shard.require_witnesses()

    def witness_standings(self) -> tuple[Standing, ...]:
        """How it stands with each witness; nothing for a log that asks none."""
        return self._shard.witness_standings()

    def place_of(self, receipt: Receipt) -> int:
        """Where an entry that was just added stands through all shards."""
        return self.start + receipt.index

    def index_of(self, place: int) -> int:
        """Index of an entry within its shard, as it stands in proofs and in other entries. Raises `NotFound`."""
        return self._locate(place)[1]

    def vkey_of(self, place: int) -> str:
        """The verifier key of the shard in which the entry at `place` stands. Raises `NotFound`."""
        number, _ = self._locate(place)
        return self.vkey if number is None else self._earlier[number].vkey

    def whole(self) -> WholeLog:
        """All shards as of now, cosigned where receipts are, to be read by one thread. Raises as `WholeLog`, and
        `NotWitnessed`."""
        note, folder = self._shard.readable(), self._place.folder
        earlier = [
            OpenShard(one.name, one.location, one.vkey, self._reading(number))
            for number, one in enumerate(self._earlier)
        ]
        current = OpenShard(self._place.name, folder, self.vkey, PublicLog(folder, self.vkey, checkpoint=note))
        return WholeLog([*earlier, current])

    def checkpoints(self) -> tuple[str, ...]:
        """A checkpoint of each shard, oldest first: the last one of those that are closed, and a readable one of the
        one that is written. Raises `NotWitnessed`, `StorageFailed`."""
        return (*(one.log.note for one in self._earlier), self._shard.readable())

    def public(self, number: int, checkpoint: str) -> PublicLog:
        """Shard `number`, from 1, as of one of its checkpoints, for one thread. Raises as `PublicLog`."""
        if number == self.number:
            return PublicLog(self._place.folder, self.vkey, checkpoint=checkpoint)
        one = self._earlier[number - 1]
        return PublicLog(one.location, one.vkey, checkpoint=checkpoint)

    def shard_of(self, place: int) -> int:
        """Number, from 1, of the shard in which the entry at `place` stands."""
        number, _ = self._locate(place)
        return self.number if number is None else number + 1

    @property
    def size(self) -> int:
        """Number of entries in all shards."""
        return self.start + self._shard.size

    @property
    def checkpoint(self) -> str:
        """The newest checkpoint of the newest shard, a signed note. It is durable; `publish` puts it into the
        folder."""
        return self._shard.checkpoint

    @property
    def vkey(self) -> str:
        """The verifier key of the shard that is written."""
        return self._shard.vkey

    @property
    def earlier_vkeys(self) -> tuple[str, ...]:
        """The verifier keys of the closed shards, oldest first."""
        return tuple(one.vkey for one in self._earlier)

    @property
    def number(self) -> int:
        """Number of the shard that is written, from 1."""
        return self._place.number

    def close(self) -> None:
        """Take no more entries, commit and answer what waits, and let go of the log. May be called again."""
        self._shard.close()

    def _reading(self, number: int) -> PublicLog:
        """A closed shard for one thread: it keeps what it has read."""
        one = self._earlier[number]
        return PublicLog(one.location, one.vkey, checkpoint=one.log.note)

    def _locate(self, place: int) -> tuple[int | None, int]:
        """Number among the closed shards, None for the one that is written, and index there."""
        if place >= self.start or place < 0:
            return None, place - self.start
        number = bisect_right(self._starts, place) - 1
        return number, place - self._starts[number]


def open_alone(
    place: ShardPlace,
    key: LogKey,
    clock: Clock,
    on_fatal: Callable[[NatsuinError], None] | None = None,
    witnessing: Witnessing | None = None,
) -> SigningLog:
    """One shard without those before it, for a rotation. Raises as `Shard.open`."""
    return SigningLog(_open(place, key, clock, on_fatal, witnessing), place, ())


def _open(
    place: ShardPlace,
    key: LogKey,
    clock: Clock,
    on_fatal: Callable[[NatsuinError], None] | None,
    witnessing: Witnessing | None = None,
) -> Shard:
    return Shard.open(
        place.folder,
        place.state,
        origin=place.origin,
        key=key,
        clock=clock,
        on_fatal=on_fatal,
        witnessing=witnessing,
    )


def find_shards(place: LogPlace) -> tuple[list[tuple[ShardPlace, NextShard]], ShardPlace | None]:
    """The closed shards, each with what it names as the next, and the one that is written; None for that if the next
    one is not begun yet. Nothing is believed but the records. Raises `StateDamaged`, `LogLocked`, `BadShardName`."""
    closed: list[tuple[ShardPlace, NextShard]] = []
    current = place.shard(1, "")
    while len(closed) < MAX_SHARDS:
        named = _next_after(current)
        if named is None:
            return closed, current
        closed.append((current, named))
        current = place.shard(current.number + 1, named.name)
        if not _is_begun(current):
            return closed, None
    raise ShardsDiverge("the log has more shards than there can be")


def begin_shard(place: ShardPlace, key: LogKey, *, after: ShardPlace) -> None:
    """Begin the empty shard `place`, in which the chains of keys go on where the closed shard `after` left them.

    Durable on return; after a crash it is called again. Raises `LogExists` when there is more than an earlier try may
    have left, `StorageFailed`, `LogLocked`.
    """
    place.folder.parent.mkdir(mode=0o755, exist_ok=True)
    place.folder.parent.chmod(0o755)
    place.folder.mkdir(mode=0o755, exist_ok=True)
    place.folder.chmod(0o755)
    if not place.state.exists() and any(place.folder.iterdir()):
        raise LogExists(f"the folder {SHARDS}/{place.name} of the log is not empty", hint="Choose another name.")
    held = LogFolder(place.folder)
    try:
        note = sign_checkpoint(Checkpoint(place.origin, 0, EMPTY_ROOT), key)
        if not place.state.exists():
            State.create_after(place.state, Signed(0, EMPTY_ROOT, note), older=after.state)
        held.write(CHECKPOINT, note.encode())
        held.detach().synchronise()
    finally:
        held.close()


def final_state(place: ShardPlace) -> Signed:
    """What a closed shard ended with. Raises `StateMissing`, `StateDamaged`, `LogLocked`."""
    record = State.open(place.state)
    try:
        return record.read()
    finally:
        record.close()


def _next_after(place: ShardPlace) -> NextShard | None:
    """What the newest entry of a shard says comes after it; None if it is no such entry, or if the shard cannot be
    read, which whoever opens it is told with the reason."""
    if not place.state.exists() or not place.folder.is_dir():
        return None
    record = State.open(place.state)
    try:
        signed, staged = record.read(), record.read_staged()
    finally:
        record.close()
    if staged:
        return next_shard(staged[-1].entries[-1])
    if not signed.size:
        return None
    try:
        reader = LogReader(FolderSource(place.folder), Checkpoint(place.origin, signed.size, signed.root))
        return next_shard(reader.entry(signed.size - 1))
    except (LogDamaged, RightEdgeDamaged, LogUnreachable, FileMissing):
        return None


def _is_begun(place: ShardPlace) -> bool:
    """Whether the shard has its first entry, or has gone so far that only opening it can tell."""
    if not place.state.exists():
        return False
    return final_state(place).size > 0


def _lead_back(closed: Sequence[tuple[ShardPlace, NextShard]], current: ShardPlace, shard: Shard) -> list[OpenShard]:
    """The closed shards, each led back to from the first entry of the one after it, which names its key and root."""
    if not closed:
        return []
    read = PublicLog(current.folder, shard.vkey, checkpoint=shard.checkpoint)
    shards = [OpenShard(current.name, current.folder, shard.vkey, read)]
    for older, _ in reversed(closed):
        end = shard_before(shards[0].log.receipt(0).leaf)
        if end is None or (end.shard, end.origin) != (older.name, older.origin):
            raise ShardsDiverge("a shard of the log does not name the one before it")
        shards.insert(0, OpenShard(older.name, older.folder, end.vkey, PublicLog(older.folder, end.vkey)))
    return list(WholeLog(shards).shards[:-1])


def _unfinished() -> RotationUnfinished:
    return RotationUnfinished(
        "a rotation of the log was interrupted: its newest shard is closed and the next is not begun",
        hint="Go on with `natsuin log rotate`.",
    )
