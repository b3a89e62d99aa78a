"""What `natsuin backup list` says."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from natsuin.backup_records import last_backup, last_rehearsal
from natsuin.cli.backup.creation import UNFINISHED
from natsuin.cli.backup.manifest import ARCHIVES, read_manifest
from natsuin.clock import SystemClock, from_milliseconds
from natsuin.config import Config
from natsuin.errors import NatsuinError


def tell_backups(folder: Path) -> Iterator[str]:
    """A line for each backup, oldest first."""
    found = False
    for place in sorted(folder.glob("natsuin-*")):
        found = True
        if place.name.endswith(UNFINISHED):
            yield f"{place.name}  not finished: it was interrupted, or is being made"
            continue
        try:
            manifest = read_manifest(place)
        except NatsuinError as error:
            yield f"{place.name}  {error.message}"
            continue
        archives = sum(entry.name.startswith(f"{ARCHIVES}/") for entry in manifest.files)
        size = sum(entry.size for entry in manifest.files) / 1_000_000
        closed = f"encrypted for {len(manifest.recipients)}" if manifest.recipients else "NOT ENCRYPTED"
        made = from_milliseconds(manifest.made_at)
        yield (
            f"{place.name}  {made:%Y-%m-%d %H:%M} UTC  {size:.1f} MB  {archives} key archives  "
            f"log {manifest.log_size}  {closed}"
        )
    if not found:
        yield "There is no backup."


def tell_last_times(config: Config) -> Iterator[str]:
    """When this installation last made a backup and last rehearsed a restoration, how long ago that is, and whether
    that is too long."""
    made, rehearsed = last_backup(config.file), last_rehearsal(config.file)
    if made is None:
        yield "This installation never made a backup: natsuin backup create"
    else:
        yield f"The last backup was made {_ago(made.at)}: {made.backup}, log {made.log_size}."
    if rehearsed is None:
        yield "A restoration was never rehearsed: natsuin backup rehearse"
        return
    yield (
        f"A restoration was last rehearsed {_ago(rehearsed.at)}, with {rehearsed.backup}: "
        f"{rehearsed.keys} keys, {rehearsed.archives} key archives."
    )
    if _days_since(rehearsed.at) >= config.keys.rehearsal_days:
        yield f"That is too long: rehearse at least every {config.keys.rehearsal_days} days."


def _ago(moment: int) -> str:
    """In days from the second one on, before that in hours, in the first hour in minutes."""
    passed = max(SystemClock().now() - from_milliseconds(moment), timedelta())
    for unit, name in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
        if passed >= unit * (2 if name == "day" else 1):
            count = passed // unit
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def _days_since(moment: int) -> int:
    return max((SystemClock().now() - from_milliseconds(moment)).days, 0)
