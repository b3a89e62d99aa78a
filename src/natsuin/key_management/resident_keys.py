"""Keys that live in the token, on record: which ids were begun there, and what must not be there any more.

An id is durable in table `resident_key` before the token makes the key, and stays until the token holds it no more. So
a crash at any point leaves nothing that is not known: what never became a person's key is destroyed, what ended in the
signing log is destroyed at the next start, and whatever else is in the token, or missing there, is told and left alone.
"""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
import structlog

from natsuin.errors import NotFound, Tampered, Unavailable
from natsuin.key_management.foundation import Foundation
from natsuin.key_management.hsm.messages import Residents
from natsuin.key_management.key_states import ENDED
from natsuin.key_management.tables import ended_key, resident_key, signing_key
from natsuin.key_management.vaults.choice import Vaults
from natsuin.key_management.vaults.pkcs11 import RESIDENT_BACKEND

_LONGEST_MAKING_MILLISECONDS = 900_000
"""Making a key, its certificate and its entries takes less than this; what was begun earlier was given up."""
_log = structlog.get_logger("natsuin.vault")


@dataclass(frozen=True)
class ResidentKeys:
    """Keeps token and record in step. Safe from several threads.

    State: `_told` has what was told since the start, so that each finding is one entry.
    """

    foundation: Foundation
    vaults: Vaults
    _told: set[tuple[str, str]] = field(default_factory=set)

    def begin(self, key_id: str) -> None:
        """A key of this id is about to be made in the token. Durable on return."""
        foundation = self.foundation
        with foundation.database.write() as connection:
            foundation.insert(connection, resident_key, {"key_id": key_id, "created_at": foundation.now()})

    def settle(self, key_id: str) -> None:
        """Destroy the key in the token if it has ended. While the token is away nothing happens: `look` does it
        later."""
        with self.foundation.database.read() as connection:
            begun = self.foundation.find(connection, resident_key, key_id=key_id)
            ended = begun is not None and self._standing(connection, key_id) == "ended"
        if ended:
            self._destroy(key_id)

    def look(self, *, starting: bool = False) -> None:
        """Compare the token with the record: destroy what has ended or never became a key, tell what nobody knows and
        what is missing. `starting`: nothing else goes on, so that whatever was begun was given up."""
        began = self.foundation.now()
        held = self._held()
        if held is None:
            return
        there = {key.identifier for key in held.keys}
        for key_id, standing in self._standings({*there, *held.halves}).items():
            present = key_id in there or key_id in held.halves
            given_up = standing.begun_at and (starting or standing.begun_at < began - _LONGEST_MAKING_MILLISECONDS)
            if standing.key == "ended" or (standing.key == "unknown" and given_up):
                self._destroy(key_id)
            elif standing.key == "unknown" and not standing.begun_at:
                self._tell(key_id, "unknown")
            elif standing.key == "living" and key_id not in there and standing.made_at < began:
                self._tell(key_id, "broken" if present else "missing")

    def _held(self) -> Residents | None:
        if self.vaults.token is None:
            return None
        try:
            return self.vaults.token.resident_keys()
        except Unavailable:
            return None

    def _standings(self, identifiers: set[str]) -> "dict[str, _Standing]":
        """Of what the token holds and of what the record says that it should hold. Read after the token was, so that
        whatever is made meanwhile is known here."""
        foundation = self.foundation
        resident = (
            sa.select(signing_key.c.key_id)
            .where(signing_key.c.backend == RESIDENT_BACKEND)
            .where(signing_key.c.state.not_in([state.value for state in ENDED]))
        )
        with foundation.database.read() as connection:
            rows = connection.execute(sa.select(resident_key)).mappings().all()
            begun = {row["key_id"]: row["created_at"] for row in rows if self._is_genuine(row)}
            names = {*identifiers, *begun, *connection.execute(resident).scalars()}
            return {name: self._standing_of(connection, name, begun.get(name, 0)) for name in sorted(names)}

    def _is_genuine(self, row: sa.RowMapping) -> bool:
        try:
            self.foundation.checked(resident_key, row)
        except Tampered:
            return False
        return True

    def _standing_of(self, connection: sa.Connection, key_id: str, begun_at: int) -> "_Standing":
        try:
            row = self.foundation.find(connection, signing_key, key_id=key_id)
            return _Standing(self._standing(connection, key_id, row), row["created_at"] if row else 0, begun_at)
        except Tampered:
            # Whoever uses the key finds this too, and is told; nothing is destroyed on the word of such a row.
            return _Standing("tampered", 0, begun_at)

    def _standing(self, connection: sa.Connection, key_id: str, row: dict[str, Any] | None = None) -> str:
        row = row or self.foundation.find(connection, signing_key, key_id=key_id)
        if row is not None:
            return "ended" if row["state"] in ENDED else "living"
        buried = self.foundation.find(connection, ended_key, key_id=key_id)
        return "unknown" if buried is None else "ended"

    def _destroy(self, key_id: str) -> None:
        if self.vaults.token is None:
            return
        try:
            self.vaults.token.destroy_resident(key_id)
        except NotFound:
            pass
        except Unavailable as error:
            _log.warning("resident.not_destroyed", cka_id=key_id.encode().hex(), code=error.code)
            return
        with self.foundation.database.write() as connection:
            connection.execute(resident_key.delete().where(resident_key.c.key_id == key_id))

    def _tell(self, key_id: str, finding: str) -> None:
        if (key_id, finding) in self._told:
            return
        self._told.add((key_id, finding))
        # As makers' tools show it; it may also be a name that somebody else gave.
        _log.error("resident.finding", cka_id=key_id.encode().hex(), finding=finding)
        if finding == "unknown":
            # A name that nobody here gave may be anything, so it is committed to and not shown.
            self.foundation.journal.record("resident-key-unknown", public={}, private={"identifier": key_id})
        else:
            public = {"key": key_id, "finding": finding}
            self.foundation.journal.record("resident-key-finding", public=public, private={})


@dataclass(frozen=True)
class _Standing:
    """What the record says of one id. Times in milliseconds, 0 where there is none."""

    key: str
    """living, ended, unknown, or tampered."""
    made_at: int
    begun_at: int
