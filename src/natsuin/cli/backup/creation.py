"""Making one backup while signing goes on.

The order is what makes the parts fit together after a restoration: DB-1 first, for what it lacks it learns from sam;
then DB-2; then the key archives; the log last, so that it is never older than DB-2 and tells of everything that DB-2
does not know. Everything is written into a folder beside its place, made durable, and renamed: a backup is whole or not
there.
"""

import asyncio
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_der_public_key

from natsuin import __version__, faults
from natsuin.backup_records import LastBackup, remember
from natsuin.cli.backup.databases import copy_database, name_of
from natsuin.cli.backup.encryption import SUFFIX, encrypt_file, parse_recipients
from natsuin.cli.backup.manifest import ARCHIVES, CONFIGURATION, FORMAT, LOG, Manifest, describe, write_manifest
from natsuin.cli.backup.scratch import scratch_folder
from natsuin.clock import SystemClock, milliseconds
from natsuin.config import Config
from natsuin.errors import Conflict, NatsuinError, Unavailable
from natsuin.key_backup import LARGEST, read_plain
from natsuin.key_management import MasterKey, RowSealer, is_log_key, require_settled, service_key
from natsuin.sam.client import SamClient
from natsuin.sam.log_shards import log_place
from natsuin.sam.protocol import Health, HealthReport
from natsuin.sam.transport import TLSFiles
from natsuin.signing_log import WholeLog, copy_shards, find_vkey, size_of
from natsuin.storage import open_database

UNFINISHED = ".unfinished"
_PUBLISHING_SECONDS = 20.0
Progress = Callable[[str, int, int], None]
"""(what, done, total)"""


def create_backup(
    config: Config, master: MasterKey, target: Path, recipients: Sequence[str], *, progress: Progress
) -> Path:
    """One backup in a new folder below `target`; durable on return. The master key is not in it.

    Raises `Malformed` for a recipient, `Conflict`, `Unavailable`, `StorageFailed`, `Tampered`.
    """
    keys = parse_recipients(recipients)
    require_settled(config.sam.master_key_file)
    clock = SystemClock()
    now = clock.now()
    place = target / f"natsuin-{now:%Y%m%dT%H%M%SZ}"
    unfinished = place.with_name(place.name + UNFINISHED)
    if place.exists():
        raise Conflict(f"{place} exists already", hint="Try again in a second.")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished.mkdir(mode=0o700)
    home = config.file.parent if config.file else target
    try:
        # What is not encrypted yet stays in the installation, and is never on the medium of the backup.
        with scratch_folder(".backup-", home) as work:
            vkey = _copy_private(config, master, work, progress)
            faults.point("backup.in_the_clear")
            for path in sorted(path for path in work.rglob("*") if path.is_file()):
                _carry(path, unfinished / path.relative_to(work), keys)
        _wait_for_log(config, vkey)
        report = copy_shards(
            config.sam.log_folder, unfinished / LOG, vkey, progress=lambda done, all_: progress("log", done, all_)
        )
        manifest = Manifest(
            format=FORMAT,
            made_at=milliseconds(now),
            version=__version__,
            origin=config.service.origin,
            log_vkey=vkey,
            log_size=report.entries,
            checkpoint=report.checkpoint,
            recipients=tuple(map(str, keys)),
            databases={tree: name_of(tree, url) for tree, url in config.databases},
            files=describe(unfinished),
        )
        write_manifest(unfinished, manifest.sealed(master))
        _synchronise(unfinished)
        unfinished.rename(place)
        _synchronise_folder(target)
        remember(config.file, LastBackup(manifest.made_at, place.name, manifest.log_size))
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return place


def _copy_private(config: Config, master: MasterKey, work: Path, progress: Progress) -> str:
    """Databases, archives and configuration, in the clear; answers with the log's verifier key."""
    (work / "databases").mkdir()
    for tree, url in config.databases:
        copy_database(url, work / name_of(tree, url), progress=lambda done, all_, tree=tree: progress(tree, done, all_))  # type: ignore[misc]
    # Half of what was copied may lie under a master key that is in no place yet where anybody would keep it.
    require_settled(config.sam.master_key_file)
    archives = sorted(config.sam.archive_folder.glob("*.natsuin-key"))
    (work / ARCHIVES).mkdir()
    for done, path in enumerate(archives, 1):
        # An archive may be dropped while we look, because its key has ended. Whoever runs this may read more than sam,
        # who owns the folder: what is no file is not followed, and no file is larger than an archive.
        with suppress(FileNotFoundError):
            content = read_plain(path)
            if content is None or len(content) > LARGEST:
                raise Conflict(f"{path} is no key archive", hint="Take it out of the folder, and see who put it there.")
            (work / ARCHIVES / path.name).write_bytes(content)
        progress("archives", done, len(archives))
    if config.file is not None:
        shutil.copyfile(config.file, work / CONFIGURATION)
    return _verifier_key(config, master)


def _verifier_key(config: Config, master: MasterKey) -> str:
    """Of the newest shard whose key is in DB-2."""
    database = open_database(config.sam.database, name="sam")
    try:
        with database.read() as connection:
            rows = connection.execute(sa.select(service_key)).mappings().all()
    finally:
        database.close()
    mine = [dict(row) for row in rows if is_log_key(row["purpose"])]
    for row in mine:
        RowSealer.from_master(master).check(service_key, row)
    publics = [load_der_public_key(row["public_key"]) for row in mine]
    return find_vkey(
        log_place(config),
        [public.public_bytes_raw() for public in publics if isinstance(public, ed25519.Ed25519PublicKey)],
    )


def _carry(source: Path, target: Path, keys: Sequence[object]) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if keys:
        encrypt_file(source, target.with_name(target.name + SUFFIX), keys)
    else:
        shutil.copyfile(source, target)
    source.unlink()


def _wait_for_log(config: Config, vkey: str) -> None:
    """Wait until the public files show all that DB-2 may know. Raises `Unavailable`, `Conflict`."""
    wanted = _signed_size(config, vkey)
    deadline = time.monotonic() + _PUBLISHING_SECONDS
    while size_of(config.sam.log_folder, vkey) < wanted:
        if time.monotonic() > deadline:
            raise Conflict(
                "the files of the log do not show its newest entries",
                hint="Start sam once, which writes them; then try again.",
            )
        time.sleep(0.05)


def _signed_size(config: Config, vkey: str) -> int:
    """How many entries the log has: by sam, or by the record of its newest shard while sam is stopped."""

    async def ask() -> int:
        client = SamClient(config.sam.address, TLSFiles.of(config.sam.client_tls))
        try:
            answer = await client.call(Health())
            return answer.log_size if isinstance(answer, HealthReport) else 0
        finally:
            await client.close()

    try:
        return asyncio.run(ask())
    except NatsuinError as error:
        unreachable = error
    with WholeLog.open(config.sam.log_folder, vkey) as log:
        start, state = log.starts[-1], log_place(config).shard(len(log.shards), log.shards[-1].name).state
    try:
        connection = sqlite3.connect(f"file:{quote(str(state))}?mode=rw", uri=True, timeout=1.0)
        try:
            return start + int(connection.execute("SELECT size FROM signed").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise Unavailable(
            f"sam does not say how far its log is: {unreachable.message}", hint="Is sam well? See /readyz."
        ) from error


def _synchronise(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            _synchronise_folder(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _synchronise_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
