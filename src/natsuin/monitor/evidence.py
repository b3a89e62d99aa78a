"""Checkpoints that contradict what was remembered, kept as files: with the log's key they prove it to anybody."""

import hashlib
import os
from pathlib import Path
from typing import Final

from natsuin.errors import StorageFailed

_MOST_FILES: Final = 400
"""A hostile log signs as many checkpoints as it likes; two prove the matter."""


def keep_note(folder: Path, log: str, note: str) -> str:
    """Keep a signed checkpoint under a name that its content gives; durable on return. Answers with the name, or with
    "" when so many are kept that this one is not. Raises `StorageFailed`."""
    content = note.encode("utf-8", "replace")
    name = f"{log}-{hashlib.sha256(content).hexdigest()[:16]}.checkpoint"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if (folder / name).exists():
            return name
        if sum(1 for _ in folder.iterdir()) >= _MOST_FILES:
            return ""
        new = folder / f".{name}.{os.getpid()}.new"
        with new.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        new.replace(folder / name)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageFailed("the evidence of a contradiction cannot be kept") from error
    return name
