"""What security officers decide about officers and about stops, each over sam's own record.

    name-officer      two of them: a one-time link for somebody new, told to the second
    remove-officer    two of them: that officer approves nothing any more
    stop-signing      one of them, at once: for one person or for everybody
    resume-signing    two of them

The first approval is the proposer's own, the second any other security officer's. The last security officer is not
removed. An act is open for a day; five refused approvals end it.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from natsuin.errors import AlreadyUsed, ApprovalRefused, Conflict, Expired, Forbidden, Malformed, NotFound, Refused
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.officer_roles import Duty, may
from natsuin.key_management.officers import Officers
from natsuin.key_management.records import challenge_of, make_record
from natsuin.key_management.stops import EVERYBODY, Stops
from natsuin.key_management.tables import enrolment, officer, officer_act, officer_invitation
from natsuin.plain_text import plain_text
from natsuin.sam.protocol import (
    Act,
    ApproveOfficerAct,
    ListOfficers,
    OfficerActStep,
    OfficerActWaiting,
    OfficerInformation,
    OfficerList,
    ProposeOfficerAct,
    ReviewOfficerAct,
    SigningStop,
)

LIFE: Final = timedelta(hours=24)
MOST_REFUSALS: Final = 5
_MOST_LISTED: Final = 200


class Kind(StrEnum):
    """As it stands in messages and records."""

    NAME = "name-officer"
    REMOVE = "remove-officer"
    STOP = "stop-signing"
    RESUME = "resume-signing"


_DUTY: Final = {
    Kind.NAME: Duty.NAME_OFFICERS,
    Kind.REMOVE: Duty.NAME_OFFICERS,
    Kind.STOP: Duty.STOP_SIGNING,
    Kind.RESUME: Duty.STOP_SIGNING,
}


@dataclass(frozen=True)
class OfficerActs:
    """Records these acts and carries them out. Safe from several threads; each step is durable on return."""

    foundation: Foundation
    officers: Officers
    stops: Stops

    def propose(self, message: ProposeOfficerAct) -> Act:
        """The record that the proposer must approve first. Refuses at once what could not be done."""
        foundation, kind = self.foundation, _kind(message.act)
        wish = msgspec.structs.replace(
            message,
            name=plain_text(message.name, "the name", most=100, required=kind is Kind.NAME),
            note=plain_text(message.note, "the note", most=200),
        )
        with foundation.database.read() as connection:
            row = self.officers.require(connection, wish.officer_id, _DUTY[kind])
            self._require_possible(connection, kind, wish)
        fields: dict[str, Any] = {"officer": wish.officer_id, "user": wish.user_id, "note": wish.note}
        if kind is Kind.NAME:
            fields = {"officer": wish.officer_id, "name": wish.name, "roles": list(wish.roles), "note": wish.note}
        record = make_record(kind.value, foundation.relying_party.rp_id, fields, clock=foundation.clock, life=LIFE)
        act = {
            "act_id": record.identifier,
            "kind": kind.value,
            "proposed_by": wish.officer_id,
            "approved_by": "",
            "request": msgspec.json.encode(wish),
            "record": record.content,
            "refusals": 0,
            "expires_at": record.expires_at,
            "used_at": 0,
        }
        with foundation.database.write() as connection:
            foundation.insert(connection, officer_act, act)
        return _act(act, row)

    def review(self, message: ReviewOfficerAct) -> Act:
        """The record again, for who is to approve it next. Changes nothing. Raises `NotFound`, `Forbidden`."""
        act = self._open_act(message.act_id)
        with self.foundation.database.read() as connection:
            row = self.officers.require(connection, message.officer_id, _DUTY[Kind(act["kind"])])
            self._require_first(connection, act)
        _require_turn(act, message.officer_id)
        return _act(act, row)

    def approve(self, message: ApproveOfficerAct) -> OfficerActStep:
        """Take one approval; with the last one do what the act says. Each refusal is in the log, five end the act."""
        act = self._open_act(message.act_id)
        kind = Kind(act["kind"])
        try:
            with self.foundation.database.read() as connection:
                who = self._officer_with(connection, message.assertion.credential_id, _DUTY[kind])
                self._require_first(connection, act)
            if message.by not in ("", who["user_id"]):
                raise ApprovalRefused("this is not your passkey", hint="Approve with your own.")
            _require_turn(act, who["user_id"])
            count = self.officers.verify_approval(who, act["record"], message.assertion)
        except Refused as refusal:
            self._note_refusal(act["act_id"], refusal)
            raise
        if kind is not Kind.STOP and not act["approved_by"]:
            return self._take_first(act, who, count)
        wish = msgspec.json.decode(act["request"], type=ProposeOfficerAct)
        with self.foundation.database.read() as connection:
            self._require_possible(connection, kind, wish)
        return self._carry_out(kind, wish, _Approval(act, who, count))

    def list(self, message: ListOfficers) -> OfficerList:
        """Officers, open acts, stops. Raises `Forbidden` for everybody else than a security officer."""
        foundation = self.foundation
        open_acts = (
            sa.select(officer_act)
            .where(
                officer_act.c.used_at == 0,
                officer_act.c.approved_by != "",
                officer_act.c.expires_at >= foundation.now(),
            )
            .order_by(officer_act.c.expires_at)
            .limit(_MOST_LISTED)
        )
        with foundation.database.read() as connection:
            self.officers.require(connection, message.officer_id, Duty.NAME_OFFICERS)
            people = connection.execute(sa.select(officer).where(officer.c.roles != "")).mappings()
            rows = [foundation.checked(officer, row) for row in people]
            acts = [foundation.checked(officer_act, row) for row in connection.execute(open_acts).mappings()]
            stops = self.stops.rows(connection)
        return OfficerList(
            officers=tuple(sorted(map(_information, rows), key=lambda one: (one.display_name, one.user_id))),
            waiting=tuple(_waiting(act, message.officer_id) for act in acts),
            stops=tuple(
                SigningStop(
                    user_id=row["user_id"],
                    officer_id=row["officer_id"],
                    note=row["note"],
                    stopped_at=row["stopped_at"],
                )
                for row in stops
            ),
        )

    def _require_possible(self, connection: sa.Connection, kind: Kind, wish: ProposeOfficerAct) -> None:
        if kind is Kind.NAME:
            self.officers.require_invitable(connection, wish.name, wish.roles, namesake=wish.namesake)
        elif kind is Kind.REMOVE:
            self._require_removable(connection, wish.user_id)
        elif kind is Kind.RESUME:
            self.stops.require_stopped(connection, wish.user_id)
        elif wish.user_id != EVERYBODY and self.foundation.find(connection, enrolment, user_id=wish.user_id) is None:
            raise NotFound("there is no such person", hint="Look the person up again.")

    def _require_removable(self, connection: sa.Connection, user_id: str) -> None:
        row = self.foundation.find(connection, officer, user_id=user_id)
        if row is None or not row["roles"]:
            raise NotFound("there is no such officer", hint="Look at the list of officers.")
        others = connection.execute(sa.select(officer.c.roles).where(officer.c.user_id != user_id)).scalars()
        if not any(may(roles, Duty.NAME_OFFICERS) for roles in others):
            raise Conflict("this is the last security officer", hint="Name another one first.")

    def _carry_out(self, kind: Kind, wish: ProposeOfficerAct, approval: "_Approval") -> OfficerActStep:
        """What gives a power is in the log before it is a row; what takes one away is a row first."""
        if kind is Kind.NAME:
            return OfficerActStep(waiting=False, act=kind.value, token=self._name(wish, approval))
        if kind is Kind.REMOVE:
            self._remove(wish, approval)
            return OfficerActStep(waiting=False, act=kind.value, user_id=wish.user_id)
        if kind is Kind.STOP:
            self._stop(wish, approval)
        else:
            self._resume(wish, approval)
        self.stops.read_again()
        return OfficerActStep(waiting=False, act=kind.value)

    def _name(self, wish: ProposeOfficerAct, approval: "_Approval") -> str:
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
            self._spend(connection, approval)
            foundation.insert(connection, officer_invitation, invitation)
        return token

    def _remove(self, wish: ProposeOfficerAct, approval: "_Approval") -> None:
        foundation = self.foundation
        with foundation.database.write() as connection:
            # Locked, so that of two who remove each other one stays.
            connection.execute(sa.select(officer.c.user_id).with_for_update())
            self._require_removable(connection, wish.user_id)
            self._spend(connection, approval)
            removed = foundation.find(connection, officer, user_id=wish.user_id)
            if removed is None or not foundation.update(connection, officer, removed, roles=""):
                raise _too_late()
        private = {
            "removed": wish.user_id,
            "act": approval.act["act_id"],
            "officers": approval.officers,
            "note": wish.note,
        }
        foundation.journal.record("officer-removed", private=private)

    def _stop(self, wish: ProposeOfficerAct, approval: "_Approval") -> None:
        foundation = self.foundation
        with foundation.database.write() as connection:
            self._spend(connection, approval)
            self.stops.stop_in(connection, wish.user_id, wish.officer_id, wish.note)
        self.stops.read_again()
        private = {
            "user": wish.user_id,
            "act": approval.act["act_id"],
            "officers": approval.officers,
            "note": wish.note,
        }
        foundation.journal.record("signing-stopped", public={"scope": _scope(wish)}, private=private)

    def _resume(self, wish: ProposeOfficerAct, approval: "_Approval") -> None:
        foundation = self.foundation
        private = {
            "user": wish.user_id,
            "act": approval.act["act_id"],
            "officers": approval.officers,
            "note": wish.note,
        }
        foundation.journal.record("signing-resumed", public={"scope": _scope(wish)}, private=private)
        with foundation.database.write() as connection:
            self._spend(connection, approval)
            self.stops.resume_in(connection, wish.user_id)

    def _take_first(self, act: dict[str, Any], who: dict[str, Any], count: int) -> OfficerActStep:
        foundation = self.foundation
        private = {"act": act["act_id"], "officer": who["user_id"]}
        foundation.journal.record("officer-act-proposed", public={"kind": act["kind"]}, private=private)
        with foundation.database.write() as connection:
            taken = foundation.update(connection, officer_act, act, approved_by=who["user_id"])
            if not (taken and foundation.update(connection, officer, who, sign_count=count)):
                raise _too_late()
        return OfficerActStep(waiting=True, act=act["kind"])

    def _open_act(self, act_id: str) -> dict[str, Any]:
        with self.foundation.database.read() as connection:
            act = self.foundation.find(connection, officer_act, act_id=act_id)
        if act is None:
            raise NotFound("there is no such act to approve", hint="Begin again.")
        if act["used_at"]:
            raise AlreadyUsed("this was approved, or refused too often, before", hint="Begin again.")
        if act["expires_at"] < self.foundation.now():
            raise Expired("the time for this has passed", hint="Begin again.")
        return act

    def _officer_with(self, connection: sa.Connection, credential_id: bytes, duty: Duty) -> dict[str, Any]:
        row = self.foundation.find(connection, officer, credential_id=credential_id)
        if row is None or not may(row["roles"], duty):
            raise ApprovalRefused("this passkey may not decide this", hint="Use the passkey that you registered with.")
        return row

    def _spend(self, connection: sa.Connection, approval: "_Approval") -> None:
        self._require_first(connection, approval.act, lock=True)
        approval.spend(self.foundation, connection)

    def _require_first(self, connection: sa.Connection, act: dict[str, Any], *, lock: bool = False) -> None:
        """Raise `Forbidden` if who approved it first was removed since."""
        if act["approved_by"]:
            self.officers.require_still(connection, act["approved_by"], _DUTY[Kind(act["kind"])], lock=lock)

    def _note_refusal(self, act_id: str, refusal: Refused) -> None:
        foundation = self.foundation
        with foundation.database.write() as connection:
            act = foundation.find(connection, officer_act, lock=True, act_id=act_id)
            if act is None or act["refusals"] >= MOST_REFUSALS:
                return
            refusals = act["refusals"] + 1
            used_at = act["used_at"] or (foundation.now() if refusals >= MOST_REFUSALS else 0)
            foundation.update(connection, officer_act, act, refusals=refusals, used_at=used_at)
        public = {"kind": act["kind"], "reason": refusal.code}
        foundation.journal.record("officer-act-refused", public=public, private={"act": act_id})


@dataclass(frozen=True)
class _Approval:
    """The last approval of an act, verified and not yet spent."""

    act: dict[str, Any]
    who: dict[str, Any]
    sign_count: int

    def spend(self, foundation: Foundation, connection: sa.Connection) -> None:
        """Raise `Conflict` if another approval was faster."""
        spent = foundation.update(connection, officer_act, self.act, used_at=foundation.now())
        if not (spent and foundation.update(connection, officer, self.who, sign_count=self.sign_count)):
            raise _too_late()

    @property
    def officers(self) -> list[str]:
        """Who approved, the proposer first."""
        return [name for name in (self.act["approved_by"], self.who["user_id"]) if name]


def _require_turn(act: dict[str, Any], officer_id: str) -> None:
    if not act["approved_by"] and officer_id != act["proposed_by"]:
        raise Forbidden("who proposes this approves it first", hint="Wait for the officer who proposed it.")
    if act["approved_by"] == officer_id:
        raise Forbidden("two different officers must approve this", hint="Another security officer must.")


def _scope(wish: ProposeOfficerAct) -> str:
    return "everybody" if wish.user_id == EVERYBODY else "person"


def _too_late() -> Conflict:
    return Conflict("another approval was a moment earlier", hint="Look at what waits, and approve again.")


def _act(act: dict[str, Any], who: dict[str, Any]) -> Act:
    return Act(
        act_id=act["act_id"],
        record=act["record"],
        challenge=challenge_of(act["record"]),
        credential_ids=(who["credential_id"],),
        expires_at=act["expires_at"],
    )


def _information(row: dict[str, Any]) -> OfficerInformation:
    return OfficerInformation(
        user_id=row["user_id"],
        display_name=row["display_name"],
        roles=tuple(row["roles"].split()),
        since=row["created_at"],
    )


def _waiting(act: dict[str, Any], officer_id: str) -> OfficerActWaiting:
    wish = msgspec.json.decode(act["request"], type=ProposeOfficerAct)
    return OfficerActWaiting(
        act_id=act["act_id"],
        act=act["kind"],
        proposed_by=act["proposed_by"],
        name=wish.name,
        roles=wish.roles,
        user_id=wish.user_id,
        note=wish.note,
        expires_at=act["expires_at"],
        mine=act["approved_by"] != officer_id,
    )


def _kind(act: str) -> Kind:
    try:
        return Kind(act)
    except ValueError as error:
        raise Malformed("officers decide no such thing", hint=f"Choose one of {', '.join(Kind)}.") from error
