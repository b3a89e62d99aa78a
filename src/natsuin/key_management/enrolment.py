"""How a person gets a key: an officer's approved registration, a one-time invitation, the person's own passkey and PIN.

web alone can enrol nobody: without an assertion of a registration officer's passkey, from sam's own record, no
invitation is made; without the invitation no key is.
"""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin.algorithms import KeyAlgorithm
from natsuin.clock import milliseconds
from natsuin.errors import ApprovalRefused, Conflict, Expired, Malformed, NotFound
from natsuin.key_management import invitations
from natsuin.key_management.bound_passkeys import bound
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.key_creation import ENDED_PERSON, KeyMaker, KeyWish, store
from natsuin.key_management.keys import Keys, StoredKey
from natsuin.key_management.officer_roles import Duty
from natsuin.key_management.officers import Officers, token_hash
from natsuin.key_management.records import Record, make_record
from natsuin.key_management.signer_secrets import EnrolmentSecrets, SecretOpener
from natsuin.key_management.tables import enrolment, officer, signing_key
from natsuin.plain_text import plain_text
from natsuin.sam.protocol import (
    HPKE_INFO_ENROL,
    Act,
    ApproveEnrolment,
    CompleteEnrolment,
    Enrolled,
    IdentityEvidence,
    Invitation,
    InvitationOpened,
    OpenInvitation,
    ProposeEnrolment,
    Subject,
)

PROPOSAL_LIFE = timedelta(minutes=10)
INVITATION_LIFE = timedelta(days=14)
REPEAT_LIFE = timedelta(minutes=10)
"""How long the answer to an enrolment may be asked for again."""
_USER_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
PROPOSED, INVITED, ENROLLED, WITHDRAWN = "proposed", "invited", "enrolled", "withdrawn"
"""States of a person's way in, as they stand in `enrolment.state`, beside `ENDED_PERSON`."""
_CLOCK_TOLERANCE_MILLISECONDS = 60_000
_IDENTITY_LEVELS = range(1, 4)


@dataclass(frozen=True)
class Enrolments:
    """From an officer's proposal to a certified key. Safe from several threads; each step is durable on return."""

    foundation: Foundation
    officers: Officers
    keys: Keys
    maker: KeyMaker
    opener: SecretOpener
    require_certifiable: Callable[[Subject], None]
    """Raises `Refused` for a subject that the certification authority could not name."""

    def propose(self, message: ProposeEnrolment) -> Act:
        """Record what the officer wants to approve. Nothing is registered yet."""
        algorithm = _algorithm(message.algorithm)
        self.maker.require_usable(algorithm)
        if message.resident:
            self.maker.require_resident()
        subject = _plain_subject(message.subject)
        self.require_certifiable(subject)
        fields = {
            "officer": message.officer_id,
            "user": _user_id(message.user_id),
            "subject": msgspec.to_builtins(subject),
            "evidence": msgspec.to_builtins(plain_evidence(message.evidence, self.foundation.now())),
            "algorithm": algorithm.value,
            "resident": message.resident,
        }
        foundation = self.foundation
        record = make_record(
            "enrol", foundation.relying_party.rp_id, fields, clock=foundation.clock, life=PROPOSAL_LIFE
        )
        with foundation.database.write() as connection:
            officer_row = self.officers.require(connection, message.officer_id, Duty.REGISTER_PEOPLE)
            self.officers.require_not_auditors(connection, message.user_id)
            if foundation.find(connection, enrolment, user_id=message.user_id) is not None:
                raise Conflict("the account was proposed before", hint="Begin again with a new account.")
            foundation.insert(connection, enrolment, _proposal(message, record, subject))
        return Act(
            act_id=record.identifier,
            record=record.content,
            challenge=record.challenge,
            credential_ids=(officer_row["credential_id"],),
            expires_at=record.expires_at,
        )

    def approve(self, message: ApproveEnrolment) -> Invitation:
        """Verify the officer's passkey over the recorded proposal and make the invitation."""
        foundation = self.foundation
        with foundation.database.read() as connection:
            row = foundation.find(connection, enrolment, act_id=message.act_id)
            if row is None:
                raise NotFound("there is no such registration to approve")
            self._require(row, PROPOSED)
            officer_row = self.officers.require(connection, row["officer_id"], Duty.REGISTER_PEOPLE)
        try:
            sign_count = self.officers.verify_approval(officer_row, row["record"], message.assertion)
        except ApprovalRefused as refusal:
            foundation.journal.record(
                "enrolment-approval-refused",
                public={"reason": refusal.code},
                private={"act": row["act_id"], "user": row["user_id"], "officer": row["officer_id"]},
            )
            raise
        token = secrets.token_urlsafe(32)
        expires_at = milliseconds(foundation.clock.now() + INVITATION_LIFE)
        foundation.journal.record(
            "enrolment-approved", private={"user": row["user_id"], "officer": row["officer_id"], "act": row["act_id"]}
        )
        with foundation.database.write() as connection:
            approved = foundation.update(
                connection,
                enrolment,
                row,
                state=INVITED,
                approval=msgspec.json.encode(message.assertion),
                token_hash=token_hash(token),
                challenge=os.urandom(32),
                expires_at=expires_at,
            )
            counted = foundation.update(connection, officer, officer_row, sign_count=sign_count)
            if not (approved and counted):
                raise Conflict("the registration was approved a moment ago")
        return Invitation(user_id=row["user_id"], token=token, expires_at=expires_at)

    def open(self, message: OpenInvitation) -> InvitationOpened:
        """What the invited person is shown before anything is made."""
        with self.foundation.database.read() as connection:
            row = self._invited(connection, message.token)
        return InvitationOpened(
            user_id=row["user_id"],
            subject=msgspec.json.decode(row["subject"], type=Subject),
            algorithm=row["algorithm"],
            resident=bool(row["resident"]),
            challenge=row["challenge"],
            expires_at=row["expires_at"],
        )

    def complete(self, message: CompleteEnrolment) -> Enrolled:
        """Register the passkey, make key and certificate, spend the invitation.

        If this fails before the last step nothing exists and the invitation is still good; the log may then tell of a
        key that was made and never kept.
        """
        foundation = self.foundation
        with foundation.database.read() as connection:
            earlier = self._enrolled_earlier(connection, message)
            if earlier is not None:
                return earlier
            row = self._invited(connection, message.token)
        try:
            passkey = foundation.relying_party.verify_registration(message.attestation, row["challenge"])
        except ApprovalRefused as refusal:
            foundation.journal.record(
                "enrolment-refused",
                public={"reason": refusal.code},
                private={"act": row["act_id"], "user": row["user_id"], "officer": row["officer_id"]},
            )
            raise
        with foundation.database.read() as connection:
            self.officers.require_not_auditors(connection, row["user_id"], passkey)
        secret = self.opener.open(message.sealed_secrets, HPKE_INFO_ENROL + row["challenge"], EnrolmentSecrets)
        subject = msgspec.json.decode(row["subject"], type=Subject)
        wish = KeyWish(
            KeyAlgorithm(row["algorithm"]),
            row["user_id"],
            subject,
            (bound(passkey, foundation.now()),),
            {passkey.credential_id: passkey.sign_count},
            secret.pin,
            secret.recovery_code,
            resident=bool(row["resident"]),
        )
        made = self.maker.make(wish)
        foundation.journal.record(
            "key-created",
            public={"key": made.row["key_id"], "algorithm": row["algorithm"], "backend": made.row["backend"]},
            private={
                "user": row["user_id"],
                "act": row["act_id"],
                "certificate_serial": made.serial,
            },
        )
        with foundation.database.write() as connection:
            if not foundation.update(
                connection,
                enrolment,
                row,
                state=ENROLLED,
                completion=_fingerprint(message),
                expires_at=milliseconds(foundation.clock.now() + REPEAT_LIFE),
            ):
                raise Conflict("the invitation was used a moment ago")
            store(foundation, connection, made)
            information = self.keys.information(connection, StoredKey(made.row))
        return Enrolled(passkey=passkey, key=information)

    def _enrolled_earlier(self, connection: sa.Connection, message: CompleteEnrolment) -> Enrolled | None:
        row = self.foundation.find(connection, enrolment, token_hash=token_hash(message.token))
        if row is None or row["state"] != ENROLLED or row["expires_at"] < self.foundation.now():
            return None
        if not hmac.compare_digest(row["completion"], _fingerprint(message)):
            # Everything but the sealed secrets can be put together from what others may know.
            return None
        passkey = self.foundation.relying_party.verify_registration(message.attestation, row["challenge"])
        query = sa.select(signing_key).where(signing_key.c.user_id == row["user_id"]).order_by(signing_key.c.created_at)
        for stored in connection.execute(query).mappings():
            key = StoredKey(self.foundation.checked(signing_key, stored))
            if any(known.public_key == passkey.public_key for known in key.passkeys):
                return Enrolled(passkey=passkey, key=self.keys.information(connection, key), replayed=True)
        return None

    def _invited(self, connection: sa.Connection, token: str) -> dict[str, Any]:
        row = self.foundation.find(connection, enrolment, token_hash=token_hash(token))
        if row is None:
            raise invitations.unknown()
        if row["state"] in (WITHDRAWN, ENDED_PERSON):
            raise invitations.withdrawn()
        if row["state"] != INVITED:
            raise invitations.used()
        if row["expires_at"] < self.foundation.now():
            raise invitations.expired()
        return row

    def _require(self, row: dict[str, Any], state: str) -> None:
        if row["state"] != state:
            raise Conflict("this registration was already approved")
        if row["expires_at"] < self.foundation.now():
            raise Expired("the time for this has passed", hint="Ask your registration officer to begin again.")


def _proposal(message: ProposeEnrolment, record: Record, subject: Subject) -> dict[str, Any]:
    return {
        "act_id": record.identifier,
        "user_id": message.user_id,
        "officer_id": message.officer_id,
        "state": PROPOSED,
        "record": record.content,
        "subject": msgspec.json.encode(subject),
        "algorithm": message.algorithm,
        "resident": int(message.resident),
        "approval": b"",
        "token_hash": b"",
        "challenge": b"",
        "completion": b"",
        "expires_at": record.expires_at,
    }


def _fingerprint(message: CompleteEnrolment) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(message)).digest()


def _user_id(text: str) -> str:
    if not _USER_ID.fullmatch(text):
        raise Malformed("the account's identifier has 1 to 64 letters, digits and hyphens")
    return text


def _algorithm(name: str) -> KeyAlgorithm:
    try:
        return KeyAlgorithm(name)
    except ValueError as error:
        raise Malformed(
            "the key algorithm is not known", hint=f"Choose one of {', '.join(a.value for a in KeyAlgorithm)}."
        ) from error


def _plain_subject(subject: Subject) -> Subject:
    return Subject(
        common_name=plain_text(subject.common_name, "the name", required=True),
        country=subject.country.strip().upper(),
        organization=plain_text(subject.organization, "the organization"),
    )


def plain_evidence(evidence: IdentityEvidence, now: int) -> IdentityEvidence:
    """The evidence in the form in which it is recorded. Raises `Malformed` for one that cannot be."""
    if not 0 <= evidence.checked_at <= now + _CLOCK_TOLERANCE_MILLISECONDS:
        raise Malformed(
            "the time of the identity check is not in the past", hint="State when the person was identified."
        )
    if evidence.level not in _IDENTITY_LEVELS:
        raise Malformed(
            "the identity evidence has no level from 1 to 3", hint="State how well the person was identified."
        )
    return IdentityEvidence(
        kind=plain_text(evidence.kind, "the kind of evidence", required=True),
        reference=plain_text(evidence.reference, "the reference of the evidence", required=True),
        level=evidence.level,
        checked_by=plain_text(evidence.checked_by, "who checked", required=True),
        checked_at=evidence.checked_at,
    )
