"""Noticing at start that DB-2 is older than the signing log, and taking back what an older database would give back.

What an entry commits to is durable in DB-2 before the entry is in the log. So a database that does not know the newest
entries was put back, or lost commits. Then everything that was open in it counts no more, wrong tries that only the log
tells of are counted, and secrets that were replaced open nothing: whoever puts a backup back, for whatever reason,
gains no try, no second use and no old PIN.

Only whole databases are noticed: somebody who can write DB-2 and puts single genuine rows back beside newer ones is
not (docs/limitations.md).
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa

from natsuin.errors import Tampered
from natsuin.key_management import MAX_TRIES, PIN_SLOT, Foundation, key_slot, log_opening, signing_key
from natsuin.signing.instructing import APPROVED, CANCELLED, WAITING
from natsuin.signing.tables import instruction
from natsuin.storage import sam_metadata

_AT_ONCE = 500
_ONE_SLOT_REPLACED = "pin-changed"
_KEY_REPLACED = frozenset({"pin-reset", "passkeys-changed", "passkeys-replaced"})


@dataclass
class Missed:
    """Entries of the log that a DB-2 does not know, in order; `older` if the newest entry is among them."""

    foundation: Foundation
    entries: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    older: bool = False
    _erased: set[str] = field(default_factory=set)
    _newest_known: int = -1

    @property
    def first(self) -> int:
        """Index of the first entry that is not known, beyond all others if there is none."""
        return self.entries[0][0] if self.entries else sys.maxsize

    @property
    def lost_keys(self) -> int:
        """How many keys were made that this database never heard of."""
        return sum(entry["type"] in ("key-created", "key-imported") for _, entry in self.entries)

    def watch(self, leaves: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """The same entries again, while looking for those whose opening is missing. It must be read to its end."""
        waiting: list[tuple[int, dict[str, Any]]] = []
        for index, leaf in leaves:
            entry = msgspec.json.decode(leaf)
            if "commitment" in entry:
                waiting.append((index, entry))
            if entry["type"] == "erasure":
                self._erased.update(entry["openings"])
            if len(waiting) == _AT_ONCE:
                self._look_up(waiting)
                waiting = []
            yield index, leaf
        self._look_up(waiting)
        self._leave_out_erased()

    def _leave_out_erased(self) -> None:
        """An older database lacks every opening from some entry on; those before it that are missing were erased."""
        lost = [index for index, entry in self.entries if entry["tx"] not in self._erased]
        self.entries = [each for each in self.entries if lost and each[0] >= lost[0]]
        # A single opening in between may be missing by accident; a database that is older lacks all of the newest.
        self.older = bool(lost) and lost[-1] > self._newest_known

    def _look_up(self, waiting: list[tuple[int, dict[str, Any]]]) -> None:
        if not waiting:
            return
        query = sa.select(log_opening.c.tx).where(log_opening.c.tx.in_([entry["tx"] for _, entry in waiting]))
        with self.foundation.database.read() as connection:
            known = set(connection.execute(query).scalars())
        self.entries += [(index, entry) for index, entry in waiting if entry["tx"] not in known]
        self._newest_known = max(
            (index for index, entry in waiting if entry["tx"] in known), default=self._newest_known
        )


def catch_up(foundation: Foundation, connection: sa.Connection, missed: Missed) -> None:
    """Take back, in the caller's transaction, what this older database would give back. Call it once for each."""
    _forget_what_is_open(foundation, connection)
    told: dict[tuple[str, str], list[bool]] = {}
    for _, entry in missed.entries:
        if entry["type"] == "secret-refused":
            told.setdefault((entry["key"], entry["slot"]), []).append(False)
        elif entry["type"] == "approved":
            told.setdefault((entry["key"], PIN_SLOT), []).append(True)
    for (key_id, name), tries in told.items():
        _count(foundation, connection, key_id, name, tries=tries)
    for key_id in {entry["key"] for _, entry in missed.entries if entry["type"] == _ONE_SLOT_REPLACED}:
        # The PIN that this database knows was replaced; the recovery code still sets a new one.
        _count(foundation, connection, key_id, PIN_SLOT, tries=[False] * MAX_TRIES)
    for key_id in {entry["key"] for _, entry in missed.entries if entry["type"] in _KEY_REPLACED}:
        _close(foundation, connection, key_id)


def _forget_what_is_open(foundation: Foundation, connection: sa.Connection) -> None:
    """Whatever waits for an approval, or was approved and not used: some of it may have been used or withdrawn."""
    now = foundation.now()
    for table in sam_metadata.sorted_tables:
        if "expires_at" not in table.c or "seal" not in table.c:
            continue
        rows = connection.execute(sa.select(table).where(table.c.expires_at >= now).with_for_update()).mappings().all()
        for row in rows:
            try:
                checked = foundation.checked(table, row)
            except Tampered:
                # It is believed by nobody, so there is nothing to take back.
                continue
            changes: dict[str, Any] = {"expires_at": 0}
            if table is instruction and row["state"] in (WAITING, APPROVED):
                changes |= {"state": CANCELLED, "sealed_signer_key": b""}
            foundation.update(connection, table, checked, **changes)


def _count(foundation: Foundation, connection: sa.Connection, key_id: str, name: str, *, tries: Iterable[bool]) -> None:
    """Count the log's `tries`, in order, on top of what the slot knows: False a wrong one, True a success."""
    slot = foundation.find(connection, key_slot, lock=True, key_id=key_id, name=name)
    if slot is None:
        return
    failures = int(slot["failures"])
    for success in tries:
        failures = 0 if success else failures + 1
    foundation.update(connection, key_slot, slot, failures=min(failures, MAX_TRIES))


def _close(foundation: Foundation, connection: sa.Connection, key_id: str) -> None:
    """The secrets in this database were replaced and the new ones are lost with the newer database: only an archive
    that was made after them opens the key again."""
    row = foundation.find(connection, signing_key, lock=True, key_id=key_id)
    connection.execute(key_slot.delete().where(key_slot.c.key_id == key_id))
    if row is not None:
        foundation.update(connection, signing_key, row, key_blob=b"")
