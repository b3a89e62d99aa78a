"""What a verifier remembers of a log between two verifications, in files that other tools understand.

`FILE` is the last checkpoint under which the whole log was verified, verbatim: what `--since` takes, and any witness.
`FILE.part` is there only after an interruption: a line `verified N`, an empty line, and the checkpoint that was being
verified, of which the first N entries were read. Whoever can write these files can make a verifier skip entries.
"""

import os
from pathlib import Path
from typing import Final

from natsuin.signing_log.audit import Known
from natsuin.signing_log.checkpoints import open_checkpoint
from natsuin.signing_log.encoding import decode_decimal
from natsuin.signing_log.notes import MAX_NOTE, VerifierKey
from natsuin.signing_log.refusals import BadEncoding, BadNote

_MARK: Final = "verified "


class LogMemory:
    """The files of one verifier about one log. Each file appears whole or not at all."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._part = file.with_name(file.name + ".part")

    def recall(self, key: VerifierKey) -> Known | None:
        """What is known of the log of `key`; None at the first time.

        Raises `BadNote`, `BadCheckpoint`, `UntrustedNote` when the files are not what this class writes, or are about
        another log; `OSError`.
        """
        whole = _read(self._file)
        if whole is None and not self._part.exists():
            return None
        known = None
        if whole is not None:
            known = Known(whole, open_checkpoint(whole, key).size)
        part = _read(self._part)
        if part is None:
            return known
        mark, _, note = part.partition("\n\n")
        size = open_checkpoint(note, key).size
        try:
            done = decode_decimal(mark.removeprefix(_MARK)) if mark.startswith(_MARK) else size + 1
        except BadEncoding as error:
            raise BadNote("the file of an interrupted verification is not what it should be") from error
        if done > size:
            raise BadNote("the file of an interrupted verification is not what it should be")
        return Known(note, done) if known is None or done > known.entries else known

    def keep_part(self, checkpoint: str, entries: int) -> None:
        """The first `entries` of the log of `checkpoint` are verified so far. Raises `OSError`."""
        _replace(self._part, f"{_MARK}{entries}\n\n{checkpoint}")

    def forget_part(self) -> None:
        """The verification ended with a verdict: nothing is gone on from. Raises `OSError`."""
        self._part.unlink(missing_ok=True)

    def keep(self, checkpoint: str) -> None:
        """The whole log of `checkpoint` is verified. Raises `OSError`."""
        _replace(self._file, checkpoint)
        self._part.unlink(missing_ok=True)


def _read(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_NOTE + 1)
    except FileNotFoundError:
        return None
    if len(content) > MAX_NOTE:
        raise BadNote("this is no checkpoint: it is too long")
    return content.decode("utf-8", "replace")


def _replace(file: Path, content: str) -> None:
    new = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        with new.open("w", encoding="utf-8") as opened:
            opened.write(content)
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
