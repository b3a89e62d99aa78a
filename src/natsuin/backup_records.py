"""When this installation was last backed up, and when a restoration was last rehearsed: small files beside its
configuration, written by `natsuin backup` and read by whoever tells people of it. Nothing in them is secret."""

import os
from pathlib import Path
from typing import TypeVar

import msgspec

REHEARSAL, BACKUP = "backup-rehearsal.json", "backup-made.json"


class Rehearsal(msgspec.Struct, frozen=True):
    """The last one that went well. Times in milliseconds; `made_at` is the backup's."""

    at: int
    backup: str
    made_at: int
    keys: int
    archives: int
    log_size: int


class LastBackup(msgspec.Struct, frozen=True):
    """The last one that was made. `at` milliseconds."""

    at: int
    backup: str
    log_size: int


_Record = TypeVar("_Record", Rehearsal, LastBackup)


def last_rehearsal(configuration: Path | None) -> Rehearsal | None:
    """What the installation with this configuration file remembers, or None."""
    return _read(_beside(configuration, REHEARSAL), Rehearsal)


def last_backup(configuration: Path | None) -> LastBackup | None:
    """What the installation with this configuration file remembers, or None."""
    return _read(_beside(configuration, BACKUP), LastBackup)


def remember(configuration: Path | None, record: Rehearsal | LastBackup) -> None:
    """Write the record, whole or not at all. Raises `OSError`."""
    file = _beside(configuration, REHEARSAL if isinstance(record, Rehearsal) else BACKUP)
    aside = file.with_name(f"{file.name}.new")
    # Root may be writing into a folder of somebody with fewer rights: a link that lies there is not followed.
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as opened:
        opened.write(msgspec.json.encode(record))
        # web, which may run as another user, tells officers of it.
        os.fchmod(opened.fileno(), 0o644)
    aside.replace(file)


def _beside(configuration: Path | None, name: str) -> Path:
    return (configuration.parent if configuration else Path()) / name


def _read(file: Path, kind: type[_Record]) -> _Record | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None
