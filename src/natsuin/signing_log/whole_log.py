"""All shards of a log as anybody may read them, led from the one whose key the reader trusts to all others.

The first shard lies in the log's own folder or URL, the next ones below `shards/`. From the trusted shard the way goes
back by what each first entry says, and forward by what each last entry says; either way both must agree.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from natsuin.errors import NotFound
from natsuin.signing_log.hand_over import (
    MAX_SHARDS,
    SHARDS,
    NextShard,
    ShardEnd,
    check_hand_over,
    end_of,
    is_name,
    next_shard,
    shard_before,
)
from natsuin.signing_log.notes import parse_verifier_key
from natsuin.signing_log.public_log import PublicLog
from natsuin.signing_log.receipts import Receipt
from natsuin.signing_log.refusals import BadKey, FileMissing, LogUnreachable, ShardsDiverge, UntrustedNote


@dataclass(frozen=True)
class OpenShard:
    """One shard as of one checkpoint: its name (empty for the first), where it is, its key, its files."""

    name: str
    location: str | Path
    vkey: str
    log: PublicLog

    @property
    def end(self) -> ShardEnd:
        """How the next one has to name it."""
        return end_of(self.name, origin=self.log.origin, vkey=self.vkey, size=self.log.size, root=self.log.root)

    @property
    def named(self) -> NextShard:
        """How the one before has to name it."""
        return NextShard(self.name, self.log.origin, self.vkey)


@dataclass(frozen=True)
class HandOver:
    """Where the shard `older` ends and the next begins: receipts of the two entries, each under its shard's note."""

    older: OpenShard
    last: Receipt
    first: Receipt


class WholeLog(AbstractContextManager["WholeLog"]):
    """Shards in their order, each verified against its own checkpoint and handed over to the next.

    A *place* counts entries through all shards, an *index* within one. For one thread at a time; changes nothing.
    """

    def __init__(self, shards: Sequence[OpenShard]) -> None:
        """Raises `ShardsDiverge` where two neighbours do not name each other, and as `PublicLog`."""
        self.shards = tuple(shards)
        self.starts: list[int] = []
        self.size = 0
        for shard in self.shards:
            self.starts.append(self.size)
            self.size += shard.log.size
        self.hand_overs = tuple(map(_hand_over, self.shards, self.shards[1:]))

    @classmethod
    def open(cls, location: str | Path, vkey: str) -> "WholeLog":
        """Find all shards of the log at `location`, beginning with the one whose key is `vkey`.

        Raises as `verify_log` does, and `ShardsDiverge`.
        """
        trusted = _find_trusted(location, vkey)
        shards = [trusted]
        try:
            _follow_back(location, shards)
            _follow_on(location, shards)
            return cls(shards)
        except BaseException:
            for shard in shards:
                shard.log.__exit__(None, None, None)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the files."""
        for shard in self.shards:
            shard.log.__exit__(kind, error, trace)

    def locate(self, place: int) -> tuple[OpenShard, int]:
        """Shard and index of the entry at `place`. Raises `NotFound` beyond the end."""
        if not 0 <= place < self.size:
            raise NotFound("the log has no entry of that index")
        number = bisect_right(self.starts, place) - 1
        return self.shards[number], place - self.starts[number]

    def receipt(self, place: int) -> Receipt:
        """The entry at `place` with its proof, under the checkpoint of its shard. Raises as `PublicLog.receipt`."""
        shard, index = self.locate(place)
        return shard.log.receipt(index)

    def entries(self) -> Iterator[tuple[int, bytes]]:
        """Place and bytes of every entry, in order, authenticated."""
        for start, shard in zip(self.starts, self.shards, strict=True):
            for index, content in shard.log.entries():
                yield start + index, content


def location_of(location: str | Path, name: str) -> str | Path:
    """Where the shard `name` of the log at `location` is; the empty name is the first shard's."""
    if not name:
        return location
    if isinstance(location, str) and "://" in location:
        return f"{location.rstrip('/')}/{SHARDS}/{name}"
    return Path(location) / SHARDS / name


def _find_trusted(location: str | Path, vkey: str) -> OpenShard:
    """The shard with this key: the one at `location`, or the one whose name ends the origin."""
    try:
        return OpenShard("", location, vkey, PublicLog(location, vkey))
    except UntrustedNote:
        name = parse_verifier_key(vkey).name.rpartition("/")[2]
        if not is_name(name):
            raise
        elsewhere = location_of(location, name)
        try:
            return OpenShard(name, elsewhere, vkey, PublicLog(elsewhere, vkey))
        except LogUnreachable as error:
            if not isinstance(error.__cause__, FileMissing):
                raise
        # There is no such shard, so what was found first was meant, and is not of this key.
        raise


def _follow_back(location: str | Path, shards: list[OpenShard]) -> None:
    """Put the shards before the first of `shards` in front of it. A shard that was named by its own address, without
    the log's, stands alone."""
    while shards[0].log.size:
        if len(shards) == MAX_SHARDS:
            raise ShardsDiverge("the log has more shards than there can be")
        before = shard_before(shards[0].log.receipt(0).leaf)
        if before is None or (not shards[0].name and len(shards) == 1):
            return
        elsewhere = location_of(location, before.shard)
        shards.insert(0, OpenShard(before.shard, elsewhere, before.vkey, _opened(elsewhere, before.vkey)))


def _follow_on(location: str | Path, shards: list[OpenShard]) -> None:
    if not shards[0].name and shards[0].log.size and shard_before(shards[0].log.receipt(0).leaf) is not None:
        return
    while shards[-1].log.size:
        if len(shards) == MAX_SHARDS:
            raise ShardsDiverge("the log has more shards than there can be")
        named = next_shard(shards[-1].log.receipt(shards[-1].log.size - 1).leaf)
        if named is None:
            return
        elsewhere = location_of(location, named.name)
        shards.append(OpenShard(named.name, elsewhere, named.vkey, _opened(elsewhere, named.vkey)))


def _opened(location: str | Path, vkey: str) -> PublicLog:
    try:
        return PublicLog(location, vkey)
    except BadKey as error:
        raise ShardsDiverge("a shard of the log names a key that is none") from error


def _hand_over(older: OpenShard, newer: OpenShard) -> HandOver:
    if not older.log.size or not newer.log.size:
        raise ShardsDiverge("a shard of the log is empty")
    last, first = older.log.receipt(older.log.size - 1), newer.log.receipt(0)
    check_hand_over(older.end, last.leaf, newer=newer.named, first_leaf=first.leaf)
    return HandOver(older, last, first)
