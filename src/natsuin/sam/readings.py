"""An auditor's time of reading: begun by an act that the auditor's passkey approves, over after half an hour.

What is open is known to this process's memory only, so a new start of sam ends every reading. Web is given a secret
for it and could read in the auditor's place for that time, within the bounds below, and with an entry for each answer.
"""

import hashlib
import os
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from natsuin.clock import milliseconds
from natsuin.errors import ApprovalRefused, Busy, Conflict, Expired, Forbidden, NotFound
from natsuin.key_management import Duty, Officers, Record, make_record, new_identifier, officer
from natsuin.plain_text import plain_text
from natsuin.sam.protocol import (
    Act,
    BeginReading,
    EndReading,
    ProposeReading,
    ReadingBegun,
    ReadingEnded,
)

LIFE: Final = timedelta(minutes=30)
ANSWERS: Final = 500
"""What is answered in one reading; each answer is an entry, and the log must not grow without an approval."""
OPENINGS: Final = 1000
"""Entries that are opened in one reading."""
_PROPOSAL_LIFE: Final = timedelta(minutes=10)
_MOST_OPEN: Final = 1000
_LONGEST_PURPOSE: Final = 200


class ReadingOver(Forbidden):
    """No reading is open under that secret, or it is somebody else's, or all that one reading may ask was asked."""

    code = "reading_over"


@dataclass
class Reading:
    """An open reading. `expires_at` in milliseconds."""

    name: str
    auditor_id: str
    expires_at: int
    answers: int
    """What it may still ask."""
    openings: int
    """What it may still open."""


@dataclass(frozen=True)
class _Proposal:
    auditor_id: str
    purpose: str
    record: Record


@dataclass(frozen=True)
class Readings:
    """Opens and closes readings. Safe from several threads."""

    officers: Officers
    _proposals: dict[str, _Proposal] = field(default_factory=dict)
    _open: dict[bytes, Reading] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def propose(self, message: ProposeReading) -> Act:
        """The record that the auditor's passkey must approve. Raises `Forbidden` for everybody else."""
        foundation = self.officers.foundation
        purpose = plain_text(message.purpose, "the purpose", most=_LONGEST_PURPOSE, required=True)
        fields = {
            "auditor": message.auditor_id,
            "purpose": purpose,
            "minutes": LIFE // timedelta(minutes=1),
        }
        with foundation.database.read() as connection:
            row = self.officers.require(connection, message.auditor_id, Duty.READ_LOG)
        rp_id = foundation.relying_party.rp_id
        record = make_record("read-log", rp_id, fields, clock=foundation.clock, life=_PROPOSAL_LIFE)
        with self._lock:
            self._forget_what_is_over()
            if len(self._proposals) >= _MOST_OPEN:
                raise Busy("too many readings were proposed", hint="Try again in some minutes.")
            self._proposals[record.identifier] = _Proposal(message.auditor_id, purpose, record)
        return Act(
            act_id=record.identifier,
            record=record.content,
            challenge=record.challenge,
            credential_ids=(row["credential_id"],),
            expires_at=record.expires_at,
        )

    def begin(self, message: BeginReading) -> ReadingBegun:
        """Open a reading; the log tells of it before. Raises `NotFound`, `Expired`, `ApprovalRefused`, `Forbidden`."""
        foundation = self.officers.foundation
        with self._lock:
            proposal = self._proposals.pop(message.act_id, None)
        if proposal is None:
            raise NotFound("there is no such act to approve", hint="Begin again.")
        if proposal.record.expires_at < foundation.now():
            raise Expired("the time for this has passed", hint="Begin again.")
        with foundation.database.read() as connection:
            row = self.officers.require(connection, proposal.auditor_id, Duty.READ_LOG)
        try:
            count = self.officers.verify_approval(row, proposal.record.content, message.assertion)
        except ApprovalRefused as refusal:
            foundation.journal.record(
                "audit-refused",
                public={"reason": refusal.code},
                private={"auditor": proposal.auditor_id, "act": message.act_id},
            )
            raise
        with foundation.database.write() as connection:
            if not foundation.update(connection, officer, row, sign_count=count):
                raise Conflict("another approval was a moment earlier", hint="Begin again.")
        ends = milliseconds(foundation.clock.now() + LIFE)
        reading = Reading(new_identifier(), proposal.auditor_id, ends, answers=ANSWERS, openings=OPENINGS)
        foundation.journal.record(
            "audit-begun",
            private={
                "auditor": proposal.auditor_id,
                "reading": reading.name,
                "purpose": proposal.purpose,
                "act": message.act_id,
                "record_sha256": hashlib.sha256(proposal.record.content).hexdigest(),
            },
        )
        secret = os.urandom(32)
        with self._lock:
            self._open[_hash(secret)] = reading
        return ReadingBegun(auditor_id=reading.auditor_id, reading=secret, expires_at=reading.expires_at)

    def end(self, message: EndReading) -> ReadingEnded:
        """Close a reading. Answers alike whether there was one."""
        with self._lock:
            found = self._open.get(_hash(message.reading))
            if found is not None and found.auditor_id == message.auditor_id:
                del self._open[_hash(message.reading)]
        return ReadingEnded()

    def take(self, secret: bytes, auditor_id: str, *, openings: int = 0) -> Reading:
        """Count one answer of an open reading, with so many openings.

        Raises `ReadingOver`, and `Forbidden` if who opened it is no auditor any more.
        """
        foundation = self.officers.foundation
        with foundation.database.read() as connection:
            self.officers.require(connection, auditor_id, Duty.READ_LOG)
        with self._lock:
            self._forget_what_is_over()
            found = self._open.get(_hash(secret))
            if found is None or found.auditor_id != auditor_id:
                raise ReadingOver("no reading of yours is open", hint="Begin a new one with your passkey.")
            if not found.answers or found.openings < openings:
                raise ReadingOver("this is more than one reading may ask", hint="Begin a new one with your passkey.")
            found.answers -= 1
            found.openings -= openings
            return found

    def _forget_what_is_over(self) -> None:
        now = self.officers.foundation.now()
        for act_id in [act_id for act_id, one in self._proposals.items() if one.record.expires_at < now]:
            del self._proposals[act_id]
        for name in [name for name, one in self._open.items() if one.expires_at <= now]:
            del self._open[name]


def _hash(secret: bytes) -> bytes:
    """Looking up by hash takes a time that says nothing about the secret."""
    return hashlib.sha256(b"natsuin/reading/v1\0" + secret).digest()
