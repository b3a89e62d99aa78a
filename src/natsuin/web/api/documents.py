"""A person's own documents: upload, look, download, delete."""

import hashlib
from typing import Any
from urllib.parse import unquote_to_bytes

from anyio import to_thread
from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from natsuin.errors import Malformed
from natsuin.plain_text import plain_text
from natsuin.sam.protocol import Evidence, EvidenceBundle
from natsuin.web.api.fields import Empty
from natsuin.web.callers import Access
from natsuin.web.document_signing import DocumentSigning
from natsuin.web.document_store import DocumentStore, NewDocument, StoredDocument
from natsuin.web.document_work import DocumentWork
from natsuin.web.downloads import download, renamed
from natsuin.web.instruction_store import InstructionStore
from natsuin.web.problems import UnsupportedMediaType
from natsuin.web.requests import media_type
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn, caller_of
from natsuin.web.sam_calls import Sam, ask

NAME_HEADER = "x-document-name"
MAX_NAME = 200


def document_json(stored: StoredDocument) -> dict[str, Any]:
    """A document as the API tells it."""
    return {
        "id": stored.document_id,
        "name": stored.name,
        "size": stored.size,
        "sha256": stored.sha256.hex(),
        "pages": [{"width": width, "height": height} for width, height in stored.pages],
        "warnings": list(stored.warnings),
        "existing_signatures": stored.existing_signatures,
        "state": stored.state,
        "created_at": stored.created_at,
        "signed_at": stored.signed_at,
        "signed_size": stored.signed_size,
        "signed_sha256": stored.signed_sha256.hex() if stored.signed_sha256 else None,
    }


class DocumentAPI:
    """`/api/documents/...`."""

    def __init__(
        self,
        sam: Sam,
        *,
        documents: DocumentStore,
        instructions: InstructionStore,
        signing: DocumentSigning,
        work: DocumentWork,
    ) -> None:
        self._sam = sam
        self._documents = documents
        self._instructions = instructions
        self._signing = signing
        self._work = work

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        routes.add_plain("POST", "/api/documents", self.upload, access=Access.SIGNER)
        routes.add("GET", "/api/documents", self.list, access=Access.SIGNER)
        routes.add("GET", "/api/documents/{document_id}", self.describe, access=Access.SIGNER)
        routes.add("DELETE", "/api/documents/{document_id}", self.remove, access=Access.SIGNER, status_code=204)
        routes.add("GET", "/api/documents/{document_id}/content", self.content, access=Access.SIGNER)
        routes.add("GET", "/api/documents/{document_id}/signed", self.signed, access=Access.SIGNER)
        routes.add("GET", "/api/documents/{document_id}/receipt", self.receipt, access=Access.SIGNER)
        routes.add("GET", "/api/documents/{document_id}/evidence", self.evidence, access=Access.SIGNER)
        routes.add("POST", "/api/documents/{document_id}/finish", self.finish, access=Access.SIGNER)

    async def upload(self, request: Request) -> Response:
        """Take a PDF as it is, look at it in a child process, keep it."""
        if media_type(request) != "application/pdf":
            raise UnsupportedMediaType("the body must be application/pdf")
        name = document_name(request.headers.get(NAME_HEADER, ""))
        content = await request.body()
        owner_id = caller_of(request).user_id
        facts = await self._work.inspect(owner_id, content)
        digest = await to_thread.run_sync(lambda: hashlib.sha256(content).digest())
        added = NewDocument(name=name, content=content, sha256=digest, facts=facts)
        stored = await to_thread.run_sync(self._documents.add, owner_id, added)
        return JSONResponse(document_json(stored), status_code=201)

    async def list(self, caller: SignedIn) -> dict[str, Any]:
        """The caller's documents, newest first."""
        stored = await to_thread.run_sync(self._documents.of, caller.user_id)
        return {"documents": [document_json(one) for one in stored]}

    async def describe(self, document_id: Identifier, caller: SignedIn) -> dict[str, Any]:
        """Facts about one document."""
        return document_json(await to_thread.run_sync(self._documents.require, caller.user_id, document_id))

    async def remove(self, document_id: Identifier, caller: SignedIn, body: Empty | None = None) -> Response:
        """Delete one document, signed or not."""
        await self._signing.settle(caller.user_id, document_id)
        await to_thread.run_sync(self._documents.remove, caller.user_id, document_id)
        return Response(status_code=204)

    async def content(self, document_id: Identifier, caller: SignedIn) -> Response:
        """Exactly the bytes whose hash the record names."""
        stored = await to_thread.run_sync(self._documents.require, caller.user_id, document_id)
        content = await to_thread.run_sync(self._documents.content, caller.user_id, document_id)
        return download(content, name=stored.name, media_type="application/pdf")

    async def signed(self, document_id: Identifier, caller: SignedIn) -> Response:
        """The signed document."""
        stored = await to_thread.run_sync(self._documents.require, caller.user_id, document_id)
        content = await to_thread.run_sync(lambda: self._documents.content(caller.user_id, document_id, kind="signed"))
        return download(content, name=renamed(stored.name, suffix="-signed.pdf"), media_type="application/pdf")

    async def receipt(self, document_id: Identifier, caller: SignedIn) -> Response:
        """The log's receipt (C2SP tlog-proof)."""
        stored = await to_thread.run_sync(self._documents.require, caller.user_id, document_id)
        found = await to_thread.run_sync(self._instructions.of_document, caller.user_id, document_id)
        name = renamed(stored.name, suffix="-signed.pdf.tlog-proof")
        return download((found.receipt or "").encode(), name=name, media_type="text/plain")

    async def evidence(self, document_id: Identifier, caller: SignedIn) -> Response:
        """Everything that shows that and how the owner approved, from sam."""
        stored = await to_thread.run_sync(self._documents.require, caller.user_id, document_id)
        found = await to_thread.run_sync(self._instructions.of_document, caller.user_id, document_id)
        message = Evidence(instruction_id=found.instruction_id, user_id=caller.user_id)
        bundle = await ask(self._sam, message, EvidenceBundle)
        name = renamed(stored.name, suffix="-evidence.json")
        return download(bundle.document, name=name, media_type="application/json")

    async def finish(self, document_id: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, str]:
        """Embed a signature that was released before and could not be embedded then. Asks for no approval."""
        return {"document_id": await self._signing.finish(caller.user_id, document_id), "state": "signed"}


def document_name(header: str) -> str:
    """The file's name from its percent-encoded header. Raises `Malformed`."""
    try:
        name = unquote_to_bytes(header).decode("utf-8")
    except UnicodeDecodeError as cause:
        raise Malformed("the document's name is not UTF-8") from cause
    name = plain_text(name, "the document's name", most=MAX_NAME, required=True)
    if "/" in name or "\\" in name:
        raise Malformed("the document's name contains a path")
    return name
