"""A restoration that nobody needs: into a scratch folder, to see that it would work; and when that was last done.

sam is not started on the scratch folder. It would sign a checkpoint of a second history with the log's real key.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from natsuin.backup_records import Rehearsal, remember
from natsuin.cli.backup.examination import Findings, examine_contents, examine_files, unpack
from natsuin.cli.backup.manifest import Manifest
from natsuin.cli.backup.restoration import NewestLog, Progress, restore_backup
from natsuin.cli.backup.scratch import scratch_folder
from natsuin.clock import SystemClock, milliseconds
from natsuin.config import Config
from natsuin.key_management import MasterKey


def rehearse(
    backup: Path, manifest: Manifest, config: Config, master: MasterKey, identities: list[Any], *, progress: Progress
) -> Findings:
    """Examine everything and restore it into a scratch folder, which is removed. Remembered only if all is well."""
    with scratch_folder("natsuin-rehearsal-") as scratch:
        found = examine_files(backup, manifest, progress=progress)
        unpacked = scratch / "unpacked"
        unpack(backup, manifest, unpacked, identities)
        inside = examine_contents(unpacked, manifest, master, progress=progress)
        problems = (*found.problems, *inside.problems)
        if not problems:
            restore_backup(
                backup,
                manifest,
                scratch / "restored",
                master,
                identities,
                NewestLog(nothing_newer=True),
                progress=progress,
            )
            _remember(config, backup, manifest, inside)
    return replace(inside, problems=problems)


def _remember(config: Config, backup: Path, manifest: Manifest, found: Findings) -> None:
    now = milliseconds(SystemClock().now())
    record = Rehearsal(now, backup.name, manifest.made_at, found.keys, found.archives, manifest.log_size)
    remember(config.file, record)
