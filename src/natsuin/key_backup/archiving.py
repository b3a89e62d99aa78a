"""Making archives, listing them, and letting go of those that must not be used any more.

The entry in the log comes before the row, the row before the file gets its name; a crash in between is made good at the
next start. Files whose row is not known are left alone: after a loss they may be all there is.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from natsuin import faults
from natsuin.errors import Conflict, NotFound, Refused
from natsuin.key_backup.archive import Archive, ArchiveSeal, content_hash
from natsuin.key_backup.history import is_end, read_history
from natsuin.key_backup.shelf import Shelf
from natsuin.key_backup.tables import key_archive
from natsuin.key_management import (
    RESIDENT_BACKEND,
    Foundation,
    StoredKey,
    ended_key,
    new_identifier,
    signing_key,
    slots_of,
)
from natsuin.sam.protocol import KeyArchiveInformation, ListKeyArchives
from natsuin.signing_log import SigningLog

KEPT, SUPERSEDED, ENDED_KEY = "kept", "superseded", "ended"
MOST_AT_ONCE = 10_000
"""Keys that one act archives."""


class ResidentNotArchived(Conflict):
    """The key is nowhere but in the token."""

    code = "resident_not_archived"


def archived_keys(foundation: Foundation) -> Callable[[sa.Connection, str], set[str]]:
    """What answers with the ids of an account's keys that were archived and are not known to be ended."""

    def keys_of(connection: sa.Connection, user_id: str) -> set[str]:
        query = sa.select(key_archive).where(key_archive.c.user_id == user_id, key_archive.c.state != ENDED_KEY)
        rows = connection.execute(query).mappings().all()
        return {str(foundation.checked(key_archive, row)["key_id"]) for row in rows}

    return keys_of


def kept_under(foundation: Foundation, wrapping_key: str) -> int:
    """How many archives that may still be restored lie under a wrapping key of the token (CKA_ID in hexadecimal).

    Raises `Tampered` if the row of any was changed.
    """
    with foundation.database.read() as connection:
        query = sa.select(key_archive).where(key_archive.c.state == KEPT)
        rows = [foundation.checked(key_archive, row) for row in connection.execute(query).mappings()]
    return sum(row["wrapping_key"] == wrapping_key for row in rows)


@dataclass(frozen=True)
class Archives:
    """Keeps copies of keys, at most `most_copies` of each. Safe from several threads; durable on return."""

    foundation: Foundation
    seal: ArchiveSeal
    shelf: Shelf
    log: SigningLog
    most_copies: int

    def make(self, key_id: str, officers: Sequence[str], act_id: str) -> KeyArchiveInformation:
        """One more copy of a key. Raises `NotFound`, `Conflict`, and `StorageFailed` if the file cannot be written."""
        self.settle(key_id)
        foundation = self.foundation
        size = self.log.size
        with foundation.database.read() as connection:
            row = self._archivable(connection, key_id)
            slots = slots_of(foundation, connection, key_id)
            copy = self._next_copy(connection, key_id)
        blob = foundation.provider.open(row["key_blob"], StoredKey(row).binding)
        archive = Archive(new_identifier(), copy, foundation.now(), size, row, blob, slots)
        content = self.seal.close(archive)
        kept = {
            "archive_id": archive.archive_id,
            "key_id": key_id,
            "user_id": row["user_id"],
            "copy": copy,
            "state": KEPT,
            "sha256": hashlib.sha256(content).digest(),
            "holds": archive.holds,
            "provider": self.seal.provider,
            "wrapping_key": row["wrapping_key"],
            "officers": " ".join(officers),
            "created_at": archive.archived_at,
        }
        self.shelf.put(archive.archive_id, content)
        try:
            foundation.journal.record(
                "key-archived",
                public={"key": key_id, "copy": copy, "sha256": kept["sha256"].hex()},
                private={"act": act_id, "archive": archive.archive_id, "officers": list(officers)},
            )
            faults.point("archive.after_entry")
            self._keep(key_id, kept)
        except BaseException:
            self.shelf.remove(archive.archive_id)
            raise
        faults.point("archive.after_row")
        self.shelf.finish(archive.archive_id)
        return self._information(kept)

    def without_one(self) -> list[str]:
        """Ids of keys that could be archived and have no copy of their present state."""
        open_states = (state for state in ("pre-active", "active", "suspended"))
        query = (
            sa.select(signing_key.c.key_id)
            .where(signing_key.c.one_time == 0, signing_key.c.state.in_(tuple(open_states)))
            .where(signing_key.c.backend != RESIDENT_BACKEND)
            .order_by(signing_key.c.created_at)
        )
        with self.foundation.database.read() as connection:
            names = [str(name) for name in connection.execute(query).scalars()]
            return [name for name in names if not self._is_copied(connection, name)][:MOST_AT_ONCE]

    def page(self, wanted: ListKeyArchives) -> tuple[KeyArchiveInformation, ...]:
        """The archives that are asked for, in the order of their ids."""
        query = sa.select(key_archive).where(key_archive.c.archive_id > wanted.after)
        if wanted.key_id:
            query = query.where(key_archive.c.key_id == wanted.key_id)
        if wanted.archive_id:
            query = query.where(key_archive.c.archive_id == wanted.archive_id)
        if wanted.user_id:
            query = query.where(key_archive.c.user_id == wanted.user_id)
        with self.foundation.database.read() as connection:
            rows = connection.execute(query.order_by(key_archive.c.archive_id).limit(wanted.limit)).mappings().all()
            return tuple(self._information(self.foundation.checked(key_archive, row)) for row in rows)

    def settle(self, key_id: str) -> None:
        """Let go of the key's archives that must not be used any more, because it ended or its secrets changed."""
        foundation = self.foundation
        query = sa.select(key_archive).where(key_archive.c.key_id == key_id, key_archive.c.state == KEPT)
        with foundation.database.read() as connection:
            rows = [foundation.checked(key_archive, row) for row in connection.execute(query).mappings()]
            if not rows:
                return
            key = foundation.find(connection, signing_key, key_id=key_id)
            holds = self._holds(connection, key) if key else b""
        for row in rows:
            if key is None:
                continue
            state = ENDED_KEY if is_end(key["state"]) else SUPERSEDED
            # A key that was closed because DB-2 is older than its secrets may need just this copy.
            current = not key["key_blob"] or (row["holds"] == holds and row["provider"] == self.seal.provider)
            if state == SUPERSEDED and current:
                continue
            with foundation.database.write() as connection:
                foundation.update(connection, key_archive, row, state=state)
            self.shelf.remove(row["archive_id"])

    def recover(self) -> None:
        """At start: finish or drop files that a crash left, and drop archives of keys that ended meanwhile."""
        for archive_id in self.shelf.unfinished():
            with self.foundation.database.read() as connection:
                row = self.foundation.find(connection, key_archive, archive_id=archive_id)
            content = self.shelf.read_unfinished(archive_id)
            if row is not None and hashlib.sha256(content).digest() == row["sha256"]:
                self.shelf.finish(archive_id)
            else:
                self.shelf.remove(archive_id)
        ended = (
            sa.select(key_archive.c.key_id)
            .join(signing_key, signing_key.c.key_id == key_archive.c.key_id)
            .where(key_archive.c.state == KEPT, signing_key.c.state.in_(("revoked", "destroyed")))
        )
        with self.foundation.database.read() as connection:
            names = set(connection.execute(ended).scalars())
        for name in names:
            self.settle(name)

    def find(self, archive_id: str) -> dict[str, Any] | None:
        """The sealed row, if this DB-2 knows the archive."""
        with self.foundation.database.read() as connection:
            return self.foundation.find(connection, key_archive, archive_id=archive_id)

    def forgotten_under(self, wrapping_key: str) -> int:
        """How many files here hold a key under this wrapping key (CKA_ID in hexadecimal) that this DB-2 knows no
        archive of, and that could be restored for all that the log tells: an older DB-2 that was put back forgets.

        Raises `Tampered` if a row was changed.
        """
        return sum(
            archive.row["wrapping_key"] == wrapping_key and not self._is_over(archive)
            for archive in self._opened()
            if self.find(archive.archive_id) is None
        )

    def _opened(self) -> Iterator[Archive]:
        for archive_id in self.shelf.finished():
            try:
                archive = self.seal.open(self.shelf.read(archive_id))
            except Refused:
                # It is damaged, or another master key's: nobody restores it here.
                continue
            yield archive

    def _is_over(self, archive: Archive) -> bool:
        key_id = archive.key.key_id
        with self.foundation.database.read() as connection:
            if self.foundation.find(connection, ended_key, key_id=key_id) is not None:
                return True
        history = read_history(self.log.entries(), key_id, since=archive.log_size)
        return history.end is not None or history.replaced

    def _archivable(self, connection: sa.Connection, key_id: str) -> dict[str, Any]:
        row = self.foundation.find(connection, signing_key, key_id=key_id)
        if row is None:
            raise NotFound("there is no such key")
        if row["backend"] == RESIDENT_BACKEND:
            raise ResidentNotArchived(
                "the key lives in the token, so no copy of it can be made here",
                hint="The token's own backup, by the means of its maker, is its only copy.",
            )
        if row["one_time"] or is_end(row["state"]) or not row["key_blob"]:
            raise Conflict("a key that has ended, or serves one instruction, is not archived")
        return row

    def _holds(self, connection: sa.Connection, key: dict[str, Any]) -> bytes:
        """What an archive of the key as it is now would hold; nothing for one that cannot be archived."""
        if is_end(key["state"]) or not key["key_blob"]:
            return b""
        blob = self.foundation.provider.open(key["key_blob"], StoredKey(key).binding)
        return content_hash(blob, slots_of(self.foundation, connection, key["key_id"]))

    def _next_copy(self, connection: sa.Connection, key_id: str) -> int:
        query = sa.select(key_archive).where(key_archive.c.key_id == key_id)
        rows = [self.foundation.checked(key_archive, row) for row in connection.execute(query).mappings()]
        if sum(row["state"] == KEPT for row in rows) >= self.most_copies:
            raise Conflict(f"there are {self.most_copies} copies of this key already", hint="See sam.archive_copies.")
        return 1 + max((row["copy"] for row in rows), default=0)

    def _is_copied(self, connection: sa.Connection, key_id: str) -> bool:
        row = self.foundation.find(connection, signing_key, key_id=key_id)
        holds = self._holds(connection, row) if row else b""
        if not holds:
            return True
        query = sa.select(key_archive).where(key_archive.c.key_id == key_id, key_archive.c.state == KEPT)
        rows = [self.foundation.checked(key_archive, row) for row in connection.execute(query).mappings()]
        return any(row["holds"] == holds and row["provider"] == self.seal.provider for row in rows)

    def _keep(self, key_id: str, kept: dict[str, Any]) -> None:
        foundation = self.foundation
        with foundation.database.write() as connection:
            current = foundation.find(connection, signing_key, lock=True, key_id=key_id)
            if current is None or self._holds(connection, current) != kept["holds"]:
                raise Conflict("the key was changed a moment ago", hint="Archive it again.")
            if self._next_copy(connection, key_id) != kept["copy"]:
                raise Conflict("another archive of this key was a moment earlier", hint="Look at the list.")
            foundation.insert(connection, key_archive, kept)

    def _information(self, row: dict[str, Any]) -> KeyArchiveInformation:
        here = False
        with suppress(OSError):
            here = self.shelf.has(row["archive_id"])
        return KeyArchiveInformation(
            archive_id=row["archive_id"],
            key_id=row["key_id"],
            user_id=row["user_id"],
            copy=row["copy"],
            state=row["state"],
            sha256=row["sha256"],
            officers=tuple(row["officers"].split()),
            created_at=row["created_at"],
            here=here,
        )
