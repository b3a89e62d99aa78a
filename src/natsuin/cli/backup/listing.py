"""What `natsuin backup list` says."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from natsuin.cli.backup.creation import UNFINISHED
from natsuin.cli.backup.manifest import ARCHIVES, read_manifest
from natsuin.cli.backup.rehearsal import last_rehearsal
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


def tell_last_rehearsal(config: Config) -> str:
    """When this installation last rehearsed a restoration, and how long ago that is."""
    last = last_rehearsal(config)
    if last is None:
        return "A restoration was never rehearsed: natsuin backup rehearse"
    ago = SystemClock().now() - datetime.fromtimestamp(last.at / 1000, UTC)
    return (
        f"A restoration was last rehearsed {max(ago.days, 0)} days ago, with {last.backup}: "
        f"{last.keys} keys, {last.archives} key archives."
    )
