"""How long ago this installation was backed up and a restoration rehearsed, for officers.

`/readyz` does not tell it: strangers may ask there, and an old rehearsal is no reason to send people elsewhere.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from natsuin.backup_records import last_backup, last_rehearsal
from natsuin.clock import Clock, from_milliseconds


@dataclass(frozen=True)
class LastTimes:
    """Milliseconds, or 0 for never; `overdue` once no rehearsal went well for `longest_days`."""

    backup_at: int
    rehearsal_at: int
    overdue: bool
    longest_days: int


class BackupTimes:
    """Reads them. On a host that makes no backups they are `never`."""

    def __init__(self, configuration: Path | None, clock: Clock, *, longest_days: int) -> None:
        self._configuration = configuration
        self._clock = clock
        self._longest_days = longest_days

    def read(self) -> LastTimes:
        """As they are now."""
        made, rehearsed = last_backup(self._configuration), last_rehearsal(self._configuration)
        at = rehearsed.at if rehearsed else 0
        overdue = self._clock.now() - from_milliseconds(at) >= timedelta(days=self._longest_days)
        return LastTimes(made.at if made else 0, at, overdue, self._longest_days)
