"""Entries in the signing log about what happens here: public fields in the open, everything personal only as a
commitment.

A commitment is made under 32 random bytes that are kept in DB-2 and are erased in the end; the log stays verifiable
without them. The opening is durable before the entry is, so no entry's private part is ever lost to a crash.
"""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from natsuin.clock import Clock, milliseconds
from natsuin.key_management.tables import log_opening
from natsuin.signing_log import SALT_BYTES, Receipt, SigningLog, commitment_to, encode_entry
from natsuin.storage import Database


@dataclass(frozen=True)
class Opening:
    """What a commitment commits to: `tx` names it, `salt` (32 bytes) hides it, `fields` is RFC 8785 JSON.

    `key_id` is the key that the entry is about, or empty; `made_at` is in milliseconds, UTC.
    """

    tx: str
    salt: bytes
    fields: bytes
    key_id: str
    made_at: int

    @property
    def commitment(self) -> str:
        """base64url without padding, as it stands in the entry."""
        return commitment_to(self.tx, self.salt, self.fields)

    @property
    def row(self) -> dict[str, Any]:
        """How it stands in DB-2, table `log_opening`."""
        return {
            "tx": self.tx,
            "salt": self.salt,
            "fields": self.fields,
            "key_id": self.key_id,
            "kept_since": self.made_at,
        }


def new_opening(private: Mapping[str, Any], *, key_id: str, made_at: int) -> Opening:
    """A fresh opening for `private` fields, which are what an entry could hold. It must be committed to DB-2 before
    the entry is added to the log. Raises `BadEntry`, `EntryTooLarge`.
    """
    return Opening(secrets.token_hex(16), os.urandom(SALT_BYTES), encode_entry(private), key_id, made_at)


@dataclass(frozen=True)
class Journal:
    """Writes entries. Safe from several threads; durable on return."""

    log: SigningLog
    database: Database
    clock: Clock

    def entry(self, kind: str, public: Mapping[str, Any], opening: Opening | None = None) -> dict[str, Any]:
        """The entry as it will stand in the log: version, kind, UTC time in milliseconds, fields, commitment."""
        entry: dict[str, Any] = {"v": 1, "type": kind, "time": milliseconds(self.clock.now()), **public}
        if opening is not None:
            entry["tx"] = opening.tx
            entry["commitment"] = opening.commitment
        return entry

    def open(self, private: Mapping[str, Any], *, key_id: str = "") -> Opening:
        """An opening for an entry that is yet to be made, durable on return. Raises as `new_opening` and
        `Database.run_grouped` do."""
        opening = new_opening(private, key_id=key_id, made_at=milliseconds(self.clock.now()))
        self.database.run_grouped(lambda connection: connection.execute(log_opening.insert(), opening.row))
        return opening

    def record(self, kind: str, *, public: Mapping[str, Any] | None = None, private: Mapping[str, Any]) -> Receipt:
        """Store the opening of `private`, then add the entry. Raises `StorageFailed`, and then nothing may go on."""
        public = public or {}
        opening = self.open(private, key_id=str(public.get("key", "")))
        return self.log.add(self.entry(kind, public, opening))

    def add(self, kind: str, public: Mapping[str, Any], opening: Opening | None = None) -> Receipt:
        """Add an entry whose opening, if any, is already durable."""
        return self.log.add(self.entry(kind, public, opening))

    def add_all(self, entries: Sequence[dict[str, Any]]) -> list[Receipt]:
        """Add what `entry` made, all in one commit of the log. Openings must be durable already."""
        return self.log.add_all(entries)
