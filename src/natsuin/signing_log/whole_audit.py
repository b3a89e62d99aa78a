"""Checking a log through all its shards, and finding a shard by its key or by a checkpoint."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from natsuin.errors import NatsuinError, Refused
from natsuin.signing_log.audit import LogReport, verify_log
from natsuin.signing_log.checkpoints import open_checkpoint
from natsuin.signing_log.hand_over import SHARDS, is_name
from natsuin.signing_log.key_chains import ChainReader
from natsuin.signing_log.notes import MAX_NOTE, make_verifier_key, parse_verifier_key
from natsuin.signing_log.publication import CHECKPOINT
from natsuin.signing_log.refusals import ShardsDiverge, UntrustedNote
from natsuin.signing_log.shards import LogPlace
from natsuin.signing_log.sources import FolderSource
from natsuin.signing_log.whole_log import OpenShard, WholeLog


@dataclass(frozen=True)
class WholeReport:
    """What was verified: a report for each shard, oldest first."""

    shards: tuple[LogReport, ...]

    @property
    def entries(self) -> int:
        """Entries of all shards."""
        return sum(shard.entries for shard in self.shards)

    @property
    def checkpoint(self) -> str:
        """The newest, a signed note."""
        return self.shards[-1].checkpoint


def size_of(folder: Path, vkey: str) -> int:
    """How many entries a log's folder shows now, through all its shards; `vkey` is the key of any. Raises as
    `WholeLog.open`."""
    with WholeLog.open(folder, vkey) as log:
        return log.size


def find_vkey(place: LogPlace, keys: Iterable[bytes]) -> str:
    """The verifier key of the shard that one of these public keys (32 raw bytes each) signed. Raises
    `UntrustedNote`."""
    below = place.folder / SHARDS
    names = [path.name for path in below.iterdir() if is_name(path.name)] if below.is_dir() else []
    origins = {f"{place.origin}/{name}": below / name for name in names} | {place.origin: place.folder}
    for key in keys:
        for origin, folder in origins.items():
            vkey = make_verifier_key(origin, key)
            with suppress(NatsuinError):
                open_checkpoint(FolderSource(folder).read(CHECKPOINT, MAX_NOTE), vkey)
                return str(vkey)
    raise UntrustedNote(
        "no shard of the log is signed by a key of this DB-2",
        hint="The log was rotated twice since this DB-2 was saved: bring a newer backup of it.",
    )


def verify_shards(
    location: Path, vkey: str, *, since: str | None = None, progress: Callable[[int, int], None] | None = None
) -> WholeReport:
    """Verify a log through all its shards; `vkey` is the key of any, `since` a checkpoint that one must contain.

    Raises as `verify_log`, and `ShardsDiverge`; `UntrustedNote` when `since` is of no shard.
    """
    with WholeLog.open(location, vkey) as log:
        shards, total = log.shards, log.size
    reports: list[LogReport] = []
    chains: ChainReader | None = None
    contained = since is None
    for shard in shards:
        mine = since if since is not None and _is_signed(since, shard.vkey) else None
        start = sum(report.entries for report in reports)
        report, chains = _verify(shard, mine, chains, _moved(progress, start, total))
        if shard is not shards[-1] and (report.entries, report.root) != (shard.log.size, shard.log.root):
            raise ShardsDiverge("a closed shard of the log has grown")
        contained = contained or mine is not None
        reports.append(report)
    if not contained:
        raise UntrustedNote("the checkpoint is of no shard of this log")
    return WholeReport(tuple(reports))


def place_in(location: Path, vkey: str, checkpoint: str) -> int:
    """How many entries all shards together had when one of them signed `checkpoint`. Raises `UntrustedNote` when none
    did."""
    with WholeLog.open(location, vkey) as log:
        for start, shard in zip(log.starts, log.shards, strict=True):
            if _is_signed(checkpoint, shard.vkey):
                return start + open_checkpoint(checkpoint, parse_verifier_key(shard.vkey)).size
    raise UntrustedNote("the checkpoint is of no shard of this log")


def _verify(
    shard: OpenShard, since: str | None, after: ChainReader | None, progress: Callable[[int, int], None] | None
) -> tuple[LogReport, ChainReader]:
    following: list[ChainReader] = []

    def begun(_: str, chains: ChainReader) -> None:
        following.append(chains)

    report = verify_log(shard.location, shard.vkey, since=since, after=after, progress=progress, begun=begun)
    return report, following[0]


def _moved(progress: Callable[[int, int], None] | None, start: int, total: int) -> Callable[[int, int], None] | None:
    """The progress of one shard as that of all."""
    return None if progress is None else lambda done, _: progress(start + done, total)


def _is_signed(checkpoint: str, vkey: str) -> bool:
    try:
        open_checkpoint(checkpoint, parse_verifier_key(vkey))
    except Refused:
        return False
    return True
