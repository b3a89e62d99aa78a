"""Signing in with a passkey: a challenge given out once, and its answer verified (Web Authentication Level 3, section
7.2)."""

import secrets

import sqlalchemy as sa

from natsuin.authentication.errors import SignInFailed
from natsuin.authentication.passkeys import find_passkey
from natsuin.authentication.tables import login_challenge, passkey
from natsuin.clock import Clock, milliseconds
from natsuin.errors import ApprovalRefused, Busy
from natsuin.passkeys import RelyingParty, claimed_challenge
from natsuin.sam.protocol import Assertion
from natsuin.storage import Database

CHALLENGE_LIFE_SECONDS = 300
MAX_OPEN_CHALLENGES = 20_000
"""Above this nobody is given a new challenge until old ones expire: asking costs the caller nothing, so it must be
bounded."""


class Login:
    """The sign-in ceremony of one relying party. Thread safe; both steps are durable on return."""

    def __init__(self, database: Database, clock: Clock, *, party: RelyingParty) -> None:
        self._database = database
        self._clock = clock
        self.party = party

    def challenge(self) -> bytes:
        """A new challenge of 32 random bytes, good once and for five minutes. Raises `Busy` if too many are open."""
        fresh = secrets.token_bytes(32)
        now = milliseconds(self._clock.now())
        with self._database.write() as connection:
            connection.execute(sa.delete(login_challenge).where(login_challenge.c.expires_at <= now))
            open_now = connection.execute(sa.select(sa.func.count()).select_from(login_challenge)).scalar_one()
            if open_now >= MAX_OPEN_CHALLENGES:
                raise Busy("too many people are signing in at this moment")
            connection.execute(
                sa.insert(login_challenge).values(challenge=fresh, expires_at=now + CHALLENGE_LIFE_SECONDS * 1000)
            )
        return fresh

    def finish(self, assertion: Assertion) -> str:
        """Verify the answer and return the id of the person who gave it. The challenge is spent in any case.

        Raises `SignInFailed` in the same words whatever was wrong.
        """
        try:
            return self._finish(assertion)
        except ApprovalRefused as refusal:
            raise _failed() from refusal

    def _finish(self, assertion: Assertion) -> str:
        challenge = claimed_challenge(assertion)
        now = milliseconds(self._clock.now())
        with self._database.write() as connection:
            spent = connection.execute(
                sa.delete(login_challenge).where(
                    login_challenge.c.challenge == challenge, login_challenge.c.expires_at > now
                )
            ).rowcount
        with self._database.read() as connection:
            stored = find_passkey(connection, assertion.credential_id)
        count = self.party.verify_assertion(
            assertion,
            challenge,
            public_key=stored.public_key,
            sign_count=stored.sign_count,
            user_handle=None if stored.user_id is None else stored.user_id.encode(),
        )
        if spent != 1 or stored.user_id is None:
            raise _failed()
        with self._database.write() as connection:
            counted = connection.execute(
                sa.update(passkey)
                .where(passkey.c.credential_id == stored.credential_id, passkey.c.sign_count == stored.sign_count)
                .values(sign_count=count, last_used_at=now)
            ).rowcount
        if counted != 1:
            # Another sign-in with this passkey came between: one of the two may be a copy of the authenticator.
            raise _failed()
        return stored.user_id


def _failed() -> SignInFailed:
    return SignInFailed("the sign-in could not be verified")
