"""Access requests over one whole document: the person signs it on its own page, and gives it back from there."""

from typing import Any

from anyio import to_thread
from sqlalchemy import Connection

from natsuin.authentication.oauth import OF_ORIGINALS, AccessRequests, Approved, Asked, Tokens
from natsuin.clock import Clock, milliseconds
from natsuin.errors import Conflict, Refused
from natsuin.web.api.fields import Empty
from natsuin.web.callers import Access
from natsuin.web.csc.uploads import Uploads
from natsuin.web.document_store import StoredDocument
from natsuin.web.instruction_store import InstructionStore
from natsuin.web.oauth.answers import redirect_with
from natsuin.web.oauth.interaction import APPROVAL_SECONDS
from natsuin.web.routing import ApiRoutes, Identifier, SignedIn


class DocumentMissing(Refused):
    """The application asks for the signature of a document that it did not bring, or that is not there any more."""

    code = "application_document_missing"


class WholeDocuments:
    """`/api/access-requests/{handle}/document`."""

    def __init__(
        self,
        issuer: str,
        clock: Clock,
        *,
        requests: AccessRequests,
        tokens: Tokens,
        uploads: Uploads,
        instructions: InstructionStore,
    ) -> None:
        self._issuer = issuer
        self._clock = clock
        self._requests = requests
        self._tokens = tokens
        self._uploads = uploads
        self._instructions = instructions

    def add_to(self, routes: ApiRoutes) -> None:
        """Add the routes."""
        one = "/api/access-requests/{handle}/document"
        routes.add("GET", one, self.show, access=Access.SIGNER)
        routes.add("POST", one, self.give, access=Access.SIGNER)

    async def show(self, handle: Identifier, caller: SignedIn) -> dict[str, Any]:
        """Which of the caller's documents is meant."""
        _, stored = await self._meant(handle, caller.user_id)
        return {"document_id": stored.document_id, "name": stored.name, "state": stored.state}

    async def give(self, handle: Identifier, caller: SignedIn, body: Empty | None = None) -> dict[str, str]:
        """Give the signed document to the application: the browser goes back with a code. Raises `Conflict` as long as
        it is not signed, or if it was signed with another key than the one asked for."""
        asked, stored = await self._meant(handle, caller.user_id)
        if stored.state != "signed":
            raise Conflict("the document is not signed yet", hint="Sign it first.")
        made = await to_thread.run_sync(self._instructions.of_document, caller.user_id, stored.document_id)
        if asked.credential_id not in ("", made.key_id):
            raise Conflict("the document was signed with another key than the application asks for")
        approved = Approved(
            user_id=caller.user_id,
            level=caller.level,
            key_id=made.key_id,
            instruction_id=made.instruction_id,
            expires_at=milliseconds(self._clock.now()) + APPROVAL_SECONDS * 1000,
        )

        def grant(connection: Connection, asked: Asked) -> str:
            code = self._tokens.issue_code(connection, asked, approved)
            return redirect_with(asked.redirect_uri, {"code": code, "state": asked.state, "iss": self._issuer})

        return {"redirect": await to_thread.run_sync(self._requests.answer, handle, caller.user_id, grant)}

    async def _meant(self, handle: str, user_id: str) -> tuple[Asked, StoredDocument]:
        waiting = await to_thread.run_sync(self._requests.look, handle, user_id)
        asked = waiting.asked
        if asked.hash_kind != OF_ORIGINALS:
            raise Conflict("this request is not over a whole document")
        stored = await to_thread.run_sync(self._uploads.find, asked.client_id, user_id, asked.digests[0])
        if stored is None:
            raise DocumentMissing(
                "the application did not bring this document, or it was deleted",
                hint="Go back to the application and start there again.",
            )
        return asked, stored
