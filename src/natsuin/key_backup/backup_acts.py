"""Archiving and restoring as acts: two officers approve sam's own record with their passkeys, and for a restoration the
signer too, last, with the PIN.

Nobody alone, and no two without the signer, bring a key back; web only carries what they approve.
"""

import hashlib
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from natsuin.errors import (
    AlreadyUsed,
    ApprovalRefused,
    Conflict,
    Expired,
    Forbidden,
    Malformed,
    NotFound,
    Refused,
)
from natsuin.key_backup.archive import Archive
from natsuin.key_backup.archiving import Archives
from natsuin.key_backup.restore_tries import begin_try, end_try, open_tries
from natsuin.key_backup.restoring import Restorer, Trial
from natsuin.key_backup.tables import backup_act
from natsuin.key_management import (
    Duty,
    Foundation,
    Keys,
    Officers,
    PINSecret,
    Record,
    SecretOpener,
    challenge_of,
    make_record,
    officer,
)
from natsuin.sam.protocol import (
    HPKE_INFO_RESTORE,
    Act,
    ApproveKeyBackup,
    KeyBackupStep,
    ListWaitingActs,
    ProposeKeyArchive,
    ProposeKeyRestore,
    WaitingAct,
)

LIFE = timedelta(hours=24)
"""Three people seldom sit beside each other."""
ARCHIVE, RESTORE = "archive", "restore"
MOST_REFUSALS = 5
"""So many refused approvals end an act."""
MOST_LISTED = 200
"""Open acts in one list."""


@dataclass(frozen=True)
class BackupActs:
    """Records acts and carries them out. Safe from several threads; each step is durable on return."""

    foundation: Foundation
    officers: Officers
    keys: Keys
    archives: Archives
    restorer: Restorer
    opener: SecretOpener

    _restoring: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def propose_archive(self, message: ProposeKeyArchive) -> Act:
        """The record that both officers must approve: one key, or all that have no copy as they are now."""
        fields = {"officers": list(message.officer_ids), "key": message.key_id or "all"}
        record = self._record("archive-key", fields)
        return self._propose(record, ARCHIVE, message.officer_ids, key_id=message.key_id)

    def propose_restore(self, message: ProposeKeyRestore) -> Act:
        """The record that both officers and the signer must approve. Refuses at once what could not be restored."""
        content = self.archives.shelf.read(message.archive_id)
        archive = self.restorer.examine(content, message.user_id)
        fields = {
            "officers": list(message.officer_ids),
            "key": archive.key.key_id,
            "user": archive.key.user_id,
            "archive": archive.archive_id,
            "archive_sha256": hashlib.sha256(content).hexdigest(),
            "archived_at": archive.archived_at,
            "certificate_sha256": hashlib.sha256(archive.row["certificate"]).hexdigest(),
        }
        record = self._record("restore-key", fields)
        return self._propose(record, RESTORE, message.officer_ids, archive=archive, content=content)

    def approve(self, message: ApproveKeyBackup) -> KeyBackupStep:
        """Take one approval; with the last one do what the act says. Each refusal is in the log, five end the act."""
        act = self._open_act(message.act_id, message.by)
        try:
            if self._is_officers(act, message.assertion.credential_id):
                return self._take_officers(act, message)
            if message.by not in ("", act["user_id"]):
                raise ApprovalRefused("this is not your passkey", hint="Approve with your own.")
            return self._take_owners(act, message)
        except Refused as refusal:
            self._note_refusal(act["act_id"], refusal)
            raise

    def _record(self, act: str, fields: dict[str, Any]) -> Record:
        foundation = self.foundation
        return make_record(act, foundation.relying_party.rp_id, fields, clock=foundation.clock, life=LIFE)

    def _propose(
        self,
        record: Record,
        kind: str,
        officer_ids: tuple[str, ...],
        *,
        key_id: str = "",
        archive: Archive | None = None,
        content: bytes = b"",
    ) -> Act:
        foundation = self.foundation
        row = {
            "act_id": record.identifier,
            "kind": kind,
            "key_id": archive.key.key_id if archive else key_id,
            "user_id": archive.key.user_id if archive else "",
            "officers": " ".join(officer_ids),
            "approved_by": "",
            "archive": content,
            "record": record.content,
            "refusals": 0,
            "expires_at": record.expires_at,
            "used_at": 0,
        }
        with foundation.database.write() as connection:
            two = self._two(connection, officer_ids)
            foundation.insert(connection, backup_act, row)
        return Act(
            act_id=record.identifier,
            record=record.content,
            challenge=record.challenge,
            credential_ids=(*(one["credential_id"] for one in two), *(archive.key.credential_ids if archive else ())),
            expires_at=record.expires_at,
        )

    def _two(self, connection: sa.Connection, officer_ids: tuple[str, ...]) -> list[dict[str, Any]]:
        if len(officer_ids) != 2 or len(set(officer_ids)) != 2:
            raise Malformed("two different officers must approve this", hint="Name both of them.")
        return [self.officers.require(connection, name, Duty.COPY_KEYS) for name in officer_ids]

    def waiting(self, message: ListWaitingActs) -> tuple[WaitingAct, ...]:
        """The acts that are open: all for an officer, for an owner the restorations that both officers approved."""
        foundation, now = self.foundation, self.foundation.now()
        query = sa.select(backup_act).where(backup_act.c.used_at == 0, backup_act.c.expires_at >= now)
        if message.act_id:
            query = query.where(backup_act.c.act_id == message.act_id)
        else:
            # What nobody approved is found by who began it; listed, a few hundred would hide all others.
            query = query.where(backup_act.c.approved_by != "")
        if message.user_id:
            query = query.where(backup_act.c.user_id == message.user_id)
        with foundation.database.read() as connection:
            found = connection.execute(query.order_by(backup_act.c.expires_at).limit(MOST_LISTED)).mappings()
            rows = [foundation.checked(backup_act, row) for row in found]
            own: tuple[bytes, ...] = ()
            if message.officer_id:
                asking = self.officers.require(connection, message.officer_id, Duty.COPY_KEYS)
                own = (asking["credential_id"],)
        if message.user_id:
            ready = [row for row in rows if len(_names(row["approved_by"])) == 2]
            able = [(row, self._passkeys(row)) for row in ready]
            return tuple(_waiting(row, passkeys) for row, passkeys in able if passkeys)
        return tuple(_waiting(row, own if _is_turn_of(row, message.officer_id) else ()) for row in rows)

    def _passkeys(self, act: dict[str, Any]) -> tuple[bytes, ...]:
        """Those that approve as the owner; none where the archive that the act keeps is damaged."""
        try:
            return self.archives.seal.open(act["archive"]).key.credential_ids
        except Refused:
            return ()

    def _open_act(self, act_id: str, by: str) -> dict[str, Any]:
        with self.foundation.database.read() as connection:
            act = self.foundation.find(connection, backup_act, act_id=act_id)
        if act is None or (by and by not in (*_names(act["officers"]), act["user_id"])):
            raise NotFound("there is no such act to approve", hint="Begin again.")
        if act["used_at"]:
            raise AlreadyUsed("this was approved, or refused too often, before", hint="Begin again.")
        if act["expires_at"] < self.foundation.now():
            raise Expired("the time for this has passed", hint="Begin again.")
        return act

    def _is_officers(self, act: dict[str, Any], credential_id: bytes) -> bool:
        with self.foundation.database.read() as connection:
            return any(one["credential_id"] == credential_id for one in self._two(connection, _names(act["officers"])))

    def _take_officers(self, act: dict[str, Any], message: ApproveKeyBackup) -> KeyBackupStep:
        foundation = self.foundation
        with foundation.database.read() as connection:
            two = self._two(connection, _names(act["officers"]))
        who = next(one for one in two if one["credential_id"] == message.assertion.credential_id)
        if message.by not in ("", who["user_id"]):
            raise ApprovalRefused("this is not your passkey", hint="Approve with your own.")
        approved = _names(act["approved_by"])
        if who["user_id"] in approved:
            raise AlreadyUsed("this officer approved it before", hint="The other one must.")
        count = self.officers.verify_approval(who, act["record"], message.assertion)
        approved = (*approved, who["user_id"])
        last = act["kind"] == ARCHIVE and len(approved) == 2
        with foundation.database.write() as connection:
            # Again, for the other one may have been removed a moment ago.
            self._two(connection, _names(act["officers"]))
            changes = {"approved_by": " ".join(approved), "used_at": foundation.now() if last else 0}
            taken = foundation.update(connection, backup_act, act, **changes)
            if not (taken and foundation.update(connection, officer, who, sign_count=count)):
                raise Conflict("another approval was a moment earlier", hint="Approve again.")
        if not last:
            return KeyBackupStep(waiting_for=_waiting_for(act, approved))
        names = [act["key_id"]] if act["key_id"] else self.archives.without_one()
        made = [self.archives.make(name, approved, act["act_id"]) for name in names]
        return KeyBackupStep(waiting_for=(), archives=tuple(made))

    def _take_owners(self, act: dict[str, Any], message: ApproveKeyBackup) -> KeyBackupStep:
        foundation = self.foundation
        if act["kind"] != RESTORE:
            raise ApprovalRefused("only the two officers approve this", hint="Use the passkey of one of them.")
        approved = _names(act["approved_by"])
        if len(approved) != 2:
            raise Forbidden("both officers approve before the signer does", hint="Wait for them.")
        archive = self.restorer.examine(act["archive"], act["user_id"])
        sign_counts = self.keys.verify_owner(archive.key, act["record"], message.assertion)
        # One at a time: tries at one instant would each be compared with a log that does not tell of the others.
        with self._restoring:
            earlier = open_tries(foundation, act["key_id"])
            with foundation.database.write() as connection:
                self._two(connection, approved)
                # Spent before the PIN is tried, so one assertion is one try.
                if not begin_try(foundation, connection, act):
                    raise Conflict("another approval was a moment earlier", hint="Begin again.")
            try:
                info = HPKE_INFO_RESTORE + challenge_of(act["record"])
                pin = self.opener.open(message.sealed_pin, info, PINSecret).pin
                trial = Trial(act["act_id"], approved, pin, untold=len(earlier))
                key = self.restorer.restore(archive, trial, sign_counts)
            except Refused:
                end_try(foundation, act["act_id"])
                raise
            for act_id in (*earlier, act["act_id"]):
                end_try(foundation, act_id)
        return KeyBackupStep(waiting_for=(), key=key)

    def _note_refusal(self, act_id: str, refusal: Refused) -> None:
        foundation = self.foundation
        with foundation.database.write() as connection:
            act = foundation.find(connection, backup_act, lock=True, act_id=act_id)
            if act is None or act["refusals"] >= MOST_REFUSALS:
                return
            refusals = act["refusals"] + 1
            used_at = act["used_at"] or (foundation.now() if refusals >= MOST_REFUSALS else 0)
            foundation.update(connection, backup_act, act, refusals=refusals, used_at=used_at)
        public = {"key": act["key_id"], "kind": act["kind"], "reason": refusal.code}
        foundation.journal.record("key-backup-refused", public=public, private={"act": act_id})


def _names(column: str) -> tuple[str, ...]:
    return tuple(column.split())


def _waiting_for(act: dict[str, Any], approved: tuple[str, ...]) -> tuple[str, ...]:
    officers = tuple(name for name in _names(act["officers"]) if name not in approved)
    return (*officers, *((act["user_id"],) if act["kind"] == RESTORE else ()))


def _is_turn_of(act: dict[str, Any], officer_id: str) -> bool:
    return officer_id in _names(act["officers"]) and officer_id not in _names(act["approved_by"])


def _waiting(act: dict[str, Any], credential_ids: tuple[bytes, ...]) -> WaitingAct:
    return WaitingAct(
        act_id=act["act_id"],
        kind=act["kind"],
        key_id=act["key_id"],
        user_id=act["user_id"],
        officers=_names(act["officers"]),
        approved_by=_names(act["approved_by"]),
        record=act["record"],
        challenge=challenge_of(act["record"]),
        credential_ids=credential_ids,
        expires_at=act["expires_at"],
    )
