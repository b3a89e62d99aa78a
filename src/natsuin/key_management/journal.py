"""Entries in the signing log about what happens here: public fields in the open, everything personal only as a
commitment.

A commitment is HMAC-SHA256 under 32 random bytes that are kept in DB-2 and may be erased; the log stays verifiable
without them. The opening is durable before the entry is, so no entry's private part is ever lost to a crash.
"""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from natsuin.clock import Clock, milliseconds
from natsuin.key_management.tables import log_opening
from natsuin.signing_log import SALT_BYTES, Receipt, SigningLog, commitment_to, encode_entry
from natsuin.storage import Database


@dataclass(frozen=True)
class Opening:
    """What a commitment commits to: `tx` names it, `salt` (32 bytes) hides it, `fields` is RFC 8785 JSON."""

    tx: str
    salt: bytes
    fields: bytes

    @property
    def commitment(self) -> str:
        """base64url without padding, as it stands in the entry."""
        return commitment_to(self.salt, self.fields)


def new_opening(private: Mapping[str, Any]) -> Opening:
    """A fresh opening for `private` fields, which are what an entry could hold. Raises `BadEntry`, `EntryTooLarge`."""
    return Opening(secrets.token_hex(16), os.urandom(SALT_BYTES), encode_entry(private))


def store_opening(connection: sa.Connection, opening: Opening) -> None:
    """Write the opening in the caller's transaction. It must be committed before the entry is added to the log."""
    connection.execute(log_opening.insert(), {"tx": opening.tx, "salt": opening.salt, "fields": opening.fields})


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

    def record(self, kind: str, *, public: Mapping[str, Any] | None = None, private: Mapping[str, Any]) -> Receipt:
        """Store the opening of `private`, then add the entry. Raises `StorageFailed`, and then nothing may go on."""
        opening = new_opening(private)
        self.database.run_grouped(lambda connection: store_opening(connection, opening))
        return self.log.add(self.entry(kind, public or {}, opening))

    def add(self, kind: str, public: Mapping[str, Any], opening: Opening | None = None) -> Receipt:
        """Add an entry whose opening, if any, is already durable."""
        return self.log.add(self.entry(kind, public, opening))

    def add_all(self, entries: Sequence[dict[str, Any]]) -> list[Receipt]:
        """Add what `entry` made, all in one commit of the log. Openings must be durable already."""
        return self.log.add_all(entries)
