"""What security officers decide, each over sam's own record: how it is proposed, looked at and approved. What the
decisions themselves are is in `officer_decisions` and `opening_decisions`.

    name-officer      two of them: a one-time link for somebody new, told to the second
    remove-officer    two of them: that officer approves nothing any more
    stop-signing      one of them, at once: for one person or for everybody
    resume-signing    two of them
    disclose-entries  two of them: a file that opens what entries of the log commit to, told to the second
    erase-openings    two of them: what the log commits to about a person whose account has ended is gone
    revocation-told   one of them: an outside authority was told of a revocation by hand

The first approval is the proposer's own, the second any other security officer's. The last security officer is not
removed. An act is open for a day; five refused approvals end it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from natsuin.errors import AlreadyUsed, ApprovalRefused, Expired, Forbidden, Malformed, NotFound, Refused
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.officer_decisions import (
    Approval,
    Decision,
    NameOfficer,
    RemoveOfficer,
    ResumeSigning,
    StopSigning,
    too_late,
)
from natsuin.key_management.officer_roles import Duty, may
from natsuin.key_management.officers import Officers
from natsuin.key_management.opening_decisions import DiscloseEntries, EraseOpenings
from natsuin.key_management.outside_revocations import RevocationTold
from natsuin.key_management.records import challenge_of, make_record
from natsuin.key_management.stops import Stops
from natsuin.key_management.tables import officer, officer_act
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


@dataclass(frozen=True)
class OfficerActs:
    """Records these acts and carries them out. Safe from several threads; each step is durable on return."""

    foundation: Foundation
    officers: Officers
    stops: Stops
    decisions: Mapping[str, Decision]
    """By kind, as it stands in messages and records."""

    @classmethod
    def make(
        cls, foundation: Foundation, officers: Officers, stops: Stops, *, vkeys: Callable[[], tuple[str, ...]]
    ) -> "OfficerActs":
        """With every decision there is. `vkeys` tells those of the log's shards, the newest first."""
        decisions: dict[str, Decision] = {
            "name-officer": NameOfficer(foundation, officers),
            "remove-officer": RemoveOfficer(foundation),
            "stop-signing": StopSigning(foundation, stops),
            "resume-signing": ResumeSigning(foundation, stops),
            "disclose-entries": DiscloseEntries(foundation, vkeys),
            "erase-openings": EraseOpenings(foundation),
            "revocation-told": RevocationTold(foundation),
        }
        return cls(foundation, officers, stops, decisions)

    def propose(self, message: ProposeOfficerAct) -> Act:
        """The record that the proposer must approve first. Refuses at once what could not be done."""
        foundation, decision = self.foundation, self._decision(message.act)
        wish = msgspec.structs.replace(
            message,
            name=plain_text(message.name, "the name", most=100, required=decision.named),
            note=plain_text(message.note, "the note", most=200, required=decision.grounded),
        )
        with foundation.database.read() as connection:
            row = self.officers.require(connection, wish.officer_id, decision.duty)
            decision.require_possible(connection, wish)
        fields = {"officer": wish.officer_id, "note": wish.note, **decision.fields(wish)}
        record = make_record(message.act, foundation.relying_party.rp_id, fields, clock=foundation.clock, life=LIFE)
        act = {
            "act_id": record.identifier,
            "kind": message.act,
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
            row = self.officers.require(connection, message.officer_id, self._decision(act["kind"]).duty)
            self._require_first(connection, act)
        _require_turn(act, message.officer_id)
        return _act(act, row)

    def approve(self, message: ApproveOfficerAct) -> OfficerActStep:
        """Take one approval; with the last one do what the act says. Each refusal is in the log, five end the act."""
        act = self._open_act(message.act_id)
        decision = self._decision(act["kind"])
        try:
            with self.foundation.database.read() as connection:
                who = self._officer_with(connection, message.assertion.credential_id, decision.duty)
                self._require_first(connection, act)
            if message.by not in ("", who["user_id"]):
                raise ApprovalRefused("this is not your passkey", hint="Approve with your own.")
            _require_turn(act, who["user_id"])
            count = self.officers.verify_approval(who, act["record"], message.assertion)
        except Refused as refusal:
            self._note_refusal(act["act_id"], refusal)
            raise
        if not (decision.alone or act["approved_by"]):
            return self._take_first(act, who, count)
        wish = msgspec.json.decode(act["request"], type=ProposeOfficerAct)
        with self.foundation.database.read() as connection:
            decision.require_possible(connection, wish)
        still = partial(self._require_first, act=act, lock=True)
        return decision.carry_out(wish, Approval(act, who, count, still))

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

    def _decision(self, kind: str) -> Decision:
        """Raises `Malformed` for what officers do not decide."""
        if kind not in self.decisions:
            raise Malformed("officers decide no such thing", hint=f"Choose one of {', '.join(self.decisions)}.")
        return self.decisions[kind]

    def _take_first(self, act: dict[str, Any], who: dict[str, Any], count: int) -> OfficerActStep:
        foundation = self.foundation
        private = {"act": act["act_id"], "officer": who["user_id"]}
        foundation.journal.record("officer-act-proposed", public={"kind": act["kind"]}, private=private)
        with foundation.database.write() as connection:
            taken = foundation.update(connection, officer_act, act, approved_by=who["user_id"])
            if not (taken and foundation.update(connection, officer, who, sign_count=count)):
                raise too_late()
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

    def _require_first(self, connection: sa.Connection, act: dict[str, Any], *, lock: bool = False) -> None:
        """Raise `Forbidden` if who approved it first was removed since."""
        if act["approved_by"]:
            self.officers.require_still(connection, act["approved_by"], self._decision(act["kind"]).duty, lock=lock)

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


def _require_turn(act: dict[str, Any], officer_id: str) -> None:
    if not act["approved_by"] and officer_id != act["proposed_by"]:
        raise Forbidden("who proposes this approves it first", hint="Wait for the officer who proposed it.")
    if act["approved_by"] == officer_id:
        raise Forbidden("two different officers must approve this", hint="Another security officer must.")


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
        entries=wish.entries,
        fields=wish.fields,
        expires_at=act["expires_at"],
        mine=act["approved_by"] != officer_id,
    )
