"""Checking a whole log from its public files alone: what any third party does.

Every entry is hashed and led through every tile to the root that the log's key signed. What this cannot see, by its
nature, is a log that was rolled back or rebuilt by somebody with the log's key; for that give an older checkpoint,
which the log must still contain.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from natsuin.signing_log.checkpoints import Checkpoint, open_checkpoint
from natsuin.signing_log.key_chains import ChainReader, PackedHeads
from natsuin.signing_log.merkle import EMPTY_ROOT
from natsuin.signing_log.notes import MAX_NOTE, VerifierKey, parse_verifier_key
from natsuin.signing_log.publication import CHECKPOINT
from natsuin.signing_log.reader import LogReader
from natsuin.signing_log.refusals import FileMissing, LogRewritten, LogUnreachable, RightEdgeDamaged
from natsuin.signing_log.sources import Source, open_source
from natsuin.signing_log.tiles import TILE_WIDTH


@dataclass(frozen=True)
class LogReport:
    """What was verified: `entries` entries of the log `origin` give `root`. Read for it were `bundles` bundles and
    `tiles` tiles; the first `known` entries were not read again. The chains of keys were followed from the entry
    `chains_from` on, now or before."""

    origin: str
    entries: int
    bundles: int
    tiles: int
    root: bytes
    checkpoint: str
    known: int = 0
    chains_from: int = 0


@dataclass(frozen=True)
class Known:
    """What an earlier verification found, so that the next one need not begin anew: the signed note `checkpoint`, which
    the log must still contain, the number `entries` of its first entries that were read and hashed then, and the newest
    places of keys in those from `chains_from` on, if they were kept."""

    checkpoint: str
    entries: int = 0
    heads: PackedHeads | None = None
    chains_from: int = 0


def verify_log(
    location: str | Path,
    vkey: str,
    *,
    since: str | Known | None = None,
    after: ChainReader | None = None,
    progress: Callable[[int, int], None] | None = None,
    begun: Callable[[str, ChainReader], None] | None = None,
) -> LogReport:
    """Verify the log in a folder or behind an http(s) URL with its verifier key; return only if all of it holds.

    `since` is an older checkpoint (a signed note) that the log must contain, or what is known of the log besides.
    `after` followed the chains of keys through the shards before, which go on here.
    `begun(checkpoint, chains)` is told which checkpoint is being verified, once the log is known to contain the older
    one, and with what the chains of keys are followed; then `progress(done, total)` about entries, of which the first
    `done` are verified. Reads only. Raises `Refused`
    subclasses for a log that does not hold (`LogDamaged`, `ChainBroken` where a key's entries are not one chain,
    `RightEdgeDamaged`, `BadNote`, `BadCheckpoint`, `UntrustedNote`, `BadKey`), `LogUnreachable` when that cannot be
    told.
    """
    key = parse_verifier_key(vkey)
    known = Known(since) if isinstance(since, str) else since
    with closing(open_source(location)) as source:
        note, checkpoint = newest_checkpoint(source, key)
        reader = open_reader(source, checkpoint, None if known is None else open_checkpoint(known.checkpoint, key))
        first = 0 if known is None else known.entries // TILE_WIDTH
        bundles = -(-checkpoint.size // TILE_WIDTH)
        chains = ChainReader(entries=first * TILE_WIDTH) if after is None or first else after.in_next_shard()
        if known is not None and known.heads is not None:
            chains = ChainReader(known.heads, entries=known.entries, since=known.chains_from)
        if begun is not None:
            begun(note, chains)
        for bundle in range(first, bundles):
            chains.read(bundle * TILE_WIDTH, reader.bundle(bundle))
            if progress is not None:
                progress(min((bundle + 1) * TILE_WIDTH, checkpoint.size), checkpoint.size)
    return LogReport(
        checkpoint.origin,
        checkpoint.size,
        max(0, bundles - first),
        reader.tiles_read,
        checkpoint.root,
        note,
        min(first * TILE_WIDTH, checkpoint.size),
        min(chains.since, checkpoint.size),
    )


def newest_checkpoint(source: Source, key: VerifierKey) -> tuple[str, Checkpoint]:
    """The published checkpoint, verified, and the note it stands in. Raises as `verify_log`."""
    try:
        note = source.read(CHECKPOINT, MAX_NOTE)
    except FileMissing as error:
        raise LogUnreachable("there is no log: it has no checkpoint") from error
    return note.decode("utf-8", "replace"), open_checkpoint(note, key)


def open_reader(source: Source, checkpoint: Checkpoint, older: Checkpoint | None = None) -> LogReader:
    """A reader of the log as of `checkpoint`, which contains `older`.

    Raises `RightEdgeDamaged`, `LogDamaged`, `LogUnreachable`.
    """
    if older is not None and older.size > checkpoint.size:
        raise RightEdgeDamaged("the log is shorter than it once was")
    reader = LogReader(source, checkpoint)
    if older is not None and older.root != (reader.root(older.size) if older.size else EMPTY_ROOT):
        raise LogRewritten("the log does not contain the older checkpoint: it was rewritten")
    return reader
