"""One person's record as register officers work with it, and everything that happened to it.

What stands in a certificate (name, organisation, country) and what the person is told by (the mail address) is not
changed here: the first is what an officer's passkey approved, and with the second one officer alone could keep a
person from hearing of a lost passkey. The readings of the name and the job title decide nothing, and are corrected.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from natsuin.clock import Clock, milliseconds
from natsuin.errors import NotFound
from natsuin.storage import Database
from natsuin.user_management.events import note_event
from natsuin.user_management.people import names_of
from natsuin.user_management.register import RegisteredPerson, listed_rows
from natsuin.user_management.search import find_people, note_words
from natsuin.user_management.tables import person_event, registration

MOST_FOUND = 50
MOST_EVENTS = 500
_AT_ONCE = 200
CORRECTABLE = ("name_kana", "name_romanised", "job_title")


@dataclass(frozen=True)
class PersonEvent:
    """One thing that happened: `kind` is proposed, invited, enrolled, corrected, withdrawn, ended or erased; `source`
    is the act's id, `page` or `invitation`; `changes` maps a field to its value before and after. `by_name` is empty
    for accounts that are no more. Time in milliseconds."""

    at: int
    kind: str
    by_user_id: str
    by_name: str
    source: str
    changes: dict[str, tuple[str, str]]


@dataclass(frozen=True)
class FoundPeople:
    """At most `MOST_FOUND` people, by name. Not `complete`: a longer question finds the rest."""

    people: tuple[RegisteredPerson, ...]
    complete: bool


class PersonRecords:
    """The records of one database. Thread safe; every change is durable on return."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def find(self, question: str) -> FoundPeople:
        """Registered people who have each word of `question` in their names, organisation, title or address."""
        now = milliseconds(self._clock.now())
        with self._database.read() as connection:
            found = find_people(connection, question, most=MOST_FOUND)
            people = listed_rows(connection, registration.c.user_id.in_(found.user_ids), now=now)
        return FoundPeople(tuple(sorted(people, key=lambda one: (one.common_name, one.user_id))), found.complete)

    def require(self, user_id: str) -> RegisteredPerson:
        """One registered person. Raises `NotFound`."""
        with self._database.read() as connection:
            return self._require(connection, user_id)

    def names_known(self, wanted: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these names with mail addresses under which somebody was invited already. That may be the same
        person, or another one; only an officer can tell."""
        emails = sorted({email for _, email in wanted})
        found: set[tuple[str, str]] = set()
        with self._database.read() as connection:
            for start in range(0, len(emails), _AT_ONCE):
                some = registration.c.email.in_(emails[start : start + _AT_ONCE])
                rows = connection.execute(
                    sa.select(registration.c.common_name, registration.c.email).where(
                        some, registration.c.state != "proposed"
                    )
                )
                found |= {(row.common_name, row.email) for row in rows} & set(wanted)
        return found

    def history(self, user_id: str) -> tuple[PersonEvent, ...]:
        """What happened to the record, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(person_event)
                .where(person_event.c.user_id == user_id)
                .order_by(person_event.c.event_id.desc())
                .limit(MOST_EVENTS)
            ).all()
            names = names_of(connection, {row.by_user_id for row in rows})
        return tuple(
            PersonEvent(
                at=row.at,
                kind=row.kind,
                by_user_id=row.by_user_id,
                by_name=names.get(row.by_user_id, ""),
                source=row.source,
                changes={name: (before, after) for name, (before, after) in row.changes.items()},
            )
            for row in rows
        )

    def correct(self, user_id: str, fields: Mapping[str, str], *, by_user_id: str) -> RegisteredPerson:
        """Set some of `CORRECTABLE`, and keep what they were. Raises `NotFound`.

        The person stays findable by what was corrected, because that is what older papers say.
        """
        now = milliseconds(self._clock.now())
        with self._database.write() as connection:
            row = connection.execute(
                sa.select(*(registration.c[name] for name in CORRECTABLE))
                .where(registration.c.user_id == user_id)
                .with_for_update()
            ).one_or_none()
            if row is None:
                raise NotFound("there is no such person")
            before = row._asdict()
            changes = {name: (before[name], fields[name]) for name in CORRECTABLE if fields[name] != before[name]}
            if changes:
                values = {name: after for name, (_, after) in changes.items()}
                connection.execute(sa.update(registration).where(registration.c.user_id == user_id).values(values))
                note_words(connection, user_id, values.values())
                note_event(
                    connection,
                    user_id,
                    "corrected",
                    by_user_id=by_user_id,
                    source="page",
                    now=now,
                    changes=changes,
                )
            return self._require(connection, user_id)

    def _require(self, connection: Connection, user_id: str) -> RegisteredPerson:
        now = milliseconds(self._clock.now())
        for one in listed_rows(connection, registration.c.user_id == user_id, now=now):
            return one
        raise NotFound("there is no such person")
