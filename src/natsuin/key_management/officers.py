"""Officers: the first comes by a one-time token that `natsuin init` prints; sam itself records the passkey each
approves with."""

import hashlib
import os
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from natsuin.clock import milliseconds
from natsuin.errors import ApprovalRefused, Conflict, Forbidden
from natsuin.key_management import invitations
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.records import challenge_of, new_identifier
from natsuin.key_management.tables import officer, officer_invitation
from natsuin.sam.protocol import (
    Assertion,
    OfficerRegistered,
    OpenOfficerInvitation,
    Passkey,
    RegisterOfficer,
    RegistrationOffer,
)

REGISTRATION_OFFICER = "registration-officer"
INVITATION_LIFE = timedelta(days=7)


@dataclass(frozen=True)
class Officers:
    """Registers officers and verifies their approvals. Safe from several threads."""

    foundation: Foundation

    def invite(self, display_name: str, roles: tuple[str, ...]) -> str:
        """A one-time token for a new officer; only its hash is kept. Called on the host by `natsuin init`, never by
        web."""
        token = secrets.token_urlsafe(32)
        row = {
            "token_hash": token_hash(token),
            "user_id": new_identifier(),
            "display_name": display_name,
            "roles": " ".join(roles),
            "challenge": os.urandom(32),
            "expires_at": milliseconds(self.foundation.clock.now() + INVITATION_LIFE),
            "used_at": 0,
        }
        self.foundation.journal.record("officer-invited", private={"officer": row["user_id"], "roles": list(roles)})
        with self.foundation.database.write() as connection:
            self.foundation.insert(connection, officer_invitation, row)
        return token

    def open_invitation(self, message: OpenOfficerInvitation) -> RegistrationOffer:
        """What the officer's browser needs to register a passkey. Raises `NotFound`, `Expired`."""
        with self.foundation.database.read() as connection:
            row = self._invitation(connection, message.token)
        return RegistrationOffer(
            user_id=row["user_id"],
            display_name=row["display_name"],
            challenge=row["challenge"],
            expires_at=row["expires_at"],
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
            if not self.foundation.update(connection, officer_invitation, invitation, used_at=self.foundation.now()):
                raise Conflict("the invitation was used a moment ago")
            self.foundation.insert(connection, officer, row)
        return _registered(row, passkey)

    def require(self, connection: sa.Connection, officer_id: str, role: str) -> dict[str, Any]:
        """The officer's sealed row. Raises `Forbidden` if there is no such officer or the role is not theirs."""
        row = self.foundation.find(connection, officer, user_id=officer_id)
        if row is None or role not in row["roles"].split():
            raise Forbidden("only a registration officer may do this", hint="Sign in as an officer.")
        return row

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


def _registered(row: dict[str, Any], passkey: Passkey) -> OfficerRegistered:
    return OfficerRegistered(
        user_id=row["user_id"], display_name=row["display_name"], roles=tuple(row["roles"].split()), passkey=passkey
    )


def token_hash(token: str) -> bytes:
    """SHA-256 of a one-time token, under a tag. Tokens are 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(b"natsuin/token/v1\0" + token.encode("utf-8", "replace")).digest()
