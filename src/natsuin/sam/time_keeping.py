"""Steps of the clock, as they happen: an entry in the signing log, and the end of every approval that is open."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import structlog

from natsuin.clock import Clock, from_milliseconds, milliseconds
from natsuin.errors import Busy, NatsuinError
from natsuin.key_management import Foundation, postpone_waiting
from natsuin.sam import protocol
from natsuin.sam.watched_clock import WatchedClock
from natsuin.signing import cancel_every_approval
from natsuin.signing_log import SigningLog

_LOOK_EVERY_SECONDS = 1.0

WITHOUT_TIME = frozenset(
    {
        protocol.Hello,
        protocol.Health,
        protocol.OpenOfficerInvitation,
        protocol.OpenInvitation,
        protocol.ListKeys,
        protocol.ListAllKeys,
        protocol.ListKeyArchives,
        protocol.ListOutsideRevocations,
        protocol.OfferReplacementCancel,
        protocol.CancelReplacement,
        protocol.ListReplacements,
        protocol.ListEvents,
        protocol.ListNews,
        protocol.Cancel,
        protocol.Recall,
        protocol.Evidence,
        protocol.OCSP,
        protocol.RevocationList,
    }
)
"""Messages that are answered while the clock is behind: they ask, or stop something. Every other kind approves, signs,
or states the time."""

_log = structlog.get_logger("natsuin.sam")


class _Entry(msgspec.Struct):
    time: int


def require_right_time(clock: Clock, message: protocol.Message) -> None:
    """Raise `ClockBehind` if `message` needs the time and the clock is behind, `Unavailable` if it needs to know how
    much time has passed and the clock was moved."""
    if isinstance(clock, WatchedClock) and type(message) not in WITHOUT_TIME:
        clock.require_right()
        if type(message) is protocol.CompleteReplacement:
            clock.require_unmoved()


def begin_after_newest(clock: Clock, log: SigningLog) -> datetime:
    """sam's time is not before that of the newest entry, whatever the wall clock shows at a start. Answers with that
    entry's time; with the clock's for an empty log."""
    if not log.size:
        return clock.now()
    ((_, leaf),) = log.entries(log.size - 1)
    newest = from_milliseconds(msgspec.json.decode(leaf, type=_Entry).time)
    if isinstance(clock, WatchedClock):
        clock.not_before(newest)
    return newest


@dataclass(frozen=True)
class TimeKeeping:
    """Looks at the clock, once when sam opens and then every second on a thread of its own."""

    foundation: Foundation
    stop: Callable[[NatsuinError], None]
    """Ends the process."""
    _closing: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Note a step of the clock, if there was one: durable on return.

        A step back ends the approvals that are open, or they would be good for longer than was approved.
        """
        clock = self.foundation.clock
        moved = clock.step() if isinstance(clock, WatchedClock) else None
        if moved is None or not isinstance(clock, WatchedClock):
            return
        cancelled = cancel_every_approval(self.foundation) if moved < timedelta(0) else 0
        if moved > timedelta(0):
            # Nobody waited in the time that the clock left out.
            postpone_waiting(self.foundation, moved // timedelta(milliseconds=1))
        seconds = round(moved.total_seconds())
        public = {"seconds": seconds, "clock": milliseconds(clock.wall), "cancelled": cancelled}
        self.foundation.journal.record("clock-stepped", public=public, private={})
        clock.note(moved)
        _log.critical("sam.clock_stepped", seconds=seconds, cancelled=cancelled)

    def start(self) -> None:
        """Look every second until `close`."""
        threading.Thread(target=self._keep, name="time-keeping", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._closing.set()

    def _keep(self) -> None:
        while not self._closing.wait(_LOOK_EVERY_SECONDS):
            try:
                self.look()
            except Busy:
                continue
            except NatsuinError as error:
                if not self._closing.is_set():
                    self.stop(error)
                return
