"""What an owner or an officer wants done with a key after it was made, each approved by a passkey over sam's own
record.

    suspend, resume     the owner, or a registration or security officer
    revoke              the owner, or a registration or security officer; ends the key and its certificate
    destroy             the owner alone, without anybody's help; ends the key, and its certificate as no longer needed
    renew               the owner, with the PIN: a new key pair, the old one is destroyed, its history stays
    one-time            the owner, with the PIN: a key for one instruction, with a certificate of minutes
    change-pin          the owner, with the PIN
    add-passkey         the owner, by a passkey that the key has, with the PIN; there is a new recovery code
    remove-passkey      the same, by one that stays
    install             a registration officer: a certificate of an outside authority for a key that waits for it
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin.algorithms import KeyAlgorithm
from natsuin.errors import ApprovalRefused, Conflict, Expired, Forbidden, Malformed, NotFound
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.key_moves import KeyMoves, Wish
from natsuin.key_management.key_states import KeyState, Move, Mover, after, require_may_resume
from natsuin.key_management.keys import Keys, StoredKey
from natsuin.key_management.officer_roles import Duty
from natsuin.key_management.officers import Officers
from natsuin.key_management.outside_certificates import OutsideCertificates
from natsuin.key_management.records import challenge_of, make_record
from natsuin.key_management.renewal import Renewals
from natsuin.key_management.secret_changes import ADD_PASSKEY, CHANGE_PIN, REMOVE_PASSKEY, SecretChanges
from natsuin.key_management.tables import key_act, officer, signing_key
from natsuin.plain_text import plain_text
from natsuin.sam.protocol import Act, ApproveKeyAct, Assertion, KeyActDone, ProposeKeyAct

LIFE = timedelta(minutes=10)


class Kind(StrEnum):
    """What may be asked for, as it stands in the message and in the record."""

    SUSPEND = "suspend"
    RESUME = "resume"
    REVOKE = "revoke"
    DESTROY = "destroy"
    RENEW = "renew"
    ONE_TIME = "one-time"
    CHANGE_PIN = CHANGE_PIN
    ADD_PASSKEY = ADD_PASSKEY
    REMOVE_PASSKEY = REMOVE_PASSKEY
    INSTALL = "install-certificate"


REVOCATION_REASONS = frozenset(
    {
        "unspecified",
        "keyCompromise",
        "affiliationChanged",
        "superseded",
        "cessationOfOperation",
        "privilegeWithdrawn",
    }
)
"""Why a signer's certificate may be revoked (RFC 5280, 5.3.1); the others are an authority's own."""
_CLOSING = "cessationOfOperation"
_WITH_NEW_KEY = frozenset({Kind.RENEW, Kind.ONE_TIME})
_OF_SECRETS = frozenset({Kind.CHANGE_PIN, Kind.ADD_PASSKEY, Kind.REMOVE_PASSKEY})
_MOVE = {Kind.SUSPEND: Move.SUSPEND, Kind.RESUME: Move.RESUME, Kind.REVOKE: Move.REVOKE, Kind.DESTROY: Move.DESTROY}
_OF_OWNER = frozenset(Kind) - {Kind.INSTALL}
_OF_OFFICER = frozenset({Kind.SUSPEND, Kind.RESUME, Kind.REVOKE, Kind.INSTALL})


@dataclass(frozen=True)
class KeyActs:
    """Records and carries out acts on keys. Safe from several threads; each step is durable on return."""

    foundation: Foundation
    officers: Officers
    keys: Keys
    moves: KeyMoves
    renewals: Renewals
    outside: OutsideCertificates
    changes: SecretChanges

    def propose(self, message: ProposeKeyAct) -> Act:
        """The record that the owner's or the officer's passkey must approve. Refuses at once what could not be done."""
        foundation, kind = self.foundation, _kind(message)
        mover = Mover.OFFICER if message.officer_id else Mover.OWNER
        with foundation.database.read() as connection:
            key = self.keys.get(connection, message.key_id, message.user_id)
            approver = self._approver(connection, key, message.officer_id, kind)
        self._require_possible(kind, key, mover, message)
        record = make_record(
            f"key-{kind.value}",
            foundation.relying_party.rp_id,
            self._fields(kind, key, message),
            clock=foundation.clock,
            life=LIFE,
        )
        row = {
            "act_id": record.identifier,
            "key_id": key.key_id,
            "kind": kind.value,
            "officer_id": message.officer_id,
            "record": record.content,
            "request": msgspec.json.encode(message),
            "expires_at": record.expires_at,
            "used_at": 0,
        }
        with foundation.database.write() as connection:
            foundation.insert(connection, key_act, row)
        return Act(
            act_id=record.identifier,
            record=record.content,
            challenge=record.challenge,
            credential_ids=approver.credential_ids,
            expires_at=record.expires_at,
        )

    def approve(self, message: ApproveKeyAct) -> KeyActDone:
        """Verify the passkey, spend the act, do what it says.

        The act is spent before a PIN in it is tried, so one assertion is one try.
        """
        foundation = self.foundation
        with foundation.database.read() as connection:
            act = foundation.find(connection, key_act, act_id=message.act_id)
            if act is None or act["used_at"] or message.key_id not in ("", act["key_id"]):
                raise NotFound("there is no such act to approve", hint="Begin again.")
            if act["expires_at"] < foundation.now():
                raise Expired("the time for this has passed", hint="Begin again.")
            request = msgspec.json.decode(act["request"], type=ProposeKeyAct)
            key = self.keys.get(connection, act["key_id"], request.user_id)
            approver = self._approver(connection, key, act["officer_id"], Kind(act["kind"]))
        if act["kind"] == REMOVE_PASSKEY and message.assertion.credential_id == request.credential_id:
            raise ApprovalRefused("a passkey cannot remove itself", hint="Approve with one that stays.")
        self._spend(act, approver, self._verify(act, approver, message.assertion))
        kind = Kind(act["kind"])
        mover = Mover.OFFICER if act["officer_id"] else Mover.OWNER
        private = _private(act, request)
        if kind in _OF_SECRETS:
            return self.changes.carry_out(key, request, challenge_of(act["record"]), message.sealed_secrets, private)
        if kind in _WITH_NEW_KEY:
            return self.renewals.carry_out(key, request, challenge_of(act["record"]), message.sealed_secrets, private)
        if kind is Kind.INSTALL:
            return self.outside.install(key, request.certificates, private)
        reason, revocation = request.reason or "requested", ""
        if kind is Kind.REVOKE:
            revocation = request.reason
        elif kind is Kind.DESTROY:
            revocation = _CLOSING
        moved = self.moves.make(key.key_id, Wish(_MOVE[kind], mover, reason, private), revocation=revocation)
        with foundation.database.read() as connection:
            return KeyActDone(key=self.keys.information(connection, moved))

    def _approver(self, connection: sa.Connection, key: StoredKey, officer_id: str, kind: Kind) -> "_Approver":
        if not officer_id:
            return _Approver(key, None)
        duty = Duty.INSTALL_CERTIFICATES if kind is Kind.INSTALL else Duty.HOLD_KEYS
        return _Approver(key, self.officers.require(connection, officer_id, duty))

    def _require_possible(self, kind: Kind, key: StoredKey, mover: Mover, message: ProposeKeyAct) -> None:
        if kind not in (_OF_OFFICER if mover is Mover.OFFICER else _OF_OWNER):
            raise Forbidden("this is not theirs to decide", hint="Only the key's owner, or only an officer, may.")
        if kind in _WITH_NEW_KEY:
            self.renewals.require_possible(key, message.algorithm)
        elif kind is Kind.INSTALL:
            self.outside.require_installable(key, message.certificates)
        elif kind in _MOVE:
            after(KeyState(key.row["state"]), _MOVE[kind])
        if kind is Kind.RESUME:
            require_may_resume(key.row["suspended_by"], mover)
        if kind is Kind.REVOKE and message.reason not in REVOCATION_REASONS:
            raise Malformed("the reason is not one", hint=f"Choose one of {', '.join(sorted(REVOCATION_REASONS))}.")
        if kind is not Kind.REVOKE and message.reason:
            raise Malformed("only a revocation has a reason", hint="Write it as a note.")

    def _fields(self, kind: Kind, key: StoredKey, message: ProposeKeyAct) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "key": key.key_id,
            "user": key.user_id,
            "officer": message.officer_id,
            "reason": message.reason,
            "note": plain_text(message.note, "the note"),
        }
        if kind in _OF_SECRETS:
            fields |= self.changes.fields(key, message)
        if kind in _WITH_NEW_KEY:
            fields["algorithm"] = KeyAlgorithm(message.algorithm or key.algorithm).value
            fields["resident"] = kind is Kind.RENEW and key.resident
        if kind is Kind.INSTALL:
            fields["certificates"] = self.outside.named(message.certificates)
        return fields

    def _verify(self, act: dict[str, Any], approver: "_Approver", assertion: Assertion) -> dict[str, Any]:
        """What changes in the approver's row. Raises `ApprovalRefused`."""
        try:
            if approver.officer is not None:
                count = self.officers.verify_approval(approver.officer, act["record"], assertion)
                return {"sign_count": count}
            return {"sign_counts": self.keys.verify_owner(approver.key, act["record"], assertion)}
        except ApprovalRefused as refusal:
            public = {"key": approver.key.key_id, "kind": act["kind"], "reason": refusal.code}
            self.foundation.journal.record("key-act-refused", public=public, private={"act": act["act_id"]})
            raise

    def _spend(self, act: dict[str, Any], approver: "_Approver", changes: dict[str, Any]) -> None:
        foundation = self.foundation
        table, row = (signing_key, approver.key.row) if approver.officer is None else (officer, approver.officer)
        with foundation.database.write() as connection:
            spent = foundation.update(connection, key_act, act, used_at=foundation.now())
            if not (spent and foundation.update(connection, table, row, **changes)):
                raise Conflict("another approval was a moment earlier", hint="Begin again.")


@dataclass(frozen=True)
class _Approver:
    """Who must approve an act: the officer, or where there is none the key's owner."""

    key: StoredKey
    officer: dict[str, Any] | None

    @property
    def credential_ids(self) -> tuple[bytes, ...]:
        return self.key.credential_ids if self.officer is None else (self.officer["credential_id"],)


def _private(act: dict[str, Any], request: ProposeKeyAct) -> dict[str, Any]:
    """What the entry of the move commits to."""
    return {"act": act["act_id"], "user": request.user_id, "officer": act["officer_id"], "note": request.note}


def _kind(message: ProposeKeyAct) -> Kind:
    try:
        return Kind(message.act)
    except ValueError as error:
        raise Malformed("there is no such act on a key", hint=f"Choose one of {', '.join(Kind)}.") from error
