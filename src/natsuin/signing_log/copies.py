"""Copies of a log's public files: taken while it grows, and put to use after a loss.

A copy holds exactly what one signed checkpoint covers and is verified whole. Putting one to use makes its checkpoint
the newest that the log ever signed, so it must be the newest that anybody has: whoever goes on from an older one signs
two histories, and everybody who kept a later checkpoint will find that out.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from natsuin.errors import StorageFailed
from natsuin.signing_log.checkpoints import open_checkpoint
from natsuin.signing_log.key_chains import ChainReader
from natsuin.signing_log.merkle import HASH_SIZE
from natsuin.signing_log.notes import MAX_NOTE, parse_verifier_key
from natsuin.signing_log.publication import CHECKPOINT
from natsuin.signing_log.reader import LogReader
from natsuin.signing_log.refusals import BadTile, FileMissing, LogDamaged, LogExists
from natsuin.signing_log.shards import LogPlace
from natsuin.signing_log.sources import FolderSource, Source, open_source
from natsuin.signing_log.state import Signed, State
from natsuin.signing_log.tiles import (
    MAX_BUNDLE,
    TILE_BITS,
    TILE_SIZE,
    TILE_WIDTH,
    TileName,
    decode_bundle,
    encode_bundle,
)
from natsuin.signing_log.whole_audit import WholeReport, verify_shards
from natsuin.signing_log.whole_log import WholeLog, location_of

_FILE_MODE: Final = 0o644
_FOLDER_MODE: Final = 0o755


def copy_shards(
    location: str | Path, target: Path, vkey: str, *, progress: Callable[[int, int], None] | None = None
) -> WholeReport:
    """Copy what the log at `location`, a folder or an address, shows now into `target`, a new folder, shard by shard,
    and verify the copy whole.

    The log may grow meanwhile; `vkey` is the key of any shard, `progress(done, total)` is told about files of one.
    Raises `LogExists`, `LogDamaged` and as `verify_shards`; what was copied until then stays.
    """
    with WholeLog.open(location, vkey) as log:
        shards = log.shards
    for shard in shards:
        place = Path(location_of(target, shard.name))
        if shard.name:
            place.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            place.parent.chmod(_FOLDER_MODE)
        with closing(open_source(shard.location)) as source:
            _copy_shard(source, place, shard.vkey, progress)
    return verify_shards(target, vkey)


def adopt_shards(place: LogPlace, vkey: str) -> WholeReport:
    """Make the records of a log that was brought back, so that sam goes on from its newest checkpoint. Durable on
    return.

    Only for a copy whose checkpoint is the newest that anybody has. Raises `LogExists` where there is a record,
    `ChainBroken`, and as `verify_shards`.
    """
    report = verify_shards(place.folder, vkey)
    with WholeLog.open(place.folder, vkey) as log:
        shards = log.shards
    chains = ChainReader()
    for number, (shard, verified) in enumerate(zip(shards, report.shards, strict=True), 1):
        reader = LogReader(
            FolderSource(Path(shard.location)), open_checkpoint(verified.checkpoint, parse_verifier_key(shard.vkey))
        )
        chains = chains.in_next_shard()
        for bundle in range(-(-verified.entries // TILE_WIDTH)):
            chains.read(bundle * TILE_WIDTH, reader.bundle(bundle))
        state = place.shard(number, shard.name).state
        State.create(state, Signed(verified.entries, verified.root, verified.checkpoint), chains.heads())
    return report


def _copy_shard(source: Source, target: Path, vkey: str, progress: Callable[[int, int], None] | None) -> None:
    """Copy what one shard shows now into `target`, a new folder. `progress(done, total)` is told about files."""
    note = source.read(CHECKPOINT, MAX_NOTE)
    checkpoint = open_checkpoint(note, parse_verifier_key(vkey))
    # Nothing is made on the disk for a log that does not even show its newest entries.
    LogReader(source, checkpoint)
    try:
        target.mkdir(mode=_FOLDER_MODE)
    except FileExistsError as error:
        raise LogExists("there is something in the place of the copy already") from error
    except OSError as error:
        raise StorageFailed(f"the folder of the copy cannot be made: {error.strerror}") from error
    target.chmod(_FOLDER_MODE)
    total = _count(checkpoint.size)
    for done, name in enumerate(_names(checkpoint.size), 1):
        _write(target / str(name), _read(source, name), below=target)
        if progress is not None:
            progress(done, total)
    _write(target / CHECKPOINT, note, below=target)


def _names(size: int) -> Iterator[TileName]:
    """Every file that a log of `size` entries has."""
    level, count = 0, size
    while count:
        levels: tuple[int | None, ...] = (level, None) if level == 0 else (level,)
        for kind in levels:
            yield from (TileName(kind, index) for index in range(count // TILE_WIDTH))
            if count % TILE_WIDTH:
                yield TileName(kind, count // TILE_WIDTH, count % TILE_WIDTH)
        level, count = level + 1, count >> TILE_BITS


def _count(size: int) -> int:
    """How many names `_names` gives. A hostile log may say that they are more than anybody could keep."""
    files, count = -(-size // TILE_WIDTH), size
    while count:
        files += -(-count // TILE_WIDTH)
        count >>= TILE_BITS
    return files


def _read(source: Source, name: TileName) -> bytes:
    """The file, cut out of the full one if that took its place meanwhile."""
    limit = MAX_BUNDLE if name.level is None else TILE_SIZE
    try:
        return source.read(str(name), limit)
    except FileMissing:
        if name.width == TILE_WIDTH:
            raise
    content = source.read(str(TileName(name.level, name.index)), limit)
    if name.level is not None:
        return content[: name.width * HASH_SIZE]
    try:
        return encode_bundle(decode_bundle(content)[: name.width])
    except BadTile as error:
        raise LogDamaged("an entry bundle of the log cannot be read") from error


def _write(path: Path, content: bytes, *, below: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in path.parents:
            if folder == below:
                break
            folder.chmod(_FOLDER_MODE)
        path.write_bytes(content)
        path.chmod(_FILE_MODE)
    except OSError as error:
        raise StorageFailed("the copy of the log cannot be written") from error
