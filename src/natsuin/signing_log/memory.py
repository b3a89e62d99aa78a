"""What a verifier remembers of a log between two verifications, in files that other tools understand.

`FILE` is the last checkpoint under which the whole log was verified, verbatim: what `--since` takes, and any witness.
`FILE.chains` goes with it: a line `verified N chains M`, a line for each key with its newest place in the first N
entries, of which those from M on were followed, an empty line, and the checkpoint. `FILE.part` is the same about a
verification that was interrupted after N entries, and is there only then. Whoever can write these files can make a
verifier skip entries.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec

from natsuin import base64url
from natsuin.signing_log.audit import Known
from natsuin.signing_log.checkpoints import open_checkpoint
from natsuin.signing_log.encoding import decode_decimal
from natsuin.signing_log.key_chains import LARGEST_NUMBER, ChainReader, Head, pack, unpack
from natsuin.signing_log.merkle import HASH_SIZE
from natsuin.signing_log.notes import MAX_NOTE, VerifierKey
from natsuin.signing_log.refusals import BadEncoding, BadNote

_LONGEST_LINE: Final = 1024 * 1024
_PACKED: Final = len(pack(Head(0, bytes(HASH_SIZE))))

_Number = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_NUMBER)]
_decode_place = msgspec.json.Decoder(tuple[str, _Number, str]).decode


class LogMemory:
    """The files of one verifier about one log. Each file appears whole or not at all."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._chains = file.with_name(file.name + ".chains")
        self._part = file.with_name(file.name + ".part")

    def recall(self, key: VerifierKey) -> Known | None:
        """What is known of the log of `key`; None at the first time.

        Raises `BadNote`, `BadCheckpoint`, `UntrustedNote` when the files are not what this class writes, or are about
        another log; `OSError`.
        """
        note = _read(self._file)
        size = -1 if note is None else open_checkpoint(note, key).size
        found = [known for file in (self._part, self._chains) if (known := _recall(file, key)) is not None]
        best = max(found, key=lambda known: known.entries, default=None)
        if note is not None and (best is None or open_checkpoint(best.checkpoint, key).size < size):
            return Known(note, size)
        return best

    def keep_part(self, checkpoint: str, chains: ChainReader) -> None:
        """What `chains` has read of the log of `checkpoint` is verified so far. Raises `OSError`."""
        _replace(self._part, _told(checkpoint, chains))

    def forget_part(self) -> None:
        """The verification ended with a verdict: nothing is gone on from. Raises `OSError`."""
        self._part.unlink(missing_ok=True)

    def keep(self, checkpoint: str, chains: ChainReader) -> None:
        """The whole log of `checkpoint` is verified, and was read by `chains`. Raises `OSError`."""
        _replace(self._chains, _told(checkpoint, chains))
        _replace(self._file, iter([checkpoint]))
        self._part.unlink(missing_ok=True)


def _told(checkpoint: str, chains: ChainReader) -> Iterator[str]:
    entries, heads = chains.standing()
    yield f"verified {entries} chains {chains.since}\n"
    for key, head in heads.items():
        place = unpack(head)
        yield msgspec.json.encode((key, place.number, base64url.encode(place.digest))).decode() + "\n"
    yield f"\n{checkpoint}"


def _read(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_NOTE + 1)
    except FileNotFoundError:
        return None
    if len(content) > MAX_NOTE:
        raise BadNote("this is no checkpoint: it is too long")
    return content.decode("utf-8", "replace")


def _recall(file: Path, key: VerifierKey) -> Known | None:
    """What one of the files with chains says; None if it is not there."""
    try:
        with file.open("rb") as opened:
            entries, since = _numbers_in(opened.readline(_LONGEST_LINE))
            heads = {}
            while (line := opened.readline(_LONGEST_LINE)).strip():
                name, number, digest = _decode_place(line)
                heads[name] = pack(Head(number, base64url.decode(digest)))
            note = opened.read(MAX_NOTE + 1).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, ValueError, BadEncoding) as error:
        raise BadNote(f"{file.name} is not what an earlier verification kept") from error
    if not since <= entries <= open_checkpoint(note, key).size or any(len(head) != _PACKED for head in heads.values()):
        raise BadNote(f"{file.name} is not what an earlier verification kept")
    return Known(note, entries, heads, since)


def _numbers_in(line: bytes) -> tuple[int, int]:
    found = re.fullmatch(rb"verified ([0-9]{1,19}) chains ([0-9]{1,19})\n", line)
    if found is None:
        raise BadNote("the file of an earlier verification is not what it should be")
    entries, since = (decode_decimal(number.decode()) for number in found.groups())
    return entries, since


def _replace(file: Path, content: Iterator[str]) -> None:
    new = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        with new.open("w", encoding="utf-8") as opened:
            opened.writelines(content)
            opened.flush()
            os.fsync(opened.fileno())
        new.replace(file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        new.unlink(missing_ok=True)
