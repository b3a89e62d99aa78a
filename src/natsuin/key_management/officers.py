"""Officers and auditors: the first officer comes by a one-time token that `natsuin init` prints, the others by one made
on the host; sam itself records the passkey each approves with.

Who audits does nothing else (design, 6; EN 419 241-1): an auditor has no other role, shares no passkey with anybody,
and has nobody's name unless the host says that it is a namesake.
"""

import hashlib
import os
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin.clock import milliseconds
from natsuin.errors import ApprovalRefused, Conflict, Forbidden
from natsuin.key_management import invitations
from natsuin.key_management.bound_passkeys import decode_passkeys
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.officer_roles import AUDITOR, Duty, may, role_column, who_may
from natsuin.key_management.records import challenge_of, new_identifier
from natsuin.key_management.tables import enrolment, officer, officer_invitation, signing_key
from natsuin.sam.protocol import (
    Assertion,
    OfficerRegistered,
    OpenOfficerInvitation,
    Passkey,
    RegisterOfficer,
    RegistrationOffer,
    Subject,
)

INVITATION_LIFE = timedelta(days=7)


@dataclass(frozen=True)
class Officers:
    """Registers officers and verifies their approvals. Safe from several threads."""

    foundation: Foundation

    def invite(self, display_name: str, roles: tuple[str, ...], *, namesake: bool = False) -> str:
        """A one-time token for a new officer or auditor; only its hash is kept. Called on the host, never by web.

        Raises `Malformed` for roles that nobody has together, `Conflict` where somebody of that name is here already
        and one of the two is an auditor, unless it is said to be a `namesake`.
        """
        with self.foundation.database.read() as connection:
            role = self.require_invitable(connection, display_name, roles, namesake=namesake)
        token, row = self.new_invitation(display_name, role)
        self.foundation.journal.record("officer-invited", private={"officer": row["user_id"], "roles": role.split()})
        with self.foundation.database.write() as connection:
            self.foundation.insert(connection, officer_invitation, row)
        return token

    def require_invitable(
        self, connection: sa.Connection, display_name: str, roles: tuple[str, ...], *, namesake: bool
    ) -> str:
        """The roles as they are kept. Raises `Malformed` and `Conflict` as `invite` does."""
        role = role_column(roles)
        if not namesake and self._is_known(connection, display_name, role):
            raise Conflict(
                "somebody of this name is here already, and who audits has no other role",
                hint="If it is another person of the same name, say so: --namesake.",
            )
        return role

    def new_invitation(self, display_name: str, role: str) -> tuple[str, dict[str, Any]]:
        """A token, and the row of `officer_invitation` that knows it by its hash. Nothing is written."""
        token = secrets.token_urlsafe(32)
        row = {
            "token_hash": token_hash(token),
            "user_id": new_identifier(),
            "display_name": display_name,
            "roles": role,
            "challenge": os.urandom(32),
            "expires_at": milliseconds(self.foundation.clock.now() + INVITATION_LIFE),
            "used_at": 0,
        }
        return token, row

    def open_invitation(self, message: OpenOfficerInvitation) -> RegistrationOffer:
        """What the officer's browser needs to register a passkey. Raises `NotFound`, `Expired`."""
        with self.foundation.database.read() as connection:
            row = self._invitation(connection, message.token)
        return RegistrationOffer(
            user_id=row["user_id"],
            display_name=row["display_name"],
            challenge=row["challenge"],
            expires_at=row["expires_at"],
            roles=tuple(row["roles"].split()),
        )

    def register(self, message: RegisterOfficer) -> OfficerRegistered:
        """Record the officer's passkey and spend the token; durable on return. Raises `ApprovalRefused`, `Expired`.

        The same registration again gets the recorded answer.
        """
        with self.foundation.database.read() as connection:
            earlier = self._registered_earlier(connection, message)
            if earlier is not None:
                return earlier
            invitation = self._invitation(connection, message.token)
        passkey = self.foundation.relying_party.verify_registration(message.attestation, invitation["challenge"])
        self._require_own(passkey, invitation["roles"])
        self.foundation.journal.record("officer-registered", private={"officer": invitation["user_id"]})
        row = {
            "user_id": invitation["user_id"],
            "display_name": invitation["display_name"],
            "roles": invitation["roles"],
            "credential_id": passkey.credential_id,
            "public_key": passkey.public_key,
            "sign_count": passkey.sign_count,
            "created_at": self.foundation.now(),
        }
        with self.foundation.database.write() as connection:
            # Locked, so that of two who register the same passkey at one instant the second one sees the first.
            connection.execute(sa.select(officer.c.user_id).with_for_update())
            self._require_no_officers(connection, passkey)
            if not self.foundation.update(connection, officer_invitation, invitation, used_at=self.foundation.now()):
                raise Conflict("the invitation was used a moment ago")
            self.foundation.insert(connection, officer, row)
        return _registered(row, passkey)

    def require(self, connection: sa.Connection, officer_id: str, duty: Duty) -> dict[str, Any]:
        """The officer's sealed row. Raises `Forbidden` if there is no such officer or the duty is not theirs."""
        row = self.foundation.find(connection, officer, user_id=officer_id)
        if row is None or not may(row["roles"], duty):
            raise Forbidden(f"only {who_may(duty)} may {duty.value}", hint=f"Sign in as {who_may(duty)}.")
        return row

    def require_still(
        self, connection: sa.Connection, officer_id: str, duty: Duty, *, lock: bool = False
    ) -> dict[str, Any]:
        """The sealed row of an officer who approved earlier what another one approves now; `lock` keeps their roles
        until the write transaction ends. Raises `Forbidden` if the duty is theirs no longer, so that one officer who
        is left does not count for two."""
        row = self.foundation.find(connection, officer, lock=lock, user_id=officer_id)
        if row is None or not may(row["roles"], duty):
            raise Forbidden(
                "the officer who approved this first may decide it no longer", hint="Begin again, with another officer."
            )
        return row

    def require_not_auditors(self, connection: sa.Connection, user_id: str, passkey: Passkey | None = None) -> None:
        """Raise `Conflict` if the account or the passkey is an auditor's, so that it never gets a key."""
        is_theirs = officer.c.user_id == user_id
        if passkey is not None:
            is_theirs = sa.or_(is_theirs, officer.c.public_key == passkey.public_key)
        query = sa.select(officer.c.user_id).where(officer.c.roles == AUDITOR, is_theirs)
        if connection.execute(query.limit(1)).first() is not None:
            raise Conflict("an auditor has no other role", hint="Somebody else must do this.")

    def verify_approval(self, row: dict[str, Any], record: bytes, assertion: Assertion) -> int:
        """The new sign count, if the officer's recorded passkey approved `record`. Raises `ApprovalRefused`."""
        if assertion.credential_id != row["credential_id"]:
            raise ApprovalRefused(
                "this is not the passkey on record for the officer", hint="Use the passkey that you registered with."
            )
        return self.foundation.relying_party.verify_assertion(
            assertion,
            challenge_of(record),
            public_key=row["public_key"],
            sign_count=row["sign_count"],
            user_handle=row["user_id"].encode(),
        )

    def _is_known(self, connection: sa.Connection, display_name: str, role: str) -> bool:
        """Whether somebody of this name has a role that goes not together with `role`."""
        names = set[str]()
        for table in (officer, officer_invitation):
            excluded = table.c.roles != AUDITOR if role == AUDITOR else table.c.roles == AUDITOR
            names.update(connection.execute(sa.select(table.c.display_name).where(excluded)).scalars())
        if role == AUDITOR:
            for subject in connection.execute(sa.select(enrolment.c.subject)).scalars():
                names.add(msgspec.json.decode(subject, type=Subject).common_name)
        return _as_heard(display_name) in map(_as_heard, names)

    def _require_own(self, passkey: Passkey, role: str) -> None:
        """Raise `Conflict` for the passkey of an officer or auditor, and for an auditor also for that of a signer."""
        with self.foundation.database.read() as connection:
            self._require_no_officers(connection, passkey)
            if role == AUDITOR:
                columns = connection.execute(sa.select(signing_key.c.passkeys)).scalars()
                if any(one.public_key == passkey.public_key for each in columns for one in decode_passkeys(each)):
                    raise _taken()

    def _require_no_officers(self, connection: sa.Connection, passkey: Passkey) -> None:
        """Raise `Conflict` if an officer or auditor has, or had, this passkey or its key: one passkey is never two of
        those who must decide together."""
        same = sa.or_(officer.c.public_key == passkey.public_key, officer.c.credential_id == passkey.credential_id)
        if connection.execute(sa.select(officer.c.user_id).where(same).limit(1)).first() is not None:
            raise _taken()

    def _registered_earlier(self, connection: sa.Connection, message: RegisterOfficer) -> OfficerRegistered | None:
        invitation = self.foundation.find(connection, officer_invitation, token_hash=token_hash(message.token))
        if invitation is None or not invitation["used_at"]:
            return None
        passkey = self.foundation.relying_party.verify_registration(message.attestation, invitation["challenge"])
        row = self.foundation.find(connection, officer, user_id=invitation["user_id"])
        if row is None or (row["credential_id"], row["public_key"]) != (passkey.credential_id, passkey.public_key):
            return None
        return _registered(row, passkey)

    def _invitation(self, connection: sa.Connection, token: str) -> dict[str, Any]:
        row = self.foundation.find(connection, officer_invitation, token_hash=token_hash(token))
        if row is None:
            raise invitations.unknown()
        if row["used_at"]:
            raise invitations.used()
        if row["expires_at"] < self.foundation.now():
            raise invitations.expired()
        return row


def _taken() -> Conflict:
    return Conflict("somebody here has this passkey", hint="Register with another one, which is yours alone.")


def _as_heard(name: str) -> str:
    """Names are one if they differ only in case, width and blanks."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _registered(row: dict[str, Any], passkey: Passkey) -> OfficerRegistered:
    return OfficerRegistered(
        user_id=row["user_id"], display_name=row["display_name"], roles=tuple(row["roles"].split()), passkey=passkey
    )


def token_hash(token: str) -> bytes:
    """SHA-256 of a one-time token, under a tag. Tokens are 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(b"natsuin/token/v1\0" + token.encode("utf-8", "replace")).digest()
