"""Putting an installation back from a backup, into an empty folder.

The hard question is the log. A log that goes on from an older copy signs a second history, which everybody who kept a
later checkpoint or receipt will find. So whoever restores says how far it had come: with a copy of the public files
that reaches further, with the newest checkpoint that anybody has, or by saying outright that none is newer. DB-2 is
marked as put back in any case, so the next start takes back whatever it would give back.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from natsuin.cli.backup.databases import require_sqlite, sqlite_file
from natsuin.cli.backup.examination import examine_contents, examine_files, unpack
from natsuin.cli.backup.manifest import ARCHIVES, CONFIGURATION, LOG, Manifest
from natsuin.cli.backup.scratch import scratch_folder
from natsuin.cli.public_files import write_public_files
from natsuin.config import Config, load
from natsuin.errors import Conflict, Refused, Tampered
from natsuin.key_management import ROOT, MasterKey, RowSealer, service_key
from natsuin.sam.log_shards import log_place
from natsuin.signing import mark_put_back
from natsuin.signing_log import UntrustedNote, WholeLog, adopt_shards, copy_shards, place_in, verify_shards
from natsuin.storage import open_database

Progress = Callable[[str, int, int], None]


class LogWasFurther(Refused):
    """The log had come further than what is to be restored: going on would be a second history."""

    code = "log_was_further"


@dataclass(frozen=True)
class NewestLog:
    """What is known of how far the log had come. `folder` is a newer copy of its files, `checkpoint` the newest signed
    note that anybody has; with neither, `nothing_newer` says that there is none."""

    folder: Path | None = None
    checkpoint: str | None = None
    nothing_newer: bool = False

    def require_said(self) -> None:
        """Raise `Conflict` if nothing is said."""
        if self.folder is None and self.checkpoint is None and not self.nothing_newer:
            raise Conflict(
                "how far had the log come when the installation was lost?",
                hint="Give --log FOLDER (a newer copy of its files), --newest-checkpoint FILE, or --nothing-newer.",
            )


def restore_backup(
    backup: Path,
    manifest: Manifest,
    target: Path,
    master: MasterKey,
    identities: list[Any],
    newest: NewestLog,
    *,
    progress: Progress,
) -> int:
    """Restore into `target`, a folder that is empty or not there; answers with the size of the log.

    Nothing is left in `target` unless all of it holds. Raises `Conflict`, `Tampered`, `LogWasFurther` and as
    `examine_contents`.
    """
    newest.require_said()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Conflict(f"{target} is not an empty folder", hint="Restore into an empty folder only.")
    manifest.check_seal(master)
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(f".{target.name}-", target.parent) as work:
        _require_well(examine_files(backup, manifest, progress=progress).problems)
        unpacked = work / "unpacked"
        unpack(backup, manifest, unpacked, identities)
        _require_well(examine_contents(unpacked, manifest, master, progress=progress).problems)
        made = work / "m"
        made.mkdir(mode=0o700)
        size = _put_together(backup, manifest, unpacked, made, newest)
        _mark(made, master, size)
        _write_public_files(made, manifest, master)
        if target.exists():
            target.rmdir()
        made.rename(target)
        return size


def _require_well(problems: tuple[str, ...]) -> None:
    if problems:
        raise Tampered(f"the backup is damaged: {'; '.join(problems[:5])}", hint="Use another backup.")


def _put_together(backup: Path, manifest: Manifest, unpacked: Path, made: Path, newest: NewestLog) -> int:
    config_file = made / CONFIGURATION
    shutil.copyfile(unpacked / CONFIGURATION, config_file)
    config_file.chmod(0o600)
    config = load(config_file)
    for tree, url in config.databases:
        require_sqlite(url)
        _place(unpacked / manifest.databases[tree], sqlite_file(url), made)
    for path in sorted((unpacked / ARCHIVES).glob("*")):
        _place(path, config.sam.archive_folder / path.name, made)
    if config.sam.address.startswith("unix:"):
        _folder(Path(config.sam.address.removeprefix("unix:")).parent, made)
    return _bring_log(backup / LOG, manifest, config, made, newest)


def _bring_log(saved: Path, manifest: Manifest, config: Config, made: Path, newest: NewestLog) -> int:
    vkey = manifest.log_vkey
    _inside(config.sam.log_folder, made)
    folder = config.sam.log_folder
    report = copy_shards(newest.folder or saved, folder, vkey)
    verify_shards(folder, vkey, since=manifest.checkpoint)
    if newest.checkpoint is not None:
        try:
            known = place_in(folder, vkey, newest.checkpoint)
        except UntrustedNote as error:
            raise LogWasFurther(
                "the newest checkpoint is of no shard of the log that this copy has",
                hint="If the log was rotated since, bring a copy of its files with that shard: --log FOLDER.",
            ) from error
        if known > report.entries:
            raise LogWasFurther(
                f"the log had {known} entries, and this copy has {report.entries}",
                hint="Bring a copy of the log's files that reaches that far: --log FOLDER.",
            )
        verify_shards(folder, vkey, since=newest.checkpoint)
    _folder(config.sam.log_state.parent, made)
    return adopt_shards(log_place(config), vkey).entries


def _mark(made: Path, master: MasterKey, size: int) -> None:
    config = load(made / CONFIGURATION)
    database = open_database(config.sam.database, name="sam")
    try:
        mark_put_back(database, RowSealer.from_master(master), size)
    finally:
        database.close()


def _write_public_files(made: Path, manifest: Manifest, master: MasterKey) -> None:
    config = load(made / CONFIGURATION)
    with WholeLog.open(config.sam.log_folder, manifest.log_vkey) as log:
        vkey = log.shards[-1].vkey
    database = open_database(config.sam.database, name="sam")
    try:
        with database.read() as connection:
            query = sa.select(service_key).where(service_key.c.purpose == ROOT)
            row = dict(connection.execute(query).mappings().one())
    finally:
        database.close()
    RowSealer.from_master(master).check(service_key, row)
    write_public_files(made, vkey, row["certificate"])


def place_master_key(source: Path, config: Config) -> None:
    """Copy the master key to where the restored configuration looks for it, unless it is a credential."""
    if not config.sam.master_key.startswith("file:"):
        return
    place = config.sam.master_key_file
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.touch(mode=0o600, exist_ok=False)
    place.write_bytes(source.read_bytes())


def _place(source: Path, target: Path, made: Path) -> None:
    _folder(target.parent, made)
    shutil.copyfile(source, target)
    target.chmod(0o600)


def _folder(folder: Path, made: Path) -> None:
    _inside(folder, made)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _inside(path: Path, made: Path) -> None:
    if not path.is_relative_to(made):
        raise Conflict(
            f"the configuration puts {path} outside the installation's folder",
            hint="Such an installation is restored by hand: see docs/backup.md.",
        )
