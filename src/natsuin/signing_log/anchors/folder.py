"""A folder of anchors: `N.checkpoint`, a signed note of N entries as it was found, and `N.ers`, the record over it.

Files appear whole and durable; a checkpoint is there before its record. One process at a time may change the folder.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from natsuin.signing_log.anchors.evidence_records import LARGEST_RECORD
from natsuin.signing_log.anchors.refusals import AnchorsDamaged
from natsuin.signing_log.notes import MAX_NOTE

_NAME: Final = re.compile(r"(0|[1-9][0-9]{0,18})\.ers", re.ASCII)


class AnchorFolder:
    """The files, unverified. Methods raise `OSError` besides what they name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder if it is not there, and keep other processes from changing it meanwhile."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def sizes(self) -> list[int]:
        """The sizes of the anchored checkpoints, ascending."""
        names = [_NAME.fullmatch(file.name) for file in self._folder.iterdir()]
        return sorted(int(found[1]) for found in names if found is not None)

    def checkpoint(self, size: int) -> bytes:
        """The note of `size` entries. Raises `AnchorsDamaged` when it is missing or too long."""
        return self._read(f"{size}.checkpoint", MAX_NOTE)

    def record(self, size: int) -> bytes:
        """The record over it. Raises `AnchorsDamaged` when it is missing or too long."""
        return self._read(f"{size}.ers", LARGEST_RECORD)

    def keep(self, size: int, checkpoint: bytes, record: bytes) -> None:
        """Keep a verified anchor of a size that has none yet. A checkpoint without record, which a crash left, goes."""
        self._replace(f"{size}.checkpoint", checkpoint)
        self._replace(f"{size}.ers", record)

    def renew(self, size: int, record: bytes) -> None:
        """Put a verified renewal in the place of the record that it goes on from."""
        self._replace(f"{size}.ers", record)

    def _read(self, name: str, limit: int) -> bytes:
        try:
            descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError as error:
            raise AnchorsDamaged(f"{name} is missing from the folder of anchors") from error
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            content = file.read(limit + 1)
        if content is None or len(content) > limit:
            raise AnchorsDamaged(f"{name} in the folder of anchors is too long")
        return content

    def _replace(self, name: str, content: bytes) -> None:
        new = self._folder / f".{name}.new"
        try:
            with new.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._folder / name)
        finally:
            new.unlink(missing_ok=True)
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
