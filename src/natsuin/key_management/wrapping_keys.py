"""Which wrapping keys the token has for this installation, and which of them new keys go under.

    making --> present --> former --> retiring --> destroyed

There is one present key. What lies under a former one still opens. A key that is being made or retired belongs to a
ceremony that was broken off: sam does not start beside it. States go forward only, so that the signing log can say
again what it said before, and a database that was put back learns from it (`make_good`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog

from natsuin.clock import Clock, milliseconds
from natsuin.errors import Conflict, Tampered
from natsuin.key_management.key_states import ENDED
from natsuin.key_management.seals import RowSealer
from natsuin.key_management.tables import signing_key, wrapping_key
from natsuin.storage import Database


class WrappingKeyState(StrEnum):
    """In their order: a key never goes back."""

    MAKING = "making"
    PRESENT = "present"
    FORMER = "former"
    RETIRING = "retiring"
    DESTROYED = "destroyed"


_ORDER = {state: place for place, state in enumerate(WrappingKeyState)}
MADE, RETIRED = "wrapping-key-made", "wrapping-key-destroyed"
_MADE, _RETIRED = (f'"type":"{kind}"'.encode() for kind in (MADE, RETIRED))
CHANGES = frozenset({MADE, RETIRED})
"""Types of the entries that tell of them."""


@dataclass(frozen=True)
class WrappingKey:
    """One of them. `identifier` is its CKA_ID in hexadecimal; times are milliseconds, 0 for what was not yet. `proof`
    is a sealed key that nobody needs, which lies under it and under no other of this name; empty before it is made."""

    identifier: str
    state: WrappingKeyState
    created_at: int
    replaced_at: int
    proof: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class KeyRing:
    """All of them, oldest first."""

    keys: tuple[WrappingKey, ...]

    @property
    def present(self) -> str:
        """That new keys go under. Raises `Tampered` unless there is exactly one."""
        found = self._in(WrappingKeyState.PRESENT)
        if len(found) != 1:
            raise Tampered(
                f"the record says of {len(found)} wrapping keys that they are the present one",
                hint="The database was changed outside the service. Restore it from a backup.",
            )
        return found[0]

    @property
    def former(self) -> tuple[str, ...]:
        """Those that keys may still lie under."""
        return self._in(WrappingKeyState.FORMER)

    @property
    def unsettled(self) -> bool:
        """Whether a ceremony was broken off, by this record."""
        return any(key.state in (WrappingKeyState.MAKING, WrappingKeyState.RETIRING) for key in self.keys)

    def state_of(self, identifier: str) -> WrappingKeyState | None:
        """None for one that is not on record."""
        return next((key.state for key in self.keys if key.identifier == identifier), None)

    def require_settled(self, *, but_for: str = "") -> None:
        """Raise `Conflict` while another key than `but_for` is being made or retired."""
        for state, what, kind in (
            (WrappingKeyState.MAKING, "made", "wrapping"),
            (WrappingKeyState.RETIRING, "retired", "retire-wrapping"),
        ):
            for identifier in self._in(state):
                if identifier == but_for:
                    continue
                raise Conflict(
                    f"a ceremony is not finished: the wrapping key {identifier} is still being {what}",
                    hint="Run `natsuin ceremony run` with the plan that names it again; it goes on where it stopped. "
                    f"If that is lost: `natsuin ceremony plan --kind {kind} --wrapping-key {identifier} ...`.",
                )

    def without(self, identifier: str) -> "KeyRing":
        """The others: a ceremony that destroys `identifier` may have done it in the token already."""
        return KeyRing(tuple(key for key in self.keys if key.identifier != identifier or key.state in _USED))

    @property
    def opening(self) -> tuple[str, ...]:
        """Those under which keys may lie that are to be opened. None lies under one that is still being made."""
        return tuple(key.identifier for key in self.keys if key.state in _OPENING)

    @property
    def proofs(self) -> dict[str, bytes]:
        """Of those under which keys may lie, by identifier, as far as they are made."""
        return {key.identifier: key.proof for key in self.keys if key.state in _OPENING and key.proof}

    def _in(self, state: WrappingKeyState) -> tuple[str, ...]:
        return tuple(key.identifier for key in self.keys if key.state is state)


_USED = frozenset({WrappingKeyState.MAKING, WrappingKeyState.PRESENT})
_OPENING = frozenset({WrappingKeyState.PRESENT, WrappingKeyState.FORMER})


@dataclass(frozen=True)
class WrappingKeys:
    """The record of them in DB-2. Changed only while sam is opened and in ceremonies, so by one thread; durable on
    return."""

    database: Database
    sealer: RowSealer = field(repr=False)
    clock: Clock

    def ring(self) -> KeyRing:
        """All of them. Raises `Tampered`."""
        with self.database.read() as connection:
            query = sa.select(wrapping_key).order_by(wrapping_key.c.created_at, wrapping_key.c.wrapping_key)
            rows = [dict(row) for row in connection.execute(query).mappings()]
        for row in rows:
            self.sealer.check(wrapping_key, row)
        return KeyRing(
            tuple(
                WrappingKey(
                    row["wrapping_key"],
                    WrappingKeyState(row["state"]),
                    row["created_at"],
                    row["replaced_at"],
                    row["proof"],
                )
                for row in rows
            )
        )

    def settled(self, first: str, entries: Callable[[], Iterable[tuple[int, bytes]]]) -> KeyRing:
        """All of them; `first`, the one that the configuration names, is on record from the first start with a token.

        `entries` gives those of the signing log, which is read whole at that start, and beside a broken off ceremony.

        Raises:
            Tampered: rows are missing or were changed, or living keys lie under one that the record does not call
                living.
            Conflict: the configuration names one that this installation never had.
        """
        ring = self.ring()
        if not ring.keys:
            # Anybody can delete rows. Taking the first key for the present one again would bring a former one back.
            if any(_MADE in leaf for _, leaf in entries()):
                raise Tampered(
                    "the record of the token's wrapping keys is empty",
                    hint="The database was changed outside the service. Restore it from a backup.",
                )
            with self.database.write() as connection:
                self._advance(connection, first, WrappingKeyState.PRESENT)
            ring = self.ring()
        if ring.state_of(first) is None:
            raise Conflict(
                "vault.wrapping_key in the configuration is none of this installation's wrapping keys",
                hint="It names the first one for ever; put it back.",
            )
        if ring.unsettled:
            # Rows may have been put back to the middle of a ceremony that was finished. To go on with it would begin
            # with destroying what the token holds under this name, and everything that lies under it.
            ring = self._told_by(entries())
        self._require_known(ring)
        return ring

    def require_unmade(self, identifier: str) -> None:
        """Raise `Conflict` if `identifier` was made already."""
        with self.database.read() as connection:
            state = self._state(connection, identifier)
        if state not in (None, WrappingKeyState.MAKING):
            raise Conflict(f"the wrapping key {identifier} was made before", hint="A new key needs a new plan.")

    def begin(self, identifier: str) -> None:
        """`identifier`, which was not made yet (`require_unmade`), is about to be made in the token."""
        with self.database.write() as connection:
            self._advance(connection, identifier, WrappingKeyState.MAKING)

    def keep_proof(self, identifier: str, proof: bytes) -> None:
        """What `PKCS11Vault.make_proof` gave for a key on record, in place of an earlier one."""
        with self.database.write() as connection:
            row = self._row(connection, identifier)
            if row is not None:
                self._put(connection, {**row, "proof": proof})

    def forget(self, identifier: str) -> None:
        """`identifier` could not be made, and is not in the token."""
        with self.database.write() as connection:
            if self._state(connection, identifier) is WrappingKeyState.MAKING:
                connection.execute(wrapping_key.delete().where(wrapping_key.c.wrapping_key == identifier))

    def replace(self, replaced: str, identifier: str) -> None:
        """`identifier` is the present one from now on, and `replaced` a former one."""
        with self.database.write() as connection:
            self._advance(connection, replaced, WrappingKeyState.FORMER)
            self._advance(connection, identifier, WrappingKeyState.PRESENT)

    def retire(self, identifier: str) -> None:
        """`identifier` is about to be destroyed in the token."""
        with self.database.write() as connection:
            self._advance(connection, identifier, WrappingKeyState.RETIRING)

    def destroyed(self, identifier: str) -> None:
        """The token holds `identifier` no more."""
        with self.database.write() as connection:
            self._advance(connection, identifier, WrappingKeyState.DESTROYED)

    def make_good(self, entry: Mapping[str, Any]) -> None:
        """Put into the record what an entry of the log tells, where the record does not have it."""
        if entry["type"] == RETIRED:
            self.destroyed(entry["wrapping_key"])
        else:
            self.replace(entry["replaced"], entry["wrapping_key"])

    def living_under(self) -> dict[str, int]:
        """How many living keys of signers lie under each wrapping key; those in software, and resident ones, under ``.

        Raises `Tampered` if the row of any living key was changed: it may lie under another one than it says.
        """
        counts: dict[str, int] = {}
        with self.database.read() as connection:
            for row in connection.execute(sa.select(signing_key).where(_LIVES)).mappings():
                self.sealer.check(signing_key, dict(row))
                counts[row["wrapping_key"]] = counts.get(row["wrapping_key"], 0) + 1
        return counts

    def require_unused(self, identifier: str) -> None:
        """Raise `Tampered` if living keys lie under a wrapping key whose proof the record does not hold: the proof is
        made before the first of them."""
        query = sa.select(signing_key.c.key_id).where(signing_key.c.wrapping_key == identifier, _LIVES).limit(1)
        with self.database.read() as connection:
            if connection.execute(query).first() is not None:
                raise Tampered(
                    f"the record does not hold what the wrapping key {identifier} is known by, and keys lie under it",
                    hint="The database was changed outside the service. Restore it from a backup.",
                )

    def _told_by(self, entries: Iterable[tuple[int, bytes]]) -> KeyRing:
        """All of them, after the record learnt all that the whole log tells."""
        for _, leaf in entries:
            if _MADE in leaf or _RETIRED in leaf:
                self.make_good(msgspec.json.decode(leaf))
        return self.ring()

    def _require_known(self, ring: KeyRing) -> None:
        """A living key under a destroyed wrapping key was put back by somebody: its owner has lost it, and nobody else
        waits for it. Under one that the record does not know at all, the record itself is wrong."""
        known = ring.opening
        query = sa.select(signing_key).where(signing_key.c.wrapping_key.not_in(["", *known]), _LIVES)
        with self.database.read() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        for row in rows:
            try:
                self.sealer.check(signing_key, row)
            except Tampered:
                # One row that somebody changed must not keep everybody from signing; its owner is told.
                continue
            if ring.state_of(row["wrapping_key"]) is WrappingKeyState.DESTROYED:
                _log.critical("key_put_back", key=row["key_id"], wrapping_key=row["wrapping_key"])
                continue
            raise Tampered(
                f"keys lie under the wrapping key {row['wrapping_key']}, of which the record knows nothing",
                hint="The database was changed outside the service. Restore it from a backup.",
            )

    def _state(self, connection: sa.Connection, identifier: str) -> WrappingKeyState | None:
        row = self._row(connection, identifier)
        return WrappingKeyState(row["state"]) if row else None

    def _row(self, connection: sa.Connection, identifier: str) -> dict[str, Any] | None:
        query = sa.select(wrapping_key).where(wrapping_key.c.wrapping_key == identifier)
        row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        self.sealer.check(wrapping_key, dict(row))
        return dict(row)

    def _advance(self, connection: sa.Connection, identifier: str, state: WrappingKeyState) -> None:
        """Put a key into `state`, unless it is there or beyond."""
        row, now = self._row(connection, identifier), milliseconds(self.clock.now())
        if row is not None and _ORDER[WrappingKeyState(row["state"])] >= _ORDER[state]:
            return
        new = {"wrapping_key": identifier, "created_at": now, "replaced_at": 0, "proof": b""}
        changed = {**(row or new), "state": state.value}
        if state is WrappingKeyState.FORMER:
            changed["replaced_at"] = now
        self._put(connection, changed)

    def _put(self, connection: sa.Connection, row: Mapping[str, Any]) -> None:
        connection.execute(wrapping_key.delete().where(wrapping_key.c.wrapping_key == row["wrapping_key"]))
        connection.execute(wrapping_key.insert(), self.sealer.sealed(wrapping_key, dict(row)))


_log = structlog.get_logger("natsuin.sam")
_LIVES = signing_key.c.state.not_in([state.value for state in ENDED])
