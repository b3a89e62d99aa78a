"""Erasing openings: what an entry of the log commits to cannot be told any more, by anybody.

The log says which openings before the first of them is gone, so that a commitment which nobody can open always has its
reason in the log, and so that a database which was put back is rid of them again (`forget_openings`).
"""

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from natsuin import faults
from natsuin.clock import milliseconds
from natsuin.errors import Refused
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.retention import Kept, Retention, openings_about
from natsuin.key_management.tables import log_opening
from natsuin.storage import Database

AT_ONCE: Final = 500
"""Openings in one entry and in one transaction: a few milliseconds in which nothing else is written."""
_BATCHES_IN_A_ROUND: Final = 20
_ABSENCE: Final = timedelta(days=31)


class StillKept(Refused):
    """The time of retention is not over."""

    code = "still_kept"


@dataclass(frozen=True)
class Erasing:
    """Erases what is due. Safe from several threads; durable on return."""

    foundation: Foundation
    retention: Retention
    known: datetime
    """The time of the newest entry before this start. Time that nobody saw pass counts for a month only: a clock that
    is wrong by years would otherwise erase everything at the first start."""
    _began: float = field(default_factory=time.monotonic)
    _working: threading.Lock = field(default_factory=threading.Lock)
    _closing: threading.Event = field(default_factory=threading.Event)

    def round(self) -> int:
        """Erase what is due, in batches and not all of very much at once; answers how many. What is left, or what a
        crash left, is for the next round."""
        erased = 0
        with self._working:
            for _ in range(_BATCHES_IN_A_ROUND):
                found = self._looked_up()
                due = self._due(found)
                if self._closing.is_set():
                    break
                if due:
                    erase_openings(self.foundation, [each.tx for each in due], ground="retention", private={})
                    erased += len(due)
                if len(found) < AT_ONCE:
                    break
        return erased

    def close(self) -> None:
        """Begin no further batch, and wait for the one under way."""
        self._closing.set()
        with self._working:
            pass

    def erase_person(self, user_id: str) -> None:
        """Return if nothing is left about a person: what was due is erased, whoever it is about.

        Raises `StillKept`, of which the log tells, with the day when all of it will be due.
        """
        while self.round():
            pass
        with self.foundation.database.read() as connection:
            left = self.retention.put_off(connection, openings_about(connection, user_id))
        if not left:
            return
        last = self.retention.until(max(each.since for each in left))
        # It does not commit to the person: that would itself be kept for years.
        public = {"ground": "retention", "until": milliseconds(last)}
        self.foundation.journal.record("erasure-refused", public=public, private={})
        raise StillKept(
            f"what the log commits to about this person is kept until {last:%Y-%m-%d}",
            hint="That is log.retention.years after the end of the last certificate; then it is erased without asking.",
        )

    def _now(self) -> datetime:
        seen = self.known + _ABSENCE + timedelta(seconds=time.monotonic() - self._began)
        return min(self.foundation.clock.now(), seen)

    def _due(self, openings: Sequence[Kept]) -> list[Kept]:
        horizon = self.retention.horizon(self._now())
        return [each for each in openings if each.since <= horizon]

    def _looked_up(self) -> list[Kept]:
        """The oldest openings, with the moment from which their years count: it is written down where it was put off,
        so that they are not looked up again before."""
        with self.foundation.database.read() as connection:
            seeming = self.retention.seemingly_due(connection, self._now(), AT_ONCE)
            found = self.retention.put_off(connection, seeming)
        moved = [{"of": new.tx, "since": new.since} for old, new in zip(seeming, found, strict=True) if old != new]
        if moved:
            statement = log_opening.update().where(log_opening.c.tx == sa.bindparam("of"))
            with self.foundation.database.write() as connection:
                connection.execute(statement.values(kept_since=sa.bindparam("since")), moved)
        return found


def erase_openings(foundation: Foundation, names: Sequence[str], *, ground: str, private: Mapping[str, Any]) -> None:
    """Say in the log that these openings go, by `tx`, at most `AT_ONCE`, and delete them. Durable on return."""
    # In the order of the random names, so that the entry does not tell which of them belong together.
    public = {"ground": ground, "count": len(names), "openings": sorted(names)}
    foundation.journal.record("erasure", public=public, private=private)
    faults.point("erasing.after_entry")
    forget_openings(foundation.database, names)


def forget_openings(database: Database, names: Collection[str]) -> None:
    """Delete what the log said is erased, as far as it is there. Durable on return; doing it twice changes nothing."""
    listed = list(names)
    for start in range(0, len(listed), AT_ONCE):
        with database.write() as connection:
            connection.execute(log_opening.delete().where(log_opening.c.tx.in_(listed[start : start + AT_ONCE])))
