"""Accounts: who exists and what they may do."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from natsuin.errors import Conflict
from natsuin.user_management.search import find_people, note_words
from natsuin.user_management.tables import person


class Role(StrEnum):
    """What an account may do in the portal. sam keeps its own record of officers and does not read this one."""

    SIGNER = "signer"
    REGISTRATION_OFFICER = "registration-officer"
    SECURITY_OFFICER = "security-officer"
    SYSTEM_ADMINISTRATOR = "system-administrator"
    AUDITOR = "auditor"


OFFICERS: Final = frozenset({Role.REGISTRATION_OFFICER, Role.SECURITY_OFFICER, Role.SYSTEM_ADMINISTRATOR})


@dataclass(frozen=True)
class Person:
    """One account. `roles` are values of `Role`, or roles that sam knows and the portal has no page for."""

    user_id: str
    display_name: str
    email: str
    roles: tuple[str, ...]

    @property
    def is_signer(self) -> bool:
        """May have keys and documents."""
        return Role.SIGNER in self.roles and Role.AUDITOR not in self.roles

    @property
    def offices(self) -> frozenset[str]:
        """The officers' roles of this account; none where an auditor's stands beside them."""
        return frozenset() if Role.AUDITOR in self.roles else OFFICERS & frozenset(self.roles)

    @property
    def is_auditor(self) -> bool:
        """May read the signing log, and has no other role: with another one beside it neither counts."""
        return self.roles == (Role.AUDITOR,)


def add_person(connection: Connection, added: Person, *, now: int) -> None:
    """Make an account. Making the same one again changes nothing; raises `Conflict` if the id has other roles."""
    known = find_person(connection, added.user_id)
    if known is not None:
        if known.roles != added.roles:
            raise Conflict("this account exists with other roles")
        return
    connection.execute(
        sa.insert(person).values(
            user_id=added.user_id,
            display_name=added.display_name,
            email=added.email,
            roles=list(added.roles),
            created_at=now,
        )
    )
    note_words(connection, added.user_id, (added.display_name, added.email))


def names_of(connection: Connection, user_ids: Collection[str]) -> dict[str, str]:
    """The display names of these accounts, as far as they exist."""
    rows = connection.execute(sa.select(person.c.user_id, person.c.display_name).where(person.c.user_id.in_(user_ids)))
    return {row.user_id: row.display_name for row in rows}


def people_named(connection: Connection, words: str, *, most: int) -> tuple[str, ...]:
    """Ids of at most `most` people in whose names or addresses each of the `words` begins a word, in whatever case."""
    return find_people(connection, words, most=most).user_ids


def officers(connection: Connection, role: Role) -> tuple[Person, ...]:
    """Every officer with this role, by name."""
    # The column is JSON text in both databases, in which a role stands between quotation marks.
    with_role = sa.cast(person.c.roles, sa.Text).contains(f'"{role.value}"', autoescape=True)
    rows = connection.execute(sa.select(person).where(with_role).order_by(person.c.display_name, person.c.user_id))
    return tuple(Person(row.user_id, row.display_name, row.email, tuple(row.roles)) for row in rows)


def every_officer(connection: Connection) -> tuple[Person, ...]:
    """Every account with an officer's role or an auditor's."""
    found = {one.user_id: one for role in (*OFFICERS, Role.AUDITOR) for one in officers(connection, Role(role))}
    return tuple(found.values())


def take_offices(connection: Connection, user_id: str) -> None:
    """Leave an account without any officer's role; its other roles stay."""
    known = find_person(connection, user_id)
    if known is not None:
        left = [role for role in known.roles if role not in OFFICERS and role != Role.AUDITOR]
        connection.execute(sa.update(person).where(person.c.user_id == user_id).values(roles=left))


def find_person(connection: Connection, user_id: str) -> Person | None:
    """The account with this id, or None."""
    row = connection.execute(
        sa.select(person.c.user_id, person.c.display_name, person.c.email, person.c.roles).where(
            person.c.user_id == user_id
        )
    ).one_or_none()
    return None if row is None else Person(row.user_id, row.display_name, row.email, tuple(row.roles))
