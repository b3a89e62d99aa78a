"""The officers' register: people proposed, invited and enrolled.

The register shows what happened; it decides nothing. A person is registered because an officer's passkey approved the
act that sam wrote, and enrolled because sam verified their passkey and made their key.
"""

import secrets
from dataclasses import dataclass, replace

import sqlalchemy as sa

from natsuin.clock import Clock, milliseconds
from natsuin.errors import Conflict, NotFound
from natsuin.sam.protocol import Act, IdentityEvidence, Invitation, Subject
from natsuin.storage import Database
from natsuin.user_management.events import note_event
from natsuin.user_management.people import Person, Role, add_person
from natsuin.user_management.search import note_words
from natsuin.user_management.tables import registration

MAX_LISTED = 500
"""The register's page shows this many people, newest first."""


@dataclass(frozen=True)
class Proposal:
    """What an officer typed about a person. `user_id` is made here and was never used before. Readings of the name and
    the job title are for the register alone."""

    user_id: str
    email: str
    subject: Subject
    evidence: IdentityEvidence
    algorithm: str
    name_kana: str = ""
    name_romanised: str = ""
    job_title: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class RegisteredPerson:
    """One person of the register. `officer_id` checked the evidence and approved; `state` is proposed, invited,
    expired, enrolled, withdrawn, ended or erased; times in milliseconds."""

    user_id: str
    common_name: str
    name_kana: str
    name_romanised: str
    job_title: str
    email: str
    country: str
    organization: str
    algorithm: str
    evidence_kind: str
    evidence_reference: str
    evidence_level: int
    checked_at: int
    state: str
    officer_id: str
    proposed_at: int
    approved_at: int | None
    expires_at: int
    enrolled_at: int | None


def new_user_id() -> str:
    """An account id of 120 random bits: it says nothing about the person."""
    return f"u-{secrets.token_hex(15)}"


class Register:
    """The register of one database. Thread safe; every change is durable on return."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def note_proposed(self, proposal: Proposal, act: Act, *, officer_id: str) -> None:
        """Remember what an officer is about to approve."""
        subject, now = proposal.subject, milliseconds(self._clock.now())
        with self._database.write() as connection:
            connection.execute(
                sa.insert(registration).values(
                    user_id=proposal.user_id,
                    act_id=act.act_id,
                    officer_id=officer_id,
                    common_name=subject.common_name,
                    name_kana=proposal.name_kana,
                    name_romanised=proposal.name_romanised,
                    job_title=proposal.job_title,
                    email=proposal.email,
                    country=subject.country,
                    organization=subject.organization,
                    algorithm=proposal.algorithm,
                    evidence_kind=proposal.evidence.kind,
                    evidence_reference=proposal.evidence.reference,
                    evidence_level=proposal.evidence.level,
                    checked_at=proposal.evidence.checked_at,
                    file=proposal.file,
                    line=proposal.line,
                    state="proposed",
                    proposed_at=now,
                    expires_at=act.expires_at,
                )
            )
            names = (subject.common_name, proposal.name_kana, proposal.name_romanised)
            note_words(connection, proposal.user_id, (*names, subject.organization, proposal.job_title, proposal.email))
            note_event(connection, proposal.user_id, "proposed", by_user_id=officer_id, source=act.act_id, now=now)

    def require_proposed_by(self, act_id: str, officer_id: str) -> None:
        """Raise `NotFound` unless this officer proposed this act."""
        with self._database.read() as connection:
            found = connection.execute(
                sa.select(registration.c.user_id).where(
                    registration.c.act_id == act_id, registration.c.officer_id == officer_id
                )
            ).scalar_one_or_none()
        if found is None:
            raise NotFound("there is no such proposal")

    def done_of(self, file: str) -> dict[int, str]:
        """Accounts that came of the lines of this file and were invited, by line."""
        with self._database.read() as connection:
            return dict(self._done(connection, file))

    def require_not_done(self, file: str, line: int) -> None:
        """Raise `Conflict` if this line's person was invited already: one line is one person, however often the file
        is brought."""
        if file and line in self.done_of(file):
            raise Conflict("the person of this line was registered already", hint="Bring the file again.")

    def require_act_not_done(self, act_id: str) -> None:
        """As `require_not_done`, for the line that the act is about."""
        with self._database.read() as connection:
            row = connection.execute(
                sa.select(registration.c.file, registration.c.line, registration.c.user_id).where(
                    registration.c.act_id == act_id
                )
            ).one()
            if row.file and self._done(connection, row.file).get(row.line, row.user_id) != row.user_id:
                raise Conflict("the person of this line was registered already", hint="Bring the file again.")

    def _done(self, connection: sa.Connection, file: str) -> dict[int, str]:
        rows = connection.execute(
            sa.select(registration.c.line, registration.c.user_id).where(
                registration.c.file == file, registration.c.state != "proposed"
            )
        )
        return {row.line: row.user_id for row in rows}

    def note_invited(self, act_id: str, invitation: Invitation) -> None:
        """Remember that the act was approved, and make the account that the invitation is for."""
        now = milliseconds(self._clock.now())
        with self._database.write() as connection:
            row = connection.execute(
                sa.select(
                    registration.c.user_id,
                    registration.c.common_name,
                    registration.c.email,
                    registration.c.officer_id,
                ).where(registration.c.act_id == act_id)
            ).one()
            done = connection.execute(
                sa.update(registration)
                .where(registration.c.act_id == act_id, registration.c.state == "proposed")
                .values(state="invited", approved_at=now, expires_at=invitation.expires_at)
            )
            add_person(connection, Person(row.user_id, row.common_name, row.email, (Role.SIGNER.value,)), now=now)
            if done.rowcount:
                note_event(connection, row.user_id, "invited", by_user_id=row.officer_id, source=act_id, now=now)

    def note_enrolled(self, connection: sa.Connection, user_id: str) -> None:
        """Remember, in the caller's transaction, that the person has a passkey and a key."""
        now = milliseconds(self._clock.now())
        done = connection.execute(
            sa.update(registration)
            .where(registration.c.user_id == user_id, registration.c.state.in_(("proposed", "invited")))
            .values(state="enrolled", enrolled_at=now)
        )
        if done.rowcount:
            note_event(connection, user_id, "enrolled", by_user_id=user_id, source="invitation", now=now)

    def people(self) -> tuple[RegisteredPerson, ...]:
        """The newest people of the register, newest first."""
        with self._database.read() as connection:
            return listed_rows(connection, now=milliseconds(self._clock.now()))


def listed_rows(
    connection: sa.Connection, *conditions: sa.ColumnElement[bool], now: int
) -> tuple[RegisteredPerson, ...]:
    """The newest people of the register who meet the conditions, newest first, at most `MAX_LISTED`."""
    columns = [registration.c[name] for name in RegisteredPerson.__dataclass_fields__]
    newest = sa.select(*columns).where(*conditions).order_by(registration.c.proposed_at.desc()).limit(MAX_LISTED)
    return tuple(_with_state(RegisteredPerson(*row), now) for row in connection.execute(newest))


def _with_state(listed: RegisteredPerson, now: int) -> RegisteredPerson:
    if listed.state in ("proposed", "invited") and listed.expires_at <= now:
        return replace(listed, state="expired")
    return listed
