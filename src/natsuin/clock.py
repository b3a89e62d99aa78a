"""The one place that reads the time of day: everything else is given a `Clock`."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Time of day in UTC. Implementations may be called from several threads."""

    def now(self) -> datetime:
        """The present time, aware, in UTC."""
        ...


class SystemClock:
    """The time of day that the operating system keeps."""

    def now(self) -> datetime:
        """The present time, aware, in UTC."""
        return datetime.fromtimestamp(time.time(), UTC)


@dataclass
class FixedClock:
    """A clock that stands where it is put, for tests."""

    time: datetime

    def now(self) -> datetime:
        """The time this clock was put at."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Move forward (or back, if negative) by `seconds`."""
        self.time += timedelta(seconds=seconds)


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970-01-01T00:00:00Z."""
    return round(moment.timestamp() * 1000)


def from_milliseconds(value: int) -> datetime:
    """The UTC time that `milliseconds` made `value` from."""
    return datetime.fromtimestamp(value / 1000, UTC)
