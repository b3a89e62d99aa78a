"""Everything that can be told of a backup: its hashes and log by anybody, the rest by who can open it."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from natsuin import faults
from natsuin.cli.backup.databases import check_sqlite
from natsuin.cli.backup.encryption import SUFFIX, decrypt_file
from natsuin.cli.backup.manifest import ARCHIVES, LOG, Manifest, damaged_files
from natsuin.errors import Refused, Tampered
from natsuin.key_backup import LARGEST, ArchiveSeal, key_archive
from natsuin.key_management import MasterKey, ProviderLayer, RowSealer, StoredKey, signing_key
from natsuin.signing_log import verify_shards
from natsuin.storage import check_schema, open_database

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Findings:
    """What was found: `problems` are sentences, none means that all is well."""

    problems: tuple[str, ...]
    files: int
    log_size: int
    archives: int = 0
    keys: int = 0
    opened: bool = False
    """Whether the contents were looked at, and not only their hashes."""


def examine_files(backup: Path, manifest: Manifest, *, progress: Progress) -> Findings:
    """Hashes of all files, and the whole log. Needs no secret."""
    problems = []
    for done, (entry, problem) in enumerate(damaged_files(backup, manifest), 1):
        if problem:
            problems.append(f"{entry.name} is {problem}")
        progress("files", done, len(manifest.files))
    size = 0
    try:
        report = verify_shards(
            backup / LOG,
            manifest.log_vkey,
            since=manifest.checkpoint,
            progress=lambda done, all_: progress("log entries", done, all_),
        )
        size = report.entries
        if report.entries != manifest.log_size:
            problems.append("the log is not of the size that the manifest says")
    except Refused as error:
        problems.append(f"the log does not verify: {error.message}")
    return Findings(tuple(problems), len(manifest.files), size)


def unpack(backup: Path, manifest: Manifest, target: Path, identities: list[Any]) -> None:
    """Everything but the log into `target`, decrypted. Raises `IdentityNeeded`, `Tampered`."""
    for entry in manifest.files:
        if entry.name.startswith(f"{LOG}/"):
            continue
        place = target / entry.name.removesuffix(SUFFIX)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if entry.name.endswith(SUFFIX):
            decrypt_file(backup / entry.name, place, identities)
        else:
            shutil.copyfile(backup / entry.name, place)
        place.chmod(0o600)
    faults.point("backup.in_the_clear")


def examine_contents(unpacked: Path, manifest: Manifest, master: MasterKey, *, progress: Progress) -> Findings:
    """Databases, every key and every archive, as far as they open without their signers: that is the provider's layer,
    the names that it is bound to, and the shape of what is inside."""
    problems = []
    try:
        manifest.check_seal(master)
    except Tampered as error:
        problems.append(error.message)
    for name in manifest.databases.values():
        if name.endswith(".sqlite"):
            try:
                check_sqlite(unpacked / name)
            except Refused as error:
                problems.append(f"{name}: {error.message}")
    archives = sorted((unpacked / ARCHIVES).glob("*")) if (unpacked / ARCHIVES).is_dir() else []
    listed: dict[str, dict[str, Any]] = {}
    keys = 0
    if not problems and manifest.databases["sam"].endswith(".sqlite"):
        keys, listed, found = _examine_keys(unpacked / manifest.databases["sam"], master, progress)
        problems += found
    seal = ArchiveSeal.from_master(master)
    for done, path in enumerate(archives, 1):
        problems += _examine_archive(path, seal, listed)
        progress("archives", done, len(archives))
    return Findings(tuple(problems), len(manifest.files), manifest.log_size, len(archives), keys, opened=True)


def _examine_archive(path: Path, seal: ArchiveSeal, listed: dict[str, dict[str, Any]]) -> list[str]:
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    try:
        archive = seal.open(content)
    except Refused as error:
        return [f"{path.name}: {error.message}"]
    if path.name != f"{archive.archive_id}.natsuin-key":
        return [f"{path.name} holds another archive"]
    row = listed.get(archive.archive_id)
    if row is not None and row["sha256"] != hashlib.sha256(content).digest():
        return [f"{path.name} is not the file that DB-2 lists"]
    return [] if "pin" in archive.slots and archive.blob else [f"{path.name} holds no key"]


def _examine_keys(
    file: Path, master: MasterKey, progress: Progress
) -> tuple[int, dict[str, dict[str, Any]], list[str]]:
    """How many keys there are, the archives that are listed, and what is wrong."""
    sealer, layer = RowSealer.from_master(master), ProviderLayer.from_master(master)
    problems: list[str] = []
    database = open_database(f"sqlite:///{file}", name="sam")
    try:
        check_schema(database, "sam")
        with database.read() as connection:
            keys = [dict(row) for row in connection.execute(sa.select(signing_key)).mappings()]
            rows = [dict(row) for row in connection.execute(sa.select(key_archive)).mappings()]
        for done, row in enumerate(keys, 1):
            try:
                sealer.check(signing_key, row)
                if row["key_blob"]:
                    layer.open(row["key_blob"], StoredKey(row).binding)
            except Refused as error:
                problems.append(f"key {row['key_id']}: {error.message}")
            progress("keys", done, len(keys))
        listed = {row["archive_id"]: row for row in rows}
        for row in rows:
            sealer.check(key_archive, row)
    except Refused as error:
        return 0, {}, [*problems, f"DB-2: {error.message}"]
    finally:
        database.close()
    return len(keys), listed, problems
