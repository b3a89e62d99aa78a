"""Putting one key back from its archive: to the same person, under the same id, and only where it was lost.

The log decides, because no backup of a database can put it back: a key that it says was revoked or destroyed stays dead
whatever archive is brought, and so does an archive whose PIN or passkeys were replaced. Wrong tries that the log tells
of count on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from cryptography import x509

from natsuin import faults
from natsuin.errors import Conflict, Forbidden, Locked, NotFound, Tampered, WrongSecret
from natsuin.key_backup.archive import Archive, ArchiveSeal
from natsuin.key_backup.history import KeyHistory, read_history
from natsuin.key_management import (
    MAX_TRIES,
    PIN_SLOT,
    Foundation,
    Keys,
    KeyState,
    StoredKey,
    Vault,
    WrappingKeys,
    certificate,
    completed_since,
    ended_key,
    key_slot,
    normal_pin,
    open_slot,
    signing_key,
    unwrap_for_signer,
)
from natsuin.sam.protocol import KeyInformation
from natsuin.signing_log import SigningLog


class KeyIsDead(Conflict):
    """The key was revoked or destroyed: nothing brings it back."""

    code = "key_is_dead"


class NotLost(Conflict):
    """The key is there and whole, so there is nothing to restore."""

    code = "key_not_lost"


class Outdated(Conflict):
    """The archive is older than the key's present PIN, passkeys or certificate."""

    code = "archive_outdated"


@dataclass(frozen=True)
class Restorer:
    """Checks and restores. Safe from several threads; durable on return."""

    foundation: Foundation
    seal: ArchiveSeal
    keys: Keys
    vault: Vault
    log: SigningLog

    def examine(self, content: bytes, user_id: str) -> Archive:
        """The archive in `content`, if it may be restored to this person now.

        Raises `BadArchive`, `ArchiveTampered`, `Forbidden`, `KeyIsDead`, `NotLost`, `Outdated`, `Locked`.
        """
        archive = self.seal.open(content)
        if archive.key.user_id != user_id:
            raise Forbidden("the archive is of another person's key", hint="A key goes back to its owner only.")
        self._require_wrapping_key(archive)
        self._history(archive)
        with self.foundation.database.read() as connection:
            self._require_present_passkeys(connection, archive)
            self._require_lost(connection, archive)
        return archive

    def restore(self, archive: Archive, trial: "Trial", sign_counts: bytes) -> KeyInformation:
        """Prove with the signer's PIN that the archive opens, then put the key back.

        Raises as `examine`, and `WrongSecret`, which is a try that counts.
        """
        self._require_wrapping_key(archive)
        history = self._history(archive)
        self._prove(archive, trial, history)
        state, suspended_by = history.state_after(KeyState(archive.row["state"]), archive.row["suspended_by"])
        foundation = self.foundation
        row = {
            **archive.row,
            "key_blob": foundation.provider.close(archive.blob, archive.key.binding),
            "state": state.value,
            "suspended_by": suspended_by,
            "sign_counts": sign_counts,
        }
        opening = foundation.journal.open(_private(archive, trial), key_id=archive.key.key_id)
        public = {"key": archive.key.key_id, "copy": archive.copy, "state": state.value}
        with foundation.database.write() as connection:
            self._require_present_passkeys(connection, archive)
            self._require_lost(connection, archive)
            foundation.journal.log.add(foundation.journal.entry("key-restored", public, opening))
            faults.point("restore.after_entry")
            self._write(connection, archive, row, history)
            return self.keys.information(connection, StoredKey(row))

    def _require_wrapping_key(self, archive: Archive) -> None:
        """Raise `Outdated` if the token's key that the archived key lies under was destroyed."""
        foundation, under = self.foundation, archive.row["wrapping_key"]
        if not under:
            return
        ring = WrappingKeys(foundation.database, foundation.sealer, foundation.clock).ring()
        if under not in ring.opening:
            raise Outdated(
                f"the wrapping key {under} of the token, which the archived key lies under, is there no more",
                hint="Use a newer archive; without one the owner needs a new key.",
            )

    def _history(self, archive: Archive) -> KeyHistory:
        """What the log says. Raises what forbids the restoration."""
        key_id = archive.key.key_id
        history = read_history(self.log.entries(), key_id, since=archive.log_size)
        with self.foundation.database.read() as connection:
            stone = self.foundation.find(connection, ended_key, key_id=key_id)
        end = history.end or (KeyState(stone["state"]) if stone else None)
        if end is not None:
            raise KeyIsDead(f"the key was {end.value} and stays so", hint="Its owner needs a new key.")
        if history.replaced:
            raise Outdated(
                "PIN, passkeys or certificate of the key were replaced after this archive was made",
                hint="Use a newer archive; without one the owner needs a new key.",
            )
        if history.locked:
            raise _locked()
        return history

    def _require_present_passkeys(self, connection: sa.Connection, archive: Archive) -> None:
        """Raise `Outdated` if the person has lost, since the archive was made, the passkeys that it is bound to."""
        if completed_since(self.foundation, connection, archive.key.user_id, archive.archived_at):
            raise Outdated(
                "the owner's lost passkeys were replaced after this archive was made",
                hint="Use a newer archive; without one the owner needs a new key.",
            )

    def _require_lost(self, connection: sa.Connection, archive: Archive) -> None:
        """Raise unless the key's row, or a way to open it, is missing or damaged."""
        key_id = archive.key.key_id
        try:
            row = self.foundation.find(connection, signing_key, lock=True, key_id=key_id)
            if row is None:
                return
            if KeyState(row["state"]) in (KeyState.REVOKED, KeyState.DESTROYED):
                raise KeyIsDead(f"the key was {row['state']} and stays so", hint="Its owner needs a new key.")
            found = [self.foundation.find(connection, key_slot, key_id=key_id, name=name) for name in archive.slots]
        except Tampered:
            return
        if row["key_blob"] and all(found):
            raise NotLost("the key is there and whole", hint="Nothing was changed.")

    def _prove(self, archive: Archive, trial: "Trial", history: KeyHistory) -> None:
        key = archive.key
        before = history.failures[PIN_SLOT] + trial.untold
        if before >= MAX_TRIES:
            raise _locked()
        try:
            signer_key = open_slot(PIN_SLOT, archive.slots[PIN_SLOT], normal_pin(trial.pin), key.binding)
        except KeyError as error:
            raise NotFound("the archive has no PIN") from error
        except WrongSecret as error:
            left = MAX_TRIES - before - 1
            self.foundation.journal.record(
                "secret-refused",
                public={"key": key.key_id, "slot": PIN_SLOT},
                private={"slot": PIN_SLOT, "tries_left": left},
            )
            raise WrongSecret(
                f"the PIN is wrong; {left} tries left", hint="The officers must begin the restoration again."
            ) from error
        sealed = unwrap_for_signer(archive.blob, signer_key, key.binding)
        with self.vault.open(sealed, key.binding):
            # That it opens under its own names is all that is wanted of it here.
            pass

    def _write(self, connection: sa.Connection, archive: Archive, row: dict[str, Any], history: KeyHistory) -> None:
        foundation, key_id = self.foundation, archive.key.key_id
        connection.execute(key_slot.delete().where(key_slot.c.key_id == key_id))
        connection.execute(signing_key.delete().where(signing_key.c.key_id == key_id))
        foundation.insert(connection, signing_key, row)
        for name, slot in archive.slots.items():
            failures = 0 if name == PIN_SLOT else history.failures.get(name, 0)
            values = {"key_id": key_id, "name": name, "salt": slot.salt, "wrapped": slot.wrapped, "failures": failures}
            foundation.insert(connection, key_slot, values)
        der = archive.row["certificate"]
        if not der:
            return
        serial = f"{x509.load_der_x509_certificate(der).serial_number:x}"
        if foundation.find(connection, certificate, serial=serial) is None:
            standing = {"serial": serial, "key_id": key_id, "der": der, "revoked_at": 0, "reason": ""}
            foundation.insert(connection, certificate, standing)


@dataclass(frozen=True)
class Trial:
    """The last approval of a restoration, with the PIN; `untold` tries came before of which the log does not tell."""

    act_id: str
    officers: Sequence[str]
    pin: str = field(repr=False)
    untold: int = 0


def _private(archive: Archive, trial: Trial) -> dict[str, Any]:
    """What the entry of a restoration commits to."""
    return {
        "act": trial.act_id,
        "officers": list(trial.officers),
        "archive": archive.archive_id,
        "user": archive.key.user_id,
    }


def _locked() -> Locked:
    return Locked(f"the key is closed after {MAX_TRIES} wrong tries", hint="Its owner needs a new key.")
