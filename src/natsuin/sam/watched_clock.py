"""sam's time: the wall clock, held against a clock that nobody can set, and against the newest entry of the log.

Approvals live for minutes, and entries, time-stamps and certificates carry sam's time. A wall clock that is set back
would make what is over good again and date new things before old ones. So sam's time never follows it back: it goes on
by the steady clock, and nothing is approved, signed or dated, until the wall clock is right again or its custodian says
that it is (`natsuin clock accept`).
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from natsuin.clock import Clock, SystemClock
from natsuin.errors import Unavailable

TOLERANCE = timedelta(seconds=5)
"""A clock that is kept in step by a time service is never moved by more at once."""
_TRUSTED_SECONDS = 3600.0
"""How long the steady clock is believed before it is set by the wall clock again: no tolerance of 5 s lets an honest
oscillator run away within an hour, and whoever creeps gains no more than that."""


class ClockBehind(Unavailable):
    """The wall clock is behind sam's own time: what needs a time is refused."""

    code = "clock_behind"


def _since_start_of_host() -> float:
    # Unlike CLOCK_MONOTONIC this one goes on while the host sleeps (clock_gettime(2)).
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class WatchedClock:
    """A `Clock`. May be called from several threads; `note` from one only."""

    def __init__(self, wall: Clock | None = None, steady: Callable[[], float] = _since_start_of_host) -> None:
        """`steady` counts seconds and is never set."""
        self._wall = wall or SystemClock()
        self._steady = steady
        # Replaced as a whole, so that no reader sees one half of it.
        self._anchor = (self._wall.now(), steady())
        self._noted = False

    def now(self) -> datetime:
        """sam's time, aware, in UTC: the wall clock's, unless that was set back."""
        wall, steady = self.wall, self._by_steady_clock()
        return wall if steady - wall <= TOLERANCE else steady

    @property
    def wall(self) -> datetime:
        """What the wall clock shows."""
        return self._wall.now()

    def not_before(self, moment: datetime) -> None:
        """sam's time is at least `moment`, because something is dated so already."""
        if moment > self._by_steady_clock():
            self._anchor = (moment, self._steady())

    def require_right(self) -> None:
        """Raise `ClockBehind` while the wall clock is behind sam's time."""
        behind = self._by_steady_clock() - self.wall
        if behind > TOLERANCE:
            raise ClockBehind(
                f"the service's clock is {round(behind.total_seconds())} seconds behind",
                hint="The administrator must set it right; nothing can be approved or signed until then.",
            )

    def require_unmoved(self) -> None:
        """Raise `Unavailable` while the wall clock is ahead of the steady one and nobody has noted it yet: what counts
        the time that passed must not count that."""
        if self.wall - self._by_steady_clock() > TOLERANCE:
            raise Unavailable("the service's clock was moved a moment ago", hint="Try again in a minute.")

    def step(self) -> timedelta | None:
        """By how much the wall clock was moved, if that was not noted yet. Negative: back."""
        (anchored, since), wall, steady = self._anchor, self.wall, self._steady()
        moved = wall - anchored - timedelta(seconds=steady - since)
        if abs(moved) > TOLERANCE:
            return None if moved < -TOLERANCE and self._noted else moved
        self._noted = False
        if steady - since > _TRUSTED_SECONDS:
            self._anchor = (wall, steady)
        return None

    def note(self, moved: timedelta) -> None:
        """What `step` told is recorded: sam's time follows the wall clock forward, and never back."""
        if moved < timedelta(0):
            self._noted = True
        else:
            self._anchor = (self.wall, self._steady())

    def _by_steady_clock(self) -> datetime:
        anchored, since = self._anchor
        return anchored + timedelta(seconds=self._steady() - since)
