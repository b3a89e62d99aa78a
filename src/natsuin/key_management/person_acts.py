"""What a registration officer decides about a whole person, over sam's own record.

    withdraw-invitation   nobody enrols with it any more; the person has no key yet
    end-person            who left or died: every key is revoked and erased, and no new one is ever made in the account

One officer decides, as over a single key. An act is open for ten minutes; five refused approvals end it.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from natsuin import faults
from natsuin.errors import AlreadyUsed, ApprovalRefused, Conflict, Expired, Malformed, NotFound, Refused
from natsuin.key_management.enrolment import INVITED, WITHDRAWN
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.invitations import withdrawn
from natsuin.key_management.key_acts import REVOCATION_REASONS
from natsuin.key_management.key_creation import ENDED_PERSON
from natsuin.key_management.key_moves import KeyMoves, Wish
from natsuin.key_management.key_states import ENDED, IllegalMove, Move, Mover
from natsuin.key_management.officer_roles import Duty
from natsuin.key_management.officers import Officers
from natsuin.key_management.records import make_record
from natsuin.key_management.tables import enrolment, officer, person_act, signing_key
from natsuin.plain_text import plain_text
from natsuin.sam.protocol import Act, ApprovePersonAct, PersonActDone, ProposePersonAct

LIFE: Final = timedelta(minutes=10)
MOST_REFUSALS: Final = 5
_LIVING: Final = signing_key.c.state.not_in([state.value for state in ENDED])


class PersonEnded(Conflict):
    """The account has ended."""

    code = "person_ended"


class Kind(StrEnum):
    """As it stands in messages and records."""

    WITHDRAW = "withdraw-invitation"
    END = "end-person"


@dataclass(frozen=True)
class PersonActs:
    """Records these acts and carries them out. Safe from several threads; each step is durable on return."""

    foundation: Foundation
    officers: Officers
    moves: KeyMoves

    def propose(self, message: ProposePersonAct) -> Act:
        """The record that the officer's passkey must approve. Refuses at once what could not be done."""
        foundation, kind = self.foundation, _kind(message.act)
        _require_reason(kind, message.reason)
        note = plain_text(message.note, "the note", most=200)
        with foundation.database.read() as connection:
            row = self.officers.require(connection, message.officer_id, Duty.REGISTER_PEOPLE)
            self._require_possible(kind, self._person(connection, message.user_id))
        fields = {"officer": message.officer_id, "user": message.user_id, "reason": message.reason, "note": note}
        record = make_record(kind.value, foundation.relying_party.rp_id, fields, clock=foundation.clock, life=LIFE)
        act = {
            "act_id": record.identifier,
            "kind": kind.value,
            "officer_id": message.officer_id,
            "user_id": message.user_id,
            "request": msgspec.json.encode(msgspec.structs.replace(message, note=note)),
            "record": record.content,
            "refusals": 0,
            "expires_at": record.expires_at,
            "used_at": 0,
        }
        with foundation.database.write() as connection:
            foundation.insert(connection, person_act, act)
        return Act(
            act_id=record.identifier,
            record=record.content,
            challenge=record.challenge,
            credential_ids=(row["credential_id"],),
            expires_at=record.expires_at,
        )

    def approve(self, message: ApprovePersonAct) -> PersonActDone:
        """Verify the officer's passkey and do what the act says. Each refusal is in the log, five end the act."""
        act = self._open_act(message.act_id)
        with self.foundation.database.read() as connection:
            row = self.officers.require(connection, act["officer_id"], Duty.REGISTER_PEOPLE)
        try:
            count = self.officers.verify_approval(row, act["record"], message.assertion)
        except ApprovalRefused as refusal:
            self._note_refusal(act["act_id"], refusal)
            raise
        wish = msgspec.json.decode(act["request"], type=ProposePersonAct)
        if Kind(act["kind"]) is Kind.WITHDRAW:
            self._withdraw(act, row, count)
            return PersonActDone(user_id=wish.user_id, act=act["kind"])
        self._end(act, row, count)
        return PersonActDone(user_id=wish.user_id, act=act["kind"], ended_keys=self.end_keys(wish.user_id, wish.reason))

    def end_keys(self, user_id: str, reason: str) -> tuple[str, ...]:
        """Revoke what lives of this person's keys, for one of `REVOCATION_REASONS`; answers their ids.

        A key that somebody else ends at the same time is left to them.
        """
        ended = []
        for key_id in self._living(user_id):
            with suppress(IllegalMove):
                wish = Wish(Move.REVOKE, Mover.OFFICER, reason, {"user": user_id})
                self.moves.make(key_id, wish, revocation=reason)
                ended.append(key_id)
            faults.point("person_end.after_key")
        return tuple(ended)

    def finish(self) -> int:
        """End the keys that a crash left to people who have ended; answers how many. For the start of sam."""
        query = (
            sa.select(enrolment.c.user_id)
            .join(signing_key, signing_key.c.user_id == enrolment.c.user_id)
            .where(enrolment.c.state == ENDED_PERSON, _LIVING)
            .distinct()
        )
        with self.foundation.database.read() as connection:
            left = {user_id: self._reason(connection, user_id) for user_id in connection.execute(query).scalars()}
        return sum(len(self.end_keys(user_id, reason)) for user_id, reason in left.items())

    def _withdraw(self, act: dict[str, Any], row: dict[str, Any], count: int) -> None:
        foundation = self.foundation
        opening = foundation.journal.open(_private(act))
        with foundation.database.write() as connection:
            person = self._person(connection, act["user_id"], lock=True)
            self._require_possible(Kind.WITHDRAW, person)
            self._spend(connection, act, row, count)
            foundation.update(connection, enrolment, person, state=WITHDRAWN)
            foundation.journal.log.add(foundation.journal.entry("invitation-withdrawn", {}, opening))

    def _end(self, act: dict[str, Any], row: dict[str, Any], count: int) -> None:
        """From here on no key of the person is made, because `store` asks; then those that live are ended."""
        foundation = self.foundation
        opening = foundation.journal.open(_private(act))
        with foundation.database.write() as connection:
            person = self._person(connection, act["user_id"], lock=True)
            self._require_possible(Kind.END, person)
            self._spend(connection, act, row, count)
            foundation.update(connection, enrolment, person, state=ENDED_PERSON)
            foundation.journal.log.add(foundation.journal.entry("person-ended", {}, opening))
        faults.point("person_end.after_person")

    def _spend(self, connection: sa.Connection, act: dict[str, Any], row: dict[str, Any], count: int) -> None:
        foundation = self.foundation
        spent = foundation.update(connection, person_act, act, used_at=foundation.now())
        if not (spent and foundation.update(connection, officer, row, sign_count=count)):
            raise Conflict("another approval was a moment earlier", hint="Begin again.")

    def _require_possible(self, kind: Kind, person: dict[str, Any]) -> None:
        if kind is Kind.WITHDRAW and person["state"] == WITHDRAWN:
            raise withdrawn()
        if kind is Kind.WITHDRAW and person["state"] != INVITED:
            raise Conflict("there is no open invitation of this person", hint="Look at the person's record.")
        if person["state"] == ENDED_PERSON:
            raise PersonEnded("this person's account has ended before", hint="Look at the person's record.")

    def _person(self, connection: sa.Connection, user_id: str, *, lock: bool = False) -> dict[str, Any]:
        row = self.foundation.find(connection, enrolment, lock=lock, user_id=user_id)
        if row is None:
            raise NotFound("there is no such person", hint="Look the person up again.")
        return row

    def _reason(self, connection: sa.Connection, user_id: str) -> str:
        """Why this account ended, from the act that ended it. Raises `Tampered`."""
        self._person(connection, user_id)
        ends = sa.select(person_act).where(
            person_act.c.user_id == user_id, person_act.c.kind == Kind.END.value, person_act.c.used_at != 0
        )
        for row in connection.execute(ends).mappings():
            act = self.foundation.checked(person_act, row)
            if act["refusals"] < MOST_REFUSALS:
                return msgspec.json.decode(act["request"], type=ProposePersonAct).reason
        return "unspecified"

    def _living(self, user_id: str) -> list[str]:
        mine = sa.select(signing_key.c.key_id).where(signing_key.c.user_id == user_id, _LIVING)
        with self.foundation.database.read() as connection:
            return list(connection.execute(mine.order_by(signing_key.c.created_at)).scalars())

    def _open_act(self, act_id: str) -> dict[str, Any]:
        with self.foundation.database.read() as connection:
            act = self.foundation.find(connection, person_act, act_id=act_id)
        if act is None:
            raise NotFound("there is no such act to approve", hint="Begin again.")
        if act["used_at"]:
            raise AlreadyUsed("this was approved, or refused too often, before", hint="Begin again.")
        if act["expires_at"] < self.foundation.now():
            raise Expired("the time for this has passed", hint="Begin again.")
        return act

    def _note_refusal(self, act_id: str, refusal: Refused) -> None:
        foundation = self.foundation
        with foundation.database.write() as connection:
            act = foundation.find(connection, person_act, lock=True, act_id=act_id)
            if act is None or act["refusals"] >= MOST_REFUSALS:
                return
            refusals = act["refusals"] + 1
            used_at = act["used_at"] or (foundation.now() if refusals >= MOST_REFUSALS else 0)
            foundation.update(connection, person_act, act, refusals=refusals, used_at=used_at)
        public = {"kind": act["kind"], "reason": refusal.code}
        foundation.journal.record("person-act-refused", public=public, private={"act": act_id})


def _private(act: dict[str, Any]) -> dict[str, Any]:
    """What the entry of an act commits to."""
    wish = msgspec.json.decode(act["request"], type=ProposePersonAct)
    return {
        "act": act["act_id"],
        "user": wish.user_id,
        "officer": wish.officer_id,
        "reason": wish.reason,
        "note": wish.note,
    }


def _require_reason(kind: Kind, reason: str) -> None:
    if kind is Kind.END and reason not in REVOCATION_REASONS:
        raise Malformed("the reason is not one", hint=f"Choose one of {', '.join(sorted(REVOCATION_REASONS))}.")
    if kind is Kind.WITHDRAW and reason:
        raise Malformed("an invitation is withdrawn without a reason", hint="Write it as a note.")


def _kind(act: str) -> Kind:
    try:
        return Kind(act)
    except ValueError as error:
        raise Malformed("there is no such act on a person", hint=f"Choose one of {', '.join(Kind)}.") from error
