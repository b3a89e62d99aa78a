"""What becomes of a person's record when the account ends: kept for as long as the law wants, erased by an officer.

sam decides whether an account has ended; this follows. Erasing leaves the account's number, the kind and level of the
evidence, and when each step was done by whom: without those nobody could say later whom an officer registered.
"""

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from natsuin.clock import Clock, milliseconds
from natsuin.errors import Conflict, NotFound
from natsuin.storage import Database
from natsuin.user_management.events import note_event
from natsuin.user_management.tables import person, person_event, person_word, registration

_PERSONAL: Final = (
    "common_name",
    "name_kana",
    "name_romanised",
    "job_title",
    "email",
    "organization",
    "evidence_reference",
)
"""Columns of `registration` that say who somebody is."""
_OVER: Final = ("withdrawn", "ended")


class Leaving:
    """Writes it down. Thread safe; every change is durable on return."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def note_withdrawn(self, user_id: str, *, by_user_id: str, source: str) -> None:
        """Remember that the invitation was withdrawn. Once more changes nothing."""
        with self._database.write() as connection:
            self._note(connection, user_id, "withdrawn", by_user_id=by_user_id, source=source)

    def note_ended(
        self, user_id: str, *, by_user_id: str, source: str, end_access: Callable[[Connection], None]
    ) -> None:
        """Remember that the account has ended, and in the same transaction have its ways in closed. Once more changes
        nothing."""
        with self._database.write() as connection:
            self._note(connection, user_id, "ended", by_user_id=by_user_id, source=source)
            end_access(connection)

    def erase(self, user_id: str, *, by_user_id: str) -> None:
        """Erase who this was, and with the account everything that hangs on it: documents, passkeys, sessions, grants,
        mails that wait. Raises `NotFound`, and `Conflict` while the account has not ended."""
        with self._database.write() as connection:
            state = self._state(connection, user_id)
            if state not in _OVER:
                raise Conflict("this account has not ended", hint="End the account first.")
            blank = dict.fromkeys(_PERSONAL, "")
            mine = sa.update(registration).where(registration.c.user_id == user_id)
            connection.execute(mine.values(state="erased", file="", line=0, **blank))
            connection.execute(sa.delete(person_word).where(person_word.c.user_id == user_id))
            connection.execute(sa.update(person_event).where(person_event.c.user_id == user_id).values(changes={}))
            connection.execute(sa.delete(person).where(person.c.user_id == user_id))
            note_event(connection, user_id, "erased", by_user_id=by_user_id, source="page", now=self._now())

    def _note(self, connection: Connection, user_id: str, state: str, *, by_user_id: str, source: str) -> None:
        if self._state(connection, user_id) in (state, "erased"):
            return
        connection.execute(sa.update(registration).where(registration.c.user_id == user_id).values(state=state))
        note_event(connection, user_id, state, by_user_id=by_user_id, source=source, now=self._now())

    def _state(self, connection: Connection, user_id: str) -> str:
        asked = sa.select(registration.c.state).where(registration.c.user_id == user_id).with_for_update()
        state = connection.execute(asked).scalar_one_or_none()
        if state is None:
            raise NotFound("there is no such person")
        return str(state)

    def _now(self) -> int:
        return milliseconds(self._clock.now())
