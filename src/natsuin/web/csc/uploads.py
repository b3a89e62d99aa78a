"""Whole documents of applications: uploaded before anybody is asked, shown and signed in the portal as the person's
own, and given back signed by signatures/signDoc.

The CSC API brings a document only after the approval of its hash, when nobody can look at it any more. Here it comes
first (`POST /csc/v2/documents`, an addition to the API), so that the person reads exactly what is signed.
"""

import base64
import hashlib
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from anyio import to_thread
from starlette.requests import Request

from natsuin.authentication.oauth import SERVICE, Access, OAuthRefused
from natsuin.clock import Clock, milliseconds
from natsuin.errors import Conflict, Malformed, NatsuinError, NotFound
from natsuin.storage import Database
from natsuin.web.api.documents import NAME_HEADER, document_name
from natsuin.web.csc.bodies import refused
from natsuin.web.document_store import DocumentStore, NewDocument, StoredDocument
from natsuin.web.document_work import DocumentWork
from natsuin.web.requests import media_type
from natsuin.web.tables import csc_upload, document

MOST_UNSIGNED: Final = 20
"""So many documents of one client may lie unsigned with one person."""
KEPT: Final = timedelta(hours=24)
"""How long a document lies that is not signed."""


class Uploads:
    """The documents that applications brought. Thread safe but for `take`, which is for the event loop."""

    def __init__(self, database: Database, clock: Clock, documents: DocumentStore, work: DocumentWork) -> None:
        self._database = database
        self._clock = clock
        self.documents = documents
        self._work = work

    async def take(self, access: Access, request: Request) -> dict[str, Any]:
        """Look at a PDF in a child process and keep it among the person's documents. The same document again is the
        same one. Raises `OAuthRefused`, and what is wrong with the document in words for programs."""
        if access.scope != SERVICE:
            raise OAuthRefused("unauthorized_client", "The client is not authorized to use this method.")
        if media_type(request) != "application/pdf":
            raise refused("the body must be application/pdf")
        content = await request.body()
        digest = await to_thread.run_sync(lambda: hashlib.sha256(content).digest())
        found = await to_thread.run_sync(self.find, access.client_id, access.user_id, digest)
        if found is None:
            if await to_thread.run_sync(self._unsigned, access) >= MOST_UNSIGNED:
                raise refused("Too many documents wait for this person's signature.", "temporarily_unavailable")
            try:
                name = document_name(request.headers.get(NAME_HEADER, ""))
            except Malformed as cause:
                raise refused(f"Invalid header {NAME_HEADER}: {cause.message}") from cause
            facts = await self._work.inspect(access.user_id, content)
            added = NewDocument(name=name, content=content, sha256=digest, facts=facts)
            found = await to_thread.run_sync(self._add, access, added)
        told = {
            "documentID": found.document_id,
            "hash": base64.b64encode(digest).decode(),
            "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
        }
        return told | {"size": found.size}

    def find(self, client_id: str, owner_id: str, sha256: bytes) -> StoredDocument | None:
        """The newest document with this SHA-256 that the client brought to this person, if it is still there."""
        query = (
            sa.select(csc_upload.c.document_id)
            .where(
                csc_upload.c.client_id == client_id, csc_upload.c.owner_id == owner_id, csc_upload.c.sha256 == sha256
            )
            .order_by(csc_upload.c.created_at.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            document_id = connection.execute(query).scalar_one_or_none()
        with suppress(NotFound):
            return None if document_id is None else self.documents.require(owner_id, document_id)
        return None

    def purge(self) -> int:
        """Delete what was not signed in time. Returns how many."""
        before = milliseconds(self._clock.now() - KEPT)
        query = (
            sa.select(csc_upload.c.owner_id, csc_upload.c.document_id)
            .join(document, document.c.document_id == csc_upload.c.document_id)
            .where(csc_upload.c.created_at <= before, document.c.state == "ready")
        )
        with self._database.read() as connection:
            over = connection.execute(query).all()
        removed = 0
        for owner_id, document_id in over:
            # One that is being approved at this moment stays for the next round.
            with suppress(Conflict, NotFound):
                self.documents.remove(owner_id, document_id)
                removed += 1
        return removed

    def _unsigned(self, access: Access) -> int:
        query = (
            sa.select(sa.func.count())
            .select_from(csc_upload)
            .join(document, document.c.document_id == csc_upload.c.document_id)
            .where(
                csc_upload.c.client_id == access.client_id,
                csc_upload.c.owner_id == access.user_id,
                document.c.state == "ready",
            )
        )
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def _add(self, access: Access, added: NewDocument) -> StoredDocument:
        stored = self.documents.add(access.user_id, added)
        row = {
            "document_id": stored.document_id,
            "client_id": access.client_id,
            "owner_id": access.user_id,
            "sha256": added.sha256,
            "created_at": milliseconds(self._clock.now()),
        }
        try:
            with self._database.write() as connection:
                connection.execute(sa.insert(csc_upload).values(**row))
        except BaseException:
            with suppress(NatsuinError):
                self.documents.remove(access.user_id, stored.document_id)
            raise
        return stored
