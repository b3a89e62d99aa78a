"""What is in a backup, with the hash of each file as it lies there, sealed by the master key of its installation."""

import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

import msgspec

from natsuin.errors import Malformed, NotFound, Tampered
from natsuin.key_management import MasterKey

FILE = "manifest.json"
FORMAT = "natsuin-backup/1"
CONFIGURATION, DATABASES, ARCHIVES, LOG = "config.toml", "databases", "archives", "log"
"""Names in a backup."""
_LARGEST = 256 * 1024 * 1024
"""Bytes of a manifest: about 150 for each file, and a log has a file for each 256 entries."""
_LATEST = 253_402_300_799_000
"""Milliseconds: the end of the year 9999, beyond which there is no date here."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file as it lies in the backup."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A backup. Times are milliseconds; `checkpoint` is the log's signed note, which covers `log_size` entries."""

    format: str
    made_at: int
    version: str
    origin: str
    log_vkey: str
    log_size: int
    checkpoint: str
    recipients: tuple[str, ...]
    """Public keys that it is encrypted to; none means that it is not encrypted."""
    databases: dict[str, str]
    """`web` and `sam`: the file's name in the backup, without the ending of encrypted files."""
    files: tuple[Entry, ...]
    seal: str = ""

    def sealed(self, master: MasterKey) -> "Manifest":
        """The same with its seal."""
        return msgspec.structs.replace(self, seal=_seal(self, master))

    def check_seal(self, master: MasterKey) -> None:
        """Raise `Tampered` unless a holder of this master key made it."""
        if not hmac.compare_digest(self.seal, _seal(self, master)):
            raise Tampered(
                "the backup's manifest was not made with this master key, or was changed",
                hint="Give the master key of that installation; use another backup.",
            )


def _seal(manifest: Manifest, master: MasterKey) -> str:
    content = msgspec.json.encode(msgspec.structs.replace(manifest, seal=""), order="sorted")
    return hmac.digest(master.derive("backup-manifest"), content, "sha256").hex()


def describe(folder: Path) -> tuple[Entry, ...]:
    """Every file below `folder` but the manifest itself, in the order of names."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / FILE)
    return tuple(Entry(path.relative_to(folder).as_posix(), path.stat().st_size, sha256_of(path)) for path in paths)


def sha256_of(path: Path) -> str:
    """Hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put it beside the files."""
    (folder / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup, unverified. Raises `NotFound`, `Malformed`."""
    try:
        with (folder / FILE).open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise Malformed(f"the manifest of {folder} is too large")
        manifest = msgspec.json.decode(content, type=Manifest)
    except OSError as error:
        raise NotFound(f"{folder} holds no backup", hint="Give a folder that `natsuin backup create` made.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(f"the manifest of {folder} cannot be read") from error
    if manifest.format != FORMAT:
        raise Malformed(f"the backup has the format {manifest.format[:40]!r}, which this version does not know")
    if not 0 <= manifest.made_at <= _LATEST:
        raise Malformed("the manifest names a time that there is not")
    for name in (*(entry.name for entry in manifest.files), *manifest.databases.values()):
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise Malformed("the manifest names a file outside the backup")
    return manifest


def damaged_files(folder: Path, manifest: Manifest) -> Iterator[tuple[Entry, str]]:
    """Each file of the manifest, with what is wrong with it: nothing, `missing` or `changed`."""
    for entry in manifest.files:
        path = folder / entry.name
        if not path.is_file():
            yield entry, "missing"
        elif path.stat().st_size != entry.size or sha256_of(path) != entry.sha256:
            yield entry, "changed"
        else:
            yield entry, ""
