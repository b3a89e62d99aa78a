"""What security officers can decide about officers and about stops: what must hold for each, what stands in its record,
and what it does once it is approved.

What gives a power is in the log before it is a row; what takes one away is a row first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import sqlalchemy as sa

from natsuin.errors import Conflict, NotFound
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.officer_roles import Duty, may
from natsuin.key_management.officers import Officers
from natsuin.key_management.stops import EVERYBODY, Stops
from natsuin.key_management.tables import enrolment, officer, officer_act, officer_invitation
from natsuin.sam.protocol import OfficerActStep, ProposeOfficerAct


@dataclass(frozen=True)
class Approval:
    """The last approval of an act, verified and not yet spent."""

    act: dict[str, Any]
    who: dict[str, Any]
    sign_count: int
    require_first: Callable[[sa.Connection], None]
    """Raises `Forbidden` if who approved it first was removed since, and keeps them from it until the caller's
    transaction ends."""

    def spend(self, foundation: Foundation, connection: sa.Connection) -> None:
        """Raise `Conflict` if another approval was faster, `Forbidden` if the first officer is none any more."""
        self.require_first(connection)
        spent = foundation.update(connection, officer_act, self.act, used_at=foundation.now())
        if not (spent and foundation.update(connection, officer, self.who, sign_count=self.sign_count)):
            raise too_late()

    @property
    def officers(self) -> list[str]:
        """Who approved, the proposer first."""
        return [name for name in (self.act["approved_by"], self.who["user_id"]) if name]


class Decision(Protocol):
    """One kind of act. Safe from several threads; what `carry_out` did is durable on return."""

    duty: ClassVar[Duty]
    alone: ClassVar[bool]
    """Whether the proposer's approval is enough."""
    named: ClassVar[bool]
    """Whether it is about somebody who is only a name yet."""
    grounded: ClassVar[bool]
    """Whether the note, which is its ground then, must not be empty."""

    def require_possible(self, connection: sa.Connection, wish: ProposeOfficerAct) -> None:
        """Raise `Refused` for what could not be done now. Asked at the proposal, and again before it is done."""
        ...

    def fields(self, wish: ProposeOfficerAct) -> Mapping[str, Any]:
        """What stands in the record, beside the officer and the note."""
        ...

    def carry_out(self, wish: ProposeOfficerAct, approval: Approval) -> OfficerActStep:
        """Do it, and spend the approval with it. Raises `Conflict` if another approval was faster."""
        ...


def too_late() -> Conflict:
    """The refusal of an approval that another one overtook."""
    return Conflict("another approval was a moment earlier", hint="Look at what waits, and go on there.")


@dataclass(frozen=True)
class NameOfficer:
    """A one-time link for somebody new, told to the second officer."""

    duty: ClassVar[Duty] = Duty.NAME_OFFICERS
    alone: ClassVar[bool] = False
    named: ClassVar[bool] = True
    grounded: ClassVar[bool] = False
    foundation: Foundation
    officers: Officers

    def require_possible(self, connection: sa.Connection, wish: ProposeOfficerAct) -> None:
        """Raise `Malformed` for roles that nobody has together, `Conflict` for an auditor of a known name."""
        self.officers.require_invitable(connection, wish.name, wish.roles, namesake=wish.namesake)

    def fields(self, wish: ProposeOfficerAct) -> Mapping[str, Any]:
        """Name and roles."""
        return {"name": wish.name, "roles": list(wish.roles)}

    def carry_out(self, wish: ProposeOfficerAct, approval: Approval) -> OfficerActStep:
        """Make the invitation. Its token is in the answer and nowhere else."""
        foundation = self.foundation
        with foundation.database.read() as connection:
            role = self.officers.require_invitable(connection, wish.name, wish.roles, namesake=wish.namesake)
        token, invitation = self.officers.new_invitation(wish.name, role)
        private = {
            "officer": invitation["user_id"],
            "roles": role.split(),
            "act": approval.act["act_id"],
            "officers": approval.officers,
            "note": wish.note,
        }
        foundation.journal.record("officer-invited", private=private)
        with foundation.database.write() as connection:
            approval.spend(foundation, connection)
            foundation.insert(connection, officer_invitation, invitation)
        return OfficerActStep(waiting=False, act=approval.act["kind"], token=token)


@dataclass(frozen=True)
class RemoveOfficer:
    """That officer approves nothing any more."""

    duty: ClassVar[Duty] = Duty.NAME_OFFICERS
    alone: ClassVar[bool] = False
    named: ClassVar[bool] = False
    grounded: ClassVar[bool] = False
    foundation: Foundation

    def require_possible(self, connection: sa.Connection, wish: ProposeOfficerAct) -> None:
        """Raise `NotFound` for nobody, and `Conflict` for the last security officer."""
        row = self.foundation.find(connection, officer, user_id=wish.user_id)
        if row is None or not row["roles"]:
            raise NotFound("there is no such officer", hint="Look at the list of officers.")
        others = connection.execute(sa.select(officer.c.roles).where(officer.c.user_id != wish.user_id)).scalars()
        if not any(may(roles, Duty.NAME_OFFICERS) for roles in others):
            raise Conflict("this is the last security officer", hint="Name another one first.")

    def fields(self, wish: ProposeOfficerAct) -> Mapping[str, Any]:
        """Whom."""
        return {"user": wish.user_id}

    def carry_out(self, wish: ProposeOfficerAct, approval: Approval) -> OfficerActStep:
        """Take the roles away."""
        foundation = self.foundation
        with foundation.database.write() as connection:
            # Locked, so that of two who remove each other one stays.
            connection.execute(sa.select(officer.c.user_id).with_for_update())
            self.require_possible(connection, wish)
            approval.spend(foundation, connection)
            removed = foundation.find(connection, officer, user_id=wish.user_id)
            if removed is None or not foundation.update(connection, officer, removed, roles=""):
                raise too_late()
        private = {
            "removed": wish.user_id,
            "act": approval.act["act_id"],
            "officers": approval.officers,
            "note": wish.note,
        }
        foundation.journal.record("officer-removed", private=private)
        return OfficerActStep(waiting=False, act=approval.act["kind"], user_id=wish.user_id)


@dataclass(frozen=True)
class StopSigning:
    """For one person or for everybody, at once, by one officer."""

    duty: ClassVar[Duty] = Duty.STOP_SIGNING
    alone: ClassVar[bool] = True
    named: ClassVar[bool] = False
    grounded: ClassVar[bool] = False
    foundation: Foundation
    stops: Stops

    def require_possible(self, connection: sa.Connection, wish: ProposeOfficerAct) -> None:
        """Raise `NotFound` for nobody."""
        if wish.user_id != EVERYBODY and self.foundation.find(connection, enrolment, user_id=wish.user_id) is None:
            raise NotFound("there is no such person", hint="Look the person up again.")

    def fields(self, wish: ProposeOfficerAct) -> Mapping[str, Any]:
        """Whose signing."""
        return {"user": wish.user_id}

    def carry_out(self, wish: ProposeOfficerAct, approval: Approval) -> OfficerActStep:
        """Stop it; a stop that stands already stays as it is."""
        foundation = self.foundation
        with foundation.database.write() as connection:
            approval.spend(foundation, connection)
            self.stops.stop_in(connection, wish.user_id, wish.officer_id, wish.note)
        self.stops.read_again()
        private = {
            "user": wish.user_id,
            "act": approval.act["act_id"],
            "officers": approval.officers,
            "note": wish.note,
        }
        foundation.journal.record("signing-stopped", public={"scope": _scope(wish)}, private=private)
        return OfficerActStep(waiting=False, act=approval.act["kind"])


@dataclass(frozen=True)
class ResumeSigning:
    """A stop ends."""

    duty: ClassVar[Duty] = Duty.STOP_SIGNING
    alone: ClassVar[bool] = False
    named: ClassVar[bool] = False
    grounded: ClassVar[bool] = False
    foundation: Foundation
    stops: Stops

    def require_possible(self, connection: sa.Connection, wish: ProposeOfficerAct) -> None:
        """Raise `Conflict` where nothing is stopped."""
        self.stops.require_stopped(connection, wish.user_id)

    def fields(self, wish: ProposeOfficerAct) -> Mapping[str, Any]:
        """Whose signing."""
        return {"user": wish.user_id}

    def carry_out(self, wish: ProposeOfficerAct, approval: Approval) -> OfficerActStep:
        """Let it go on."""
        foundation = self.foundation
        private = {
            "user": wish.user_id,
            "act": approval.act["act_id"],
            "officers": approval.officers,
            "note": wish.note,
        }
        foundation.journal.record("signing-resumed", public={"scope": _scope(wish)}, private=private)
        with foundation.database.write() as connection:
            approval.spend(foundation, connection)
            self.stops.resume_in(connection, wish.user_id)
        self.stops.read_again()
        return OfficerActStep(waiting=False, act=approval.act["kind"])


def _scope(wish: ProposeOfficerAct) -> str:
    return "everybody" if wish.user_id == EVERYBODY else "person"
