"""Who may begin and who may stop the replacement of a lost passkey: one officer proposes it on new evidence, another
approves the same record, and the person or any officer cancels it.

web only carries what they approve. It can withhold it, and begin, shorten or complete nothing.
"""

import os
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin.errors import ApprovalRefused, Conflict, Forbidden, Malformed, NotFound, Refused
from natsuin.key_management.enrolment import plain_evidence
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.key_states import ENDED
from natsuin.key_management.keys import Keys, StoredKey
from natsuin.key_management.lost_passkey.states import (
    MOST_REFUSALS,
    OPEN,
    Move,
    State,
    Step,
    after,
    information,
    lock,
    make_in,
    prepare,
    require_in_time,
)
from natsuin.key_management.lost_passkey.tables import passkey_replacement
from natsuin.key_management.officer_roles import Duty, may
from natsuin.key_management.officers import Officers, token_hash
from natsuin.key_management.records import challenge_of, make_record
from natsuin.key_management.tables import officer, signing_key
from natsuin.sam.protocol import (
    Act,
    ApproveReplacement,
    Assertion,
    CancelReplacement,
    ListReplacements,
    OfferReplacementCancel,
    ProposeReplacement,
    ReplacementInformation,
    ReplacementPage,
    ReplacementStep,
    ReviewReplacement,
)

APPROVAL_LIFE = timedelta(hours=24)
"""How long both officers may take."""
LINK_LIFE = timedelta(days=14)
"""How long the person's link is good after the waiting period."""


@dataclass(frozen=True)
class Replacements:
    """Records and begins replacements. Safe from several threads; each step is durable on return."""

    foundation: Foundation
    officers: Officers
    keys: Keys
    waiting: timedelta
    """How long everybody waits after the second approval."""

    def propose(self, message: ProposeReplacement) -> Act:
        """The record that two officers must approve, this one first. Nothing is begun yet."""
        foundation = self.foundation
        waiting = self.waiting // timedelta(milliseconds=1)
        fields = {
            "officer": message.officer_id,
            "user": message.user_id,
            "evidence": msgspec.to_builtins(plain_evidence(message.evidence, foundation.now())),
            "waiting": waiting,
        }
        service, clock = foundation.relying_party.rp_id, foundation.clock
        record = make_record("replace-passkey", service, fields, clock=clock, life=APPROVAL_LIFE)
        about = {"replacement": record.identifier, "user": message.user_id}
        whole_life = APPROVAL_LIFE + self.waiting + LINK_LIFE
        cancel = make_record("cancel-replacement", service, about, clock=clock, life=whole_life)
        row = {
            "act_id": record.identifier,
            "user_id": message.user_id,
            "state": State.DRAFTED.value,
            "officers": message.officer_id,
            "record": record.content,
            "cancel_record": cancel.content,
            "refusals": 0,
            "proposed_at": foundation.now(),
            "waiting": waiting,
            "ends_waiting_at": 0,
            "token_hash": b"",
            "challenge": os.urandom(32),
            "completion": b"",
            "passkey": b"",
            "changed_at": foundation.now(),
            "expires_at": record.expires_at,
        }
        with foundation.database.write() as connection:
            first = self.officers.require(connection, message.officer_id, Duty.REPLACE_PASSKEYS)
            self._require_possible(connection, message)
            foundation.insert(connection, passkey_replacement, row)
        return _act(row, record.content, (first["credential_id"],))

    def review(self, message: ReviewReplacement) -> Act:
        """The record again, for the officer who is to approve it next. Changes nothing."""
        with self.foundation.database.read() as connection:
            row = self._find(connection, message.act_id)
            step = _step(row)
            who = self.officers.require(connection, message.officer_id, Duty.REPLACE_PASSKEYS)
            self._require_proposer(connection, row, step)
        _require_turn(row, step, who["user_id"])
        require_in_time(self.foundation, row)
        return _act(row, row["record"], (who["credential_id"],))

    def approve(self, message: ApproveReplacement) -> ReplacementStep:
        """Take one officer's approval. With the second the waiting period begins, and the answer holds the one-time
        link's token, of which sam keeps only the hash. Each refusal is in the log, five end the replacement."""
        foundation = self.foundation
        with foundation.database.read() as connection:
            row = self._find(connection, message.act_id)
        step = _step(row)
        require_in_time(foundation, row)
        try:
            with foundation.database.read() as connection:
                who = self._officer_of(connection, message.assertion)
                self._require_proposer(connection, row, step)
            _require_turn(row, step, who["user_id"])
            count = self.officers.verify_approval(who, row["record"], message.assertion)
        except Refused as refusal:
            self.note_refusal(row["act_id"], refusal)
            raise
        token, changes = "", dict[str, Any]()
        if step is Step.BEGIN:
            token = secrets.token_urlsafe(32)
            ends = foundation.now() + row["waiting"]
            changes = {
                "officers": f"{row['officers']} {who['user_id']}",
                "token_hash": token_hash(token),
                "ends_waiting_at": ends,
                "refusals": 0,
                "expires_at": ends + LINK_LIFE // timedelta(milliseconds=1),
            }
        move = Move(step, "officer", who["user_id"], changes)
        opening = prepare(foundation, row, move)
        with foundation.database.write() as connection:
            if step is Step.PROPOSE:
                self._require_alone(connection, row["user_id"])
            self._require_proposer(connection, row, step, lock=True)
            self._count(connection, who, count)
            moved = make_in(foundation, connection, row["act_id"], move, opening)
        return ReplacementStep(replacement=information(foundation, moved), token=token)

    def offer_cancel(self, message: OfferReplacementCancel) -> Act:
        """The record by which the person, or the officer who is named, cancels. The same each time it is asked for."""
        with self.foundation.database.read() as connection:
            row = self._find(connection, message.act_id)
            after(State(row["state"]), Step.CANCEL)
            if message.officer_id:
                able: tuple[bytes, ...] = (
                    self.officers.require(connection, message.officer_id, Duty.REPLACE_PASSKEYS)["credential_id"],
                )
            else:
                living = living_keys(self.foundation, connection, row["user_id"])
                able = tuple(dict.fromkeys(name for key in living for name in key.credential_ids))
        return _act(row, row["cancel_record"], able)

    def cancel(self, message: CancelReplacement) -> ReplacementStep:
        """End it, by a passkey of the person's or of any registration officer. Refusals end nothing."""
        foundation = self.foundation
        with foundation.database.read() as connection:
            row = self._find(connection, message.act_id)
            after(State(row["state"]), Step.CANCEL)
            key = self._key_with(connection, row["user_id"], message.assertion)
            who = None if key is not None else self._officer_of(connection, message.assertion)
        try:
            if key is not None:
                counts = self.keys.verify_owner(key, row["cancel_record"], message.assertion)
            elif who is not None:
                count = self.officers.verify_approval(who, row["cancel_record"], message.assertion)
        except ApprovalRefused as refusal:
            self._tell_refusal(row, refusal)
            raise
        move = Move(Step.CANCEL, "owner") if who is None else Move(Step.CANCEL, "officer", who["user_id"])
        opening = prepare(foundation, row, move)
        with foundation.database.write() as connection:
            if key is not None:
                foundation.update(connection, signing_key, key.row, sign_counts=counts)
            elif who is not None:
                self._count(connection, who, count)
            moved = make_in(foundation, connection, row["act_id"], move, opening)
        return ReplacementStep(replacement=information(foundation, moved))

    def page(self, wanted: ListReplacements) -> ReplacementPage:
        """Replacements that somebody approved, in the order of their ids: those that are open, and those that changed
        since a moment."""
        columns = passkey_replacement.c
        query = sa.select(passkey_replacement).where(
            columns.act_id > wanted.after,
            columns.state != State.DRAFTED.value,
            sa.or_(columns.state.in_([state.value for state in OPEN]), columns.changed_at >= wanted.since),
        )
        if wanted.user_id:
            query = query.where(columns.user_id == wanted.user_id)
        if wanted.act_id:
            query = query.where(columns.act_id == wanted.act_id)
        with self.foundation.database.read() as connection:
            rows = connection.execute(query.order_by(columns.act_id).limit(wanted.limit)).mappings().all()
        return ReplacementPage(replacements=tuple(self._told(row) for row in rows))

    def note_refusal(self, act_id: str, refusal: Refused) -> None:
        """Count a refused approval of an open replacement; the fifth ends it."""
        foundation = self.foundation
        with foundation.database.write() as connection:
            row = lock(foundation, connection, act_id)
            if row["state"] in (State.COMPLETED, State.CANCELLED) or row["refusals"] >= MOST_REFUSALS:
                return
            refusals = row["refusals"] + 1
            foundation.update(connection, passkey_replacement, row, refusals=refusals)
        self._tell_refusal(row, refusal)
        if refusals >= MOST_REFUSALS:
            self.end(act_id)

    def end(self, act_id: str) -> None:
        """Cancel it because too much was refused."""
        foundation = self.foundation
        with foundation.database.read() as connection:
            row = self._find(connection, act_id)
        move = Move(Step.CANCEL, "service")
        opening = prepare(foundation, row, move)
        with foundation.database.write() as connection:
            make_in(foundation, connection, row["act_id"], move, opening)

    def _tell_refusal(self, row: dict[str, Any], refusal: Refused) -> None:
        public = {"replacement": row["act_id"], "reason": refusal.code}
        private = {"user": row["user_id"], "act": row["act_id"]}
        self.foundation.journal.record("replacement-refused", public=public, private=private)

    def _told(self, row: sa.RowMapping) -> ReplacementInformation:
        return information(self.foundation, self.foundation.checked(passkey_replacement, row))

    def _find(self, connection: sa.Connection, act_id: str) -> dict[str, Any]:
        row = self.foundation.find(connection, passkey_replacement, act_id=act_id)
        if row is None:
            raise NotFound("there is no such replacement of a passkey", hint="Begin again.")
        return row

    def _require_possible(self, connection: sa.Connection, message: ProposeReplacement) -> None:
        if message.officer_id == message.user_id:
            raise Forbidden("an officer cannot do this for themselves", hint="Ask two other officers.")
        if not living_keys(self.foundation, connection, message.user_id):
            raise Conflict("the person has no key that lives", hint="Register the person again instead.")
        self._require_alone(connection, message.user_id)

    def _require_alone(self, connection: sa.Connection, user_id: str) -> None:
        columns = passkey_replacement.c
        # Held, so that two officers who propose at the same moment come one after the other.
        connection.execute(sa.select(signing_key.c.key_id).where(signing_key.c.user_id == user_id).with_for_update())
        query = sa.select(columns.act_id).where(
            columns.user_id == user_id,
            columns.state.in_([state.value for state in OPEN]),
            columns.expires_at >= self.foundation.now(),
        )
        if connection.execute(query.limit(1)).first() is not None:
            raise Conflict("a replacement for this person is under way", hint="Cancel it first, or wait for its end.")

    def _officer_of(self, connection: sa.Connection, assertion: Assertion) -> dict[str, Any]:
        """The registration officer on record with this passkey. Raises `ApprovalRefused`."""
        row = self.foundation.find(connection, officer, credential_id=assertion.credential_id)
        if row is None or not may(row["roles"], Duty.REPLACE_PASSKEYS):
            raise ApprovalRefused("this passkey may not decide this", hint="Use the passkey that you registered with.")
        return row

    def _require_proposer(
        self, connection: sa.Connection, row: dict[str, Any], step: Step, *, lock: bool = False
    ) -> None:
        """Raise `Forbidden` if who proposed what is to begin was removed since: two officers are two to the end."""
        if step is Step.BEGIN:
            self.officers.require_still(connection, row["officers"], Duty.REPLACE_PASSKEYS, lock=lock)

    def _key_with(self, connection: sa.Connection, user_id: str, assertion: Assertion) -> StoredKey | None:
        for key in living_keys(self.foundation, connection, user_id):
            if assertion.credential_id in key.credential_ids:
                return key
        return None

    def _count(self, connection: sa.Connection, who: dict[str, Any], count: int) -> None:
        if not self.foundation.update(connection, officer, who, sign_count=count):
            raise Conflict("the same passkey approved something a moment ago", hint="Approve again.")


def living_keys(foundation: Foundation, connection: sa.Connection, user_id: str) -> tuple[StoredKey, ...]:
    """The keys of an account that are neither ended nor made for one instruction, oldest first."""
    return tuple(key for key in unended_keys(foundation, connection, user_id) if not key.row["one_time"])


def unended_keys(foundation: Foundation, connection: sa.Connection, user_id: str) -> tuple[StoredKey, ...]:
    """The keys of an account that are not ended, oldest first."""
    query = (
        sa.select(signing_key)
        .where(signing_key.c.user_id == user_id, signing_key.c.state.not_in([state.value for state in ENDED]))
        .order_by(signing_key.c.created_at, signing_key.c.key_id)
    )
    return tuple(StoredKey(foundation.checked(signing_key, row)) for row in connection.execute(query).mappings())


def _step(row: dict[str, Any]) -> Step:
    """Which approval is due. Raises `ReplacementOver`, `Conflict`."""
    step = Step.PROPOSE if row["state"] == State.DRAFTED else Step.BEGIN
    after(State(row["state"]), step)
    return step


def _require_turn(row: dict[str, Any], step: Step, officer_id: str) -> None:
    """Raise `Forbidden` unless it is this officer's turn: who proposes goes first, and somebody else second."""
    proposer = row["officers"]
    if step is Step.PROPOSE and officer_id != proposer:
        raise Forbidden("who proposes this approves it first", hint="Wait for the officer who proposed it.")
    if step is Step.BEGIN and officer_id == proposer:
        raise Forbidden("two different officers must approve this", hint="Another registration officer must.")
    if officer_id == row["user_id"]:
        raise Forbidden("an officer cannot do this for themselves", hint="Ask another officer.")


def _act(row: dict[str, Any], record: bytes, credential_ids: tuple[bytes, ...]) -> Act:
    if not credential_ids:
        raise Malformed("nobody has a passkey for this")
    return Act(
        act_id=row["act_id"],
        record=record,
        challenge=challenge_of(record),
        credential_ids=credential_ids,
        expires_at=row["expires_at"],
    )
