"""The emergency stop: signing is stopped for one person or for everybody until two security officers let it go on.

What was reserved in the moment of the stop is finished; nothing that was not yet reserved is signed, approved or
instructed after it. Time-stamps, revocation and everything that officers do go on.
"""

import threading
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from natsuin.errors import Conflict
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.tables import signing_stop

EVERYBODY: Final = ""
"""Stands for all people, in place of an account's id."""


class SigningStopped(Conflict):
    """A security officer stopped signing, for this person or for everybody."""

    code = "signing_stopped"


@dataclass
class Stops:
    """Knows who is stopped. Safe from several threads of the one process that has DB-2."""

    foundation: Foundation
    _stopped: frozenset[str] = frozenset()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def load(cls, foundation: Foundation) -> "Stops":
        """As they stand in DB-2. Raises `Tampered` if the row of a stop was changed."""
        stops = cls(foundation)
        stops.read_again()
        return stops

    def require_going(self, user_id: str) -> None:
        """Raise `SigningStopped` if this person's keys may not sign now."""
        stopped = self._stopped
        if EVERYBODY in stopped or user_id in stopped:
            raise SigningStopped(
                "signing is stopped by a security officer", hint="Ask your provider when it will go on."
            )

    @property
    def all_stopped(self) -> bool:
        """Whether everybody is."""
        return EVERYBODY in self._stopped

    def read_again(self) -> None:
        """Learn from DB-2 who is stopped. To be called after each change that was committed."""
        # The rows are read while the lock is held, so that of two changes the later is never forgotten.
        with self._lock, self.foundation.database.read() as connection:
            self._stopped = frozenset(row["user_id"] for row in self.rows(connection))

    def rows(self, connection: sa.Connection) -> list[dict[str, Any]]:
        """Every stop, oldest first."""
        query = sa.select(signing_stop).order_by(signing_stop.c.stopped_at, signing_stop.c.user_id)
        return [self.foundation.checked(signing_stop, row) for row in connection.execute(query).mappings()]

    def stop_in(self, connection: sa.Connection, user_id: str, officer_id: str, note: str) -> None:
        """Stop this person, or `EVERYBODY`. A stop that stands already stays as it is."""
        if self.foundation.find(connection, signing_stop, lock=True, user_id=user_id) is None:
            row = {
                "user_id": user_id,
                "officer_id": officer_id,
                "note": note,
                "stopped_at": self.foundation.now(),
            }
            self.foundation.insert(connection, signing_stop, row)

    def resume_in(self, connection: sa.Connection, user_id: str) -> None:
        """Take a stop away. Raises `Conflict` if there is none."""
        self.require_stopped(connection, user_id)
        connection.execute(signing_stop.delete().where(signing_stop.c.user_id == user_id))

    def require_stopped(self, connection: sa.Connection, user_id: str) -> None:
        """Raise `Conflict` if there is no such stop."""
        if self.foundation.find(connection, signing_stop, user_id=user_id) is None:
            raise Conflict("signing is not stopped there", hint="Look at the list of stops.")
