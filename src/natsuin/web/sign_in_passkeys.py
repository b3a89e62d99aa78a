"""The passkeys that sign people in, kept in step with those that sam has on record for their keys.

sam's record decides who may approve. DB-1's copies only open the portal, and what sam no longer knows must not open it
either: a passkey is removed because it was lost.
"""

from collections.abc import Iterable

from anyio import to_thread

from natsuin.authentication import KeptPasskey, Sessions, keep_passkey, passkeys_of, remove_passkeys
from natsuin.clock import Clock, milliseconds
from natsuin.sam.protocol import KeyInformation, Passkey
from natsuin.storage import Database
from natsuin.web.keys import OwnKeys

_ENDED = frozenset({"revoked", "destroyed"})


class SignInPasskeys:
    """Copies of one database. Safe from several threads; changes are durable on return."""

    def __init__(self, database: Database, clock: Clock, *, keys: OwnKeys, sessions: Sessions) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._sessions = sessions

    async def add(self, user_id: str, verified: Passkey) -> None:
        """Let a passkey that sam has verified and recorded sign its owner in, too."""
        await to_thread.run_sync(self._add, user_id, verified)

    async def replace(self, user_id: str, verified: Passkey, *, replayed: bool) -> None:
        """Let only this passkey sign its owner in, and sign out every browser: all the others were lost.

        If sam was asked before and answered the same, another passkey may have come since: then it is only added.
        """
        if replayed:
            await self.add(user_id, verified)
            await self.settle(user_id, besides=None)
            return
        kept = await to_thread.run_sync(self._kept, user_id)
        await to_thread.run_sync(self._add, user_id, verified)
        gone = frozenset(passkey.credential_id for passkey in kept) - {verified.credential_id}
        await to_thread.run_sync(self._remove, user_id, gone, None)

    async def settle(self, user_id: str, *, besides: str | None) -> dict[bytes, KeptPasskey]:
        """Let go of copies that no living key of the person has any more, and sign out every browser but the one whose
        cookie is `besides` if there were any. Answers with the copies that stay, by credential id.

        Asked whenever the keys are shown and after every change, so a crash in between changes nothing for long. Only
        after a change, which a passkey on record approved, does the browser that asks stay signed in: whoever just
        looks may have come in by the very passkey that goes.
        """
        # Read before sam is asked: what is added in between is on neither list, or on both.
        kept = await to_thread.run_sync(self._kept, user_id)
        gone = gone_from(kept, await self._keys.of(user_id))
        if gone:
            await to_thread.run_sync(self._remove, user_id, gone, besides)
        return {passkey.credential_id: passkey for passkey in kept if passkey.credential_id not in gone}

    def _add(self, user_id: str, verified: Passkey) -> None:
        with self._database.write() as connection:
            keep_passkey(connection, user_id, verified, now=milliseconds(self._clock.now()))

    def _kept(self, user_id: str) -> tuple[KeptPasskey, ...]:
        with self._database.read() as connection:
            return passkeys_of(connection, user_id)

    def _remove(self, user_id: str, gone: frozenset[bytes], besides: str | None) -> None:
        with self._database.write() as connection:
            # In this order: a sign-in that is under way either finds its passkey gone, or its session is among those
            # that end here.
            remove_passkeys(connection, user_id, gone)
            self._sessions.close_others(connection, user_id, besides=besides)
        self._sessions.forget_others(user_id, besides=besides)


def gone_from(kept: Iterable[KeptPasskey], keys: Iterable[KeyInformation]) -> frozenset[bytes]:
    """Which of the copies no living key has any more. Nothing, if no key lives: then people still see their past."""
    living = [key for key in keys if key.state not in _ENDED and not key.one_time]
    if not living:
        return frozenset()
    on_record = {credential_id for key in living for credential_id in key.passkeys}
    return frozenset(passkey.credential_id for passkey in kept) - on_record
