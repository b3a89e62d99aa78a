"""Checking a whole log from its public files alone: what any third party does.

Every entry is hashed and led through every tile to the root that the log's key signed. What this cannot see, by its
nature, is a log that was rolled back or rebuilt by somebody with the log's key; for that give an older checkpoint,
which the log must still contain.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from natsuin.signing_log.checkpoints import open_checkpoint
from natsuin.signing_log.merkle import EMPTY_ROOT
from natsuin.signing_log.notes import MAX_NOTE, VerifierKey, parse_verifier_key
from natsuin.signing_log.publication import CHECKPOINT
from natsuin.signing_log.reader import LogReader
from natsuin.signing_log.refusals import FileMissing, LogDamaged, LogUnreachable, RightEdgeDamaged
from natsuin.signing_log.sources import Source, open_source
from natsuin.signing_log.tiles import TILE_WIDTH


@dataclass(frozen=True)
class LogReport:
    """What was verified: `entries` entries of the log `origin` in `bundles` bundles under `tiles` tiles give `root`."""

    origin: str
    entries: int
    bundles: int
    tiles: int
    root: bytes
    checkpoint: str


def verify_log(
    location: str | Path,
    vkey: str,
    *,
    since: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LogReport:
    """Verify the log in a folder or behind an http(s) URL with its verifier key; return only if all of it holds.

    `since` is an older checkpoint (a signed note) that the log must contain. `progress(done, total)` is told about
    entries. Reads only. Raises `Refused` subclasses for a log that does not hold (`LogDamaged`, `RightEdgeDamaged`,
    `BadNote`, `BadCheckpoint`, `UntrustedNote`, `BadKey`), `LogUnreachable` when that cannot be told.
    """
    key = parse_verifier_key(vkey)
    with closing(open_source(location)) as source:
        return _verify(source, key, since, progress)


def _verify(
    source: Source, key: VerifierKey, since: str | None, progress: Callable[[int, int], None] | None
) -> LogReport:
    try:
        note = source.read(CHECKPOINT, MAX_NOTE)
    except FileMissing as error:
        raise LogUnreachable("there is no log: it has no checkpoint") from error
    checkpoint = open_checkpoint(note, key)
    older = None if since is None else open_checkpoint(since, key)
    if older is not None and older.size > checkpoint.size:
        raise RightEdgeDamaged("the log is shorter than it once was")
    reader = LogReader(source, checkpoint)
    bundles = -(-checkpoint.size // TILE_WIDTH)
    for bundle in range(bundles):
        reader.bundle(bundle)
        if progress is not None:
            progress(min((bundle + 1) * TILE_WIDTH, checkpoint.size), checkpoint.size)
    if older is not None and older.root != (reader.root(older.size) if older.size else EMPTY_ROOT):
        raise LogDamaged("the log does not contain the older checkpoint: it was rewritten")
    return LogReport(checkpoint.origin, checkpoint.size, bundles, reader.tiles_read, checkpoint.root, note.decode())
