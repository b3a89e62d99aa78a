"""Documents in DB-1. Every function takes the owner's id and finds nothing that is somebody else's."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from natsuin.clock import Clock, milliseconds
from natsuin.documents import DocumentFacts, Placement
from natsuin.errors import Conflict, NotFound, TooLarge
from natsuin.storage import Database
from natsuin.web.instruction_store import approval_under_way
from natsuin.web.tables import document, document_bytes, instruction

MAX_LISTED = 500


class StorageQuota(TooLarge):
    """The person's documents together would be above the limit."""

    code = "storage_quota"


@dataclass(frozen=True)
class StoredDocument:
    """Facts about one document. `state` is ready, waiting (for approval), signing or signed; times in milliseconds."""

    document_id: str
    name: str
    size: int
    sha256: bytes
    pages: tuple[tuple[float, float], ...]
    """Width and height in points, as displayed."""
    warnings: tuple[str, ...]
    existing_signatures: int
    marks: tuple[Placement, ...]
    """What stands on the pages already and a new mark should not cover."""
    state: str
    created_at: int
    signed_at: int | None
    signed_size: int | None
    signed_sha256: bytes | None


@dataclass(frozen=True)
class NewDocument:
    """A document that was inspected and is to be kept."""

    name: str
    content: bytes
    sha256: bytes
    facts: DocumentFacts


class DocumentStore:
    """The documents of one database. Thread safe; every change is durable on return."""

    def __init__(self, database: Database, clock: Clock, *, max_bytes_per_person: int) -> None:
        self._database = database
        self._clock = clock
        self._max_bytes_per_person = max_bytes_per_person

    def add(self, owner_id: str, added: NewDocument) -> StoredDocument:
        """Keep a document. Raises `StorageQuota` if the owner has too much already."""
        document_id = f"d-{secrets.token_hex(15)}"
        size = len(added.content)
        with self._database.write() as connection:
            self._require_room(connection, owner_id, size)
            connection.execute(
                sa.insert(document).values(
                    document_id=document_id,
                    owner_id=owner_id,
                    name=added.name,
                    size=size,
                    sha256=added.sha256,
                    pages=[[page.width, page.height] for page in added.facts.pages],
                    warnings=list(added.facts.warnings),
                    existing_signatures=added.facts.existing_signatures,
                    marks=[asdict(mark) for mark in added.facts.marks],
                    state="ready",
                    created_at=milliseconds(self._clock.now()),
                )
            )
            connection.execute(
                sa.insert(document_bytes).values(document_id=document_id, kind="original", content=added.content)
            )
        return self.require(owner_id, document_id)

    def require(self, owner_id: str, document_id: str) -> StoredDocument:
        """The document. Raises `NotFound` if there is none of this owner."""
        with self._database.read() as connection:
            row = connection.execute(self._select(owner_id).where(document.c.document_id == document_id)).one_or_none()
        if row is None:
            raise NotFound("there is no such document")
        return _stored(row)

    def of(self, owner_id: str, *, most: int = MAX_LISTED) -> tuple[StoredDocument, ...]:
        """The owner's documents, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(self._select(owner_id).order_by(document.c.created_at.desc()).limit(most)).all()
        return tuple(_stored(row) for row in rows)

    def content(self, owner_id: str, document_id: str, *, kind: str = "original") -> bytes:
        """The bytes: `original` as uploaded, `signed` as finished. Raises `NotFound`."""
        with self._database.read() as connection:
            found = connection.execute(
                sa.select(document_bytes.c.content)
                .join(document, document.c.document_id == document_bytes.c.document_id)
                .where(
                    document.c.document_id == document_id,
                    document.c.owner_id == owner_id,
                    document_bytes.c.kind == kind,
                )
            ).scalar_one_or_none()
        if found is None:
            raise NotFound("there is no such document, or it is not signed yet")
        return bytes(found)

    def remove(self, owner_id: str, document_id: str) -> None:
        """Delete a document and its bytes. What was signed stays in the history by name.

        Raises `NotFound`, and `Conflict` while an approval is under way or a released signature waits to be embedded:
        the signature would be lost.
        """
        with self._database.write() as connection:
            state = connection.execute(
                sa.select(document.c.state)
                .where(document.c.document_id == document_id, document.c.owner_id == owner_id)
                .with_for_update()
            ).scalar_one_or_none()
            if state is None:
                raise NotFound("there is no such document")
            if state == "signing":
                raise Conflict("a signature of this document is kept and not yet embedded", hint="Finish it first.")
            approved = connection.execute(
                sa.select(instruction.c.instruction_id).where(
                    instruction.c.document_id == document_id, instruction.c.state == "activated"
                )
            ).first()
            if approved is not None:
                raise approval_under_way()
            connection.execute(sa.delete(document).where(document.c.document_id == document_id))

    def _select(self, owner_id: str) -> sa.Select[Any]:
        now = milliseconds(self._clock.now())
        waiting = (
            sa.exists()
            .where(
                instruction.c.document_id == document.c.document_id,
                instruction.c.state.in_(("waiting", "activated")),
                instruction.c.expires_at > now,
            )
            .correlate(document)
        )
        state = sa.case((sa.and_(document.c.state == "ready", waiting), "waiting"), else_=document.c.state)
        columns = [
            state.label("state") if name == "state" else document.c[name]
            for name in StoredDocument.__dataclass_fields__
        ]
        return sa.select(*columns).where(document.c.owner_id == owner_id)

    def _require_room(self, connection: Connection, owner_id: str, size: int) -> None:
        used = connection.execute(
            sa.select(
                sa.func.coalesce(sa.func.sum(document.c.size + sa.func.coalesce(document.c.signed_size, 0)), 0)
            ).where(document.c.owner_id == owner_id)
        ).scalar_one()
        if int(used) + size > self._max_bytes_per_person:
            raise StorageQuota("your documents together would be above the limit")


def _stored(row: Sequence[Any]) -> StoredDocument:
    values = dict(zip(StoredDocument.__dataclass_fields__, row, strict=True))
    values["pages"] = tuple((float(width), float(height)) for width, height in values["pages"])
    values["warnings"] = tuple(values["warnings"])
    values["marks"] = tuple(Placement(**mark) for mark in values["marks"])
    return StoredDocument(**values)
