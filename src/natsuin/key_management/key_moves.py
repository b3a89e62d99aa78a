"""Moving a key from one state to another: under the lock of its row, with the entry in the signing log before the row
changes.

The entry is added while the row is held, so the log never tells of a move that another one overtook. A crash between
the two leaves an entry whose move the next start makes good, as it does when a database was put back to an earlier
state: what the log says of a key's end outlives every copy of DB-2 (`natsuin.signing.recovery`).
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from natsuin import faults
from natsuin.errors import NotFound
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.journal import Opening
from natsuin.key_management.key_states import ENDED, IllegalMove, KeyState, Move, Mover, after, require_may_resume
from natsuin.key_management.keys import StoredKey
from natsuin.key_management.outside_revocations import OutsideRevocations
from natsuin.key_management.tables import certificate, ended_key, key_slot, signing_key

ENTRY_OF = {
    Move.CERTIFY: "certificate-installed",
    Move.SUSPEND: "key-suspended",
    Move.RESUME: "key-resumed",
    Move.REVOKE: "key-revoked",
    Move.DESTROY: "key-destroyed",
}
"""The type of the entry that tells of a move."""
MOVE_OF = {kind: move for move, kind in ENTRY_OF.items()}
_END = {Move.REVOKE: KeyState.REVOKED, Move.DESTROY: KeyState.DESTROYED}


@dataclass(frozen=True)
class Wish:
    """One move that somebody has the right to make. `reason` is one of the fixed words of its kind, never free text;
    `private` is committed to in the entry; `changes` goes into the key's row with it."""

    move: Move
    mover: Mover
    reason: str
    private: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class KeyMoves:
    """Makes moves. Safe from several threads; durable on return, in log and database."""

    foundation: Foundation

    def make(self, key_id: str, wish: Wish, *, revocation: str = "") -> StoredKey:
        """Move the key and answer with its new row. A `revocation` reason (RFC 5280, 5.3.1) revokes its certificates.

        Raises `IllegalMove`, `NotFound`, `Tampered`; after `StorageFailed` only a new start can tell what is true.
        """
        opening = self.prepare(key_id, wish)
        with self.foundation.database.write() as connection:
            return self.make_in(connection, key_id, wish, opening, revocation=revocation)

    def block(self, key_id: str) -> None:
        """Suspend a key because the vault returned what it cannot have made. One that does not sign any more is left
        as it is. Durable on return."""
        with suppress(IllegalMove):
            self.make(key_id, Wish(Move.SUSPEND, Mover.SERVICE, "wrong_signature"))

    def prepare(self, key_id: str, wish: Wish) -> Opening:
        """Make the opening of the entry durable, before the transaction that `make_in` belongs to."""
        return self.foundation.journal.open(wish.private, key_id=key_id)

    def make_in(
        self, connection: sa.Connection, key_id: str, wish: Wish, opening: Opening, *, revocation: str = ""
    ) -> StoredKey:
        """As `make`, in the caller's write transaction, which must be committed for the move to hold."""
        foundation = self.foundation
        row = foundation.find(connection, signing_key, lock=True, key_id=key_id)
        if row is None:
            raise NotFound("there is no such key")
        state = after(KeyState(row["state"]), wish.move)
        if wish.move is Move.RESUME:
            require_may_resume(row["suspended_by"], wish.mover)
        public = {"key": key_id, "by": wish.mover.value, "reason": wish.reason, "revocation": revocation}
        foundation.journal.log.add(foundation.journal.entry(ENTRY_OF[wish.move], public, opening))
        faults.point("key_move.after_entry")
        return self.write(connection, row, state, wish.mover, changes=wish.changes, revocation=revocation)

    def make_good(self, entry: Mapping[str, Any]) -> bool:
        """Do what `entry` of the log tells of a key, unless the row shows it already; answers whether it was needed.

        A certificate that was installed cannot be made good: the log does not hold it.
        """
        move = MOVE_OF[entry["type"]]
        if move is Move.CERTIFY:
            return False
        with self.foundation.database.write() as connection:
            row = self.foundation.find(connection, signing_key, lock=True, key_id=entry["key"])
            if row is None:
                return self._bury(connection, entry, move)
            try:
                state = after(KeyState(row["state"]), move)
            except IllegalMove:
                return False
            self.write(connection, row, state, Mover(entry["by"]), revocation=entry["revocation"], at=entry["time"])
            return True

    def _bury(self, connection: sa.Connection, entry: Mapping[str, Any], move: Move) -> bool:
        """Remember the end of a key that this database never knew, or knows no more."""
        if move not in _END or self.foundation.find(connection, ended_key, key_id=entry["key"]) is not None:
            return False
        stone = {"key_id": entry["key"], "state": _END[move].value, "ended_at": entry["time"]}
        self.foundation.insert(connection, ended_key, stone)
        return True

    def write(
        self,
        connection: sa.Connection,
        row: dict[str, Any],
        state: KeyState,
        mover: Mover,
        *,
        changes: Mapping[str, Any] | None = None,
        revocation: str = "",
        at: int | None = None,
    ) -> StoredKey:
        """Put the key into `state`, whose entry is in the log already. What ends loses its key material here."""
        suspended_by = mover.value if state is KeyState.SUSPENDED else ""
        changed = {**(changes or {}), "state": state.value, "suspended_by": suspended_by}
        if state in ENDED:
            changed["key_blob"] = b""
            connection.execute(key_slot.delete().where(key_slot.c.key_id == row["key_id"]))
        self.foundation.update(connection, signing_key, row, **changed)
        if revocation:
            outside = bool(row["chain"])
            self._revoke_certificates(
                connection, row["key_id"], revocation, at or self.foundation.now(), outside=outside
            )
        return StoredKey({**row, **changed})

    def _revoke_certificates(
        self, connection: sa.Connection, key_id: str, reason: str, at: int, *, outside: bool
    ) -> None:
        rows = connection.execute(sa.select(certificate).where(certificate.c.key_id == key_id)).mappings().all()
        for row in rows:
            standing = self.foundation.checked(certificate, row)
            if not standing["revoked_at"]:
                revoked = {**standing, "revoked_at": at, "reason": reason}
                self.foundation.update(connection, certificate, standing, revoked_at=at, reason=reason)
                if outside:
                    OutsideRevocations(self.foundation).owe_in(connection, revoked)
