"""What web remembers of instructions in DB-1. sam's own record decides; this one finds the document and keeps the
result."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from natsuin.clock import Clock, milliseconds
from natsuin.errors import Conflict, NotFound
from natsuin.storage import Database
from natsuin.web.tables import document, document_bytes, instruction

MAX_LISTED = 500


@dataclass(frozen=True)
class StoredInstruction:
    """One instruction, without the bytes that belong to it. Times in milliseconds.

    `state`: waiting (for approval), activated (an application holds the SAD, or a document's approval is on its way to
    sam and not refused), released (sam gave the signature out and it is kept here), finished (embedded), cancelled.
    """

    instruction_id: str
    owner_id: str
    document_id: str | None
    document_name: str
    key_id: str
    scheme: str
    reason: str
    count: int
    state: str
    created_at: int
    expires_at: int
    finished_at: int | None
    certificate: bytes
    receipt: str | None


@dataclass(frozen=True)
class NewInstruction:
    """An instruction that sam has just recorded. `prepared` is empty where an application brought digests."""

    instruction_id: str
    document_id: str | None
    document_name: str
    key_id: str
    scheme: str
    reason: str
    count: int
    expires_at: int
    certificate: bytes
    prepared: bytes = b""


class InstructionStore:
    """The instructions of one database. Thread safe; every change is durable on return."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, owner_id: str, added: NewInstruction) -> tuple[str, ...]:
        """Remember an instruction. Returns the ids of earlier ones for the same document, which it replaces.

        Raises `Conflict` if the document was signed or deleted in the meantime, or its approval is under way.
        """
        with self._database.write() as connection:
            replaced: tuple[str, ...] = ()
            if added.document_id is not None:
                self._require_ready(connection, owner_id, added.document_id)
                self._require_no_approval(connection, added.document_id)
                replaced = self._replace(connection, added.document_id)
            connection.execute(
                sa.insert(instruction).values(
                    instruction_id=added.instruction_id,
                    owner_id=owner_id,
                    document_id=added.document_id,
                    document_name=added.document_name,
                    key_id=added.key_id,
                    scheme=added.scheme,
                    reason=added.reason,
                    count=added.count,
                    state="waiting",
                    created_at=milliseconds(self._clock.now()),
                    expires_at=added.expires_at,
                    certificate=added.certificate,
                    prepared=added.prepared or None,
                )
            )
        return replaced

    def require(self, owner_id: str, instruction_id: str) -> StoredInstruction:
        """The instruction. Raises `NotFound` if there is none of this owner."""
        return self._one(owner_id, instruction.c.instruction_id == instruction_id)

    def of_document(self, owner_id: str, document_id: str) -> StoredInstruction:
        """The instruction whose signature the document carries or is about to carry. Raises `NotFound`."""
        return self._one(
            owner_id,
            sa.and_(instruction.c.document_id == document_id, instruction.c.state.in_(("released", "finished"))),
        )

    def documents_of(self, owner_id: str, instruction_ids: Collection[str]) -> dict[str, tuple[str | None, str]]:
        """Of each of these instructions of the owner that is known here: its document's id, if it is still there, and
        the name it had."""
        columns = (instruction.c.instruction_id, instruction.c.document_id, instruction.c.document_name)
        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(*columns).where(
                    instruction.c.owner_id == owner_id, instruction.c.instruction_id.in_(instruction_ids)
                )
            ).all()
        return {row.instruction_id: (row.document_id, row.document_name) for row in rows}

    def released(self) -> tuple[StoredInstruction, ...]:
        """Everybody's instructions whose signature is kept and not yet embedded, oldest first."""
        return self._some(instruction.c.state == "released")

    def approved(self) -> tuple[StoredInstruction, ...]:
        """Everybody's instructions for documents whose approval went to sam without an outcome yet, oldest first."""
        return self._some(sa.and_(instruction.c.state == "activated", instruction.c.document_id.is_not(None)))

    def approved_of(self, owner_id: str, document_id: str) -> StoredInstruction | None:
        """The instruction for this document whose approval went to sam without an outcome yet, if there is one."""
        found = self._some(
            sa.and_(
                instruction.c.state == "activated",
                instruction.c.document_id == document_id,
                instruction.c.owner_id == owner_id,
            )
        )
        return found[0] if found else None

    def prepared(self, instruction_id: str) -> bytes:
        """The prepared document of an instruction that is not over. Raises `Conflict` if it was dropped."""
        return self._bytes(instruction_id, "prepared")

    def signature(self, instruction_id: str) -> bytes:
        """The released signature. Raises `Conflict` if there is none yet."""
        return self._bytes(instruction_id, "signature")

    def begin_approval(self, instruction_id: str) -> None:
        """Note that an approval goes to sam: from now on nothing replaces the instruction. Raises `Conflict` if it is
        over."""
        with self._database.write() as connection:
            begun = connection.execute(
                sa.update(instruction)
                .where(
                    instruction.c.instruction_id == instruction_id, instruction.c.state.in_(("waiting", "activated"))
                )
                .values(state="activated")
            ).rowcount
        if begun != 1:
            raise Conflict("the instruction was cancelled or replaced", hint="Start again from the document.")

    def note_refused(self, instruction_id: str) -> None:
        """Note that sam refused the approval: the instruction waits again, and another may replace it."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(instruction)
                .where(instruction.c.instruction_id == instruction_id, instruction.c.state == "activated")
                .values(state="waiting")
            )

    def note_activated(self, owner_id: str, instruction_id: str, *, sad: bytes) -> None:
        """Remember that an application holds the SAD, by its hash, so that only this owner's session may use it."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(instruction)
                .where(
                    instruction.c.instruction_id == instruction_id,
                    instruction.c.owner_id == owner_id,
                    instruction.c.state.in_(("waiting", "activated")),
                )
                .values(state="activated", sad_hash=hashlib.sha256(sad).digest())
            )

    def owner_of_sad(self, sad_hash: bytes) -> str | None:
        """Whose instruction was activated with this SAD (SHA-256), or None."""
        with self._database.read() as connection:
            return connection.execute(
                sa.select(instruction.c.owner_id).where(instruction.c.sad_hash == sad_hash)
            ).scalar_one_or_none()

    def keep_signature(self, instruction_id: str, signature: bytes, receipt: str) -> None:
        """Keep a signature the moment it was released. Keeping it again changes nothing."""
        with self._database.write() as connection:
            kept = connection.execute(
                sa.update(instruction)
                .where(instruction.c.instruction_id == instruction_id, instruction.c.signature.is_(None))
                .values(state="released", signature=signature, receipt=receipt)
                .returning(instruction.c.document_id)
            ).one_or_none()
            if kept is not None and kept.document_id is not None:
                connection.execute(
                    sa.update(document)
                    .where(document.c.document_id == kept.document_id, document.c.state == "ready")
                    .values(state="signing")
                )

    def finish(self, instruction_id: str, document_id: str, content: bytes) -> None:
        """Keep the signed document. The first one kept stands; finishing again changes nothing."""
        now = milliseconds(self._clock.now())
        with self._database.write() as connection:
            first = connection.execute(
                sa.update(instruction)
                .where(instruction.c.instruction_id == instruction_id, instruction.c.state == "released")
                .values(state="finished", finished_at=now, prepared=None)
            ).rowcount
            if first != 1:
                return
            connection.execute(
                sa.insert(document_bytes).values(document_id=document_id, kind="signed", content=content)
            )
            connection.execute(
                sa.update(document)
                .where(document.c.document_id == document_id)
                .values(
                    state="signed",
                    signed_at=now,
                    signed_size=len(content),
                    signed_sha256=hashlib.sha256(content).digest(),
                )
            )

    def note_cancelled(self, owner_id: str, instruction_id: str) -> None:
        """Remember that the instruction is over without a signature."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(instruction)
                .where(
                    instruction.c.instruction_id == instruction_id,
                    instruction.c.owner_id == owner_id,
                    instruction.c.state.in_(("waiting", "activated")),
                )
                .values(state="cancelled", prepared=None)
            )

    def drop_expired(self, *, keep_milliseconds: int = 3_600_000) -> int:
        """Drop the prepared documents of instructions that nobody approved in time. Returns how many."""
        before = milliseconds(self._clock.now()) - keep_milliseconds
        with self._database.write() as connection:
            return connection.execute(
                sa.update(instruction)
                .where(
                    instruction.c.state == "waiting",
                    instruction.c.expires_at < before,
                    instruction.c.prepared.is_not(None),
                )
                .values(prepared=None)
            ).rowcount

    def _one(self, owner_id: str, condition: sa.ColumnElement[bool]) -> StoredInstruction:
        with self._database.read() as connection:
            row = connection.execute(
                sa.select(*_COLUMNS)
                .where(instruction.c.owner_id == owner_id, condition)
                .order_by(instruction.c.created_at)
                .limit(1)
            ).one_or_none()
        if row is None:
            raise NotFound("there is no such instruction")
        return StoredInstruction(*row)

    def _some(self, condition: sa.ColumnElement[bool]) -> tuple[StoredInstruction, ...]:
        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(*_COLUMNS).where(condition).order_by(instruction.c.created_at).limit(MAX_LISTED)
            ).all()
        return tuple(StoredInstruction(*row) for row in rows)

    def _bytes(self, instruction_id: str, column: str) -> bytes:
        with self._database.read() as connection:
            found: Any = connection.execute(
                sa.select(instruction.c[column]).where(instruction.c.instruction_id == instruction_id)
            ).scalar_one_or_none()
        if found is None:
            raise Conflict("this instruction is over", hint="Start again from the document.")
        return bytes(found)

    def _require_ready(self, connection: Connection, owner_id: str, document_id: str) -> None:
        state = connection.execute(
            sa.select(document.c.state)
            .where(document.c.document_id == document_id, document.c.owner_id == owner_id)
            .with_for_update()
        ).scalar_one_or_none()
        if state != "ready":
            raise Conflict("the document was signed or deleted in the meantime")

    def _require_no_approval(self, connection: Connection, document_id: str) -> None:
        under_way = connection.execute(
            sa.select(instruction.c.instruction_id).where(
                instruction.c.document_id == document_id, instruction.c.state == "activated"
            )
        ).first()
        if under_way is not None:
            raise approval_under_way()

    def _replace(self, connection: Connection, document_id: str) -> tuple[str, ...]:
        return tuple(
            connection.execute(
                sa.update(instruction)
                .where(instruction.c.document_id == document_id, instruction.c.state == "waiting")
                .values(state="cancelled", prepared=None)
                .returning(instruction.c.instruction_id)
            ).scalars()
        )


def approval_under_way() -> Conflict:
    """What somebody is told who wants to change what is being approved."""
    return Conflict("an approval of this document is under way", hint="Wait for its outcome, or approve again.")


_COLUMNS = [instruction.c[name] for name in StoredInstruction.__dataclass_fields__]
