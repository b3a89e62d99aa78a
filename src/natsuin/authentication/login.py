"""Signing in with a passkey: a challenge given out, and its answer verified (Web Authentication Level 3, 7.2)."""

import sqlalchemy as sa

from natsuin.authentication.challenges import Challenges
from natsuin.authentication.errors import SignInFailed
from natsuin.authentication.passkeys import find_passkey
from natsuin.authentication.tables import passkey
from natsuin.clock import Clock, milliseconds
from natsuin.errors import ApprovalRefused
from natsuin.passkeys import RelyingParty, claimed_challenge
from natsuin.sam.protocol import Assertion
from natsuin.storage import Database


class Login:
    """The sign-in ceremony of one relying party. Thread safe."""

    def __init__(
        self, database: Database, clock: Clock, *, party: RelyingParty, challenges: Challenges | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._challenges = challenges or Challenges()
        self.party = party

    def challenge(self) -> bytes:
        """A new challenge, good for one sign-in and for five minutes. Stores nothing and never blocks."""
        return self._challenges.make()

    def finish(self, assertion: Assertion) -> str:
        """Verify the answer and return the id of the person who gave it. The challenge is spent by an answer that is
        good; a wrong one proves nothing and changes nothing.

        Raises `SignInFailed` in the same words whatever was wrong.
        """
        try:
            return self._finish(assertion)
        except ApprovalRefused as refusal:
            raise _failed() from refusal

    def _finish(self, assertion: Assertion) -> str:
        challenge = claimed_challenge(assertion)
        if not self._challenges.is_open(challenge):
            # Says nothing about any passkey, so it need not take as long as the rest.
            raise _failed()
        with self._database.read() as connection:
            stored = find_passkey(connection, assertion.credential_id)
        count = self.party.verify_assertion(
            assertion,
            challenge,
            public_key=stored.public_key,
            sign_count=stored.sign_count,
            user_handle=None if stored.user_id is None else stored.user_id.encode(),
        )
        if stored.user_id is None or not self._challenges.redeem(challenge):
            raise _failed()
        now = milliseconds(self._clock.now())
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
