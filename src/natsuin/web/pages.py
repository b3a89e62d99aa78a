"""The portal's pages. Each asks who is calling first; a page that is not for the caller says so, or leads to signing
in."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from natsuin.errors import Unauthenticated
from natsuin.web.addresses import local_path, sign_in_address
from natsuin.web.answers import language_of
from natsuin.web.callers import Access, Callers, check_access
from natsuin.web.document_signing import DocumentSigning
from natsuin.web.document_store import DocumentStore, StoredDocument
from natsuin.web.i18n import LANGUAGES, render
from natsuin.web.instruction_store import InstructionStore, StoredInstruction
from natsuin.web.keys import OwnKeys, certificate_view
from natsuin.web.notices import ReplacementNotices
from natsuin.web.receipts import log_index
from natsuin.web.settings import WebSettings

Context = dict[str, Any]
_RECENT = 5
_HANDLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
_YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class Page:
    """One page: where it is, who may see it, its template, and what fills it."""

    path: str
    template: str
    access: Access
    context: Callable[[Request], Awaitable[Context]]


class PageRoute(Route):
    """The route of a page, with its access."""

    def __init__(self, page: Page, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        self.access = page.access

        async def noted(request: Request) -> Response:
            request.scope["route"] = self
            return await endpoint(request)

        super().__init__(page.path, noted, methods=["GET"], name=page.template)


class Pages:
    """All pages."""

    def __init__(
        self,
        settings: WebSettings,
        callers: Callers,
        *,
        documents: DocumentStore,
        instructions: InstructionStore,
        signing: DocumentSigning,
        keys: OwnKeys,
        notices: ReplacementNotices,
    ) -> None:
        self._settings = settings
        self._callers = callers
        self._notices = notices
        self._documents = documents
        self._instructions = instructions
        self._signing = signing
        self._keys = keys

    def routes(self, more: Sequence[Page] = ()) -> list[BaseRoute]:
        """The routes of all pages, with `more` that are made elsewhere."""
        pages = (
            Page("/", "index", Access.PUBLIC, self._index),
            Page("/enrol", "enrol", Access.PUBLIC, _nothing),
            Page("/officer/enrol", "officer_enrol", Access.PUBLIC, _nothing),
            Page("/help/limits", "limits", Access.PUBLIC, _nothing),
            Page("/documents", "documents", Access.SIGNER, self._documents_page),
            Page("/documents/{document_id}", "document", Access.SIGNER, self._document),
            *more,
        )
        return [PageRoute(page, self._endpoint(page)) for page in pages]

    def _endpoint(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def show(request: Request) -> Response:
            lang = language_of(request.scope)
            caller = request.state.caller = await self._callers.identify(request)
            try:
                check_access(caller, page.access)
            except Unauthenticated:
                return RedirectResponse(sign_in_address(request.url.path), status_code=303)
            running = await self._notices.banner(caller.user_id) if caller is not None and caller.is_signer else None
            filled = {"template": page.template, "replacement": running} | await page.context(request)
            html = render(
                f"pages/{filled.pop('template')}.html",
                lang,
                me=caller,
                service=request.state.service,
                path=request.url.path,
                **filled,
            )
            answer = HTMLResponse(html, headers={"content-language": lang})
            if request.query_params.get("lang") in LANGUAGES:
                answer.set_cookie(
                    "lang", lang, max_age=_YEAR, path="/", samesite="lax", secure=self._settings.is_https, httponly=True
                )
            return answer

        return show

    async def _index(self, request: Request) -> Context:
        caller = request.state.caller
        recent: list[Context] = []
        if caller is not None and caller.is_signer:
            stored = await to_thread.run_sync(lambda: self._documents.of(caller.user_id, most=_RECENT))
            recent = [document_row(one) for one in stored]
        following = local_path(request.query_params.get("next", ""))
        return {"recent": recent, "next": following or "/", "kept": f"&next={quote(following)}" if following else ""}

    async def _documents_page(self, request: Request) -> Context:
        stored = await to_thread.run_sync(self._documents.of, request.state.caller.user_id)
        return {
            "documents": [document_row(one) for one in stored],
            "max_bytes": self._settings.max_document_bytes,
        }

    async def _document(self, request: Request) -> Context:
        owner, document_id = request.state.caller.user_id, request.path_params["document_id"]
        # An approval of which this process knows no outcome, after a crash, has one in sam's record.
        await self._signing.settle(owner, document_id)
        stored = await to_thread.run_sync(self._documents.require, owner, document_id)
        if stored.state == "signing":
            # The signature is kept and was not embedded yet: there is nothing to ask the person, so do it now.
            await self._signing.finish(owner, document_id)
            stored = await to_thread.run_sync(self._documents.require, owner, document_id)
        asked_for = request.query_params.get("request", "")
        given: Context = {"request_handle": asked_for if _HANDLE.fullmatch(asked_for) else ""}
        if stored.state == "signed":
            made = await to_thread.run_sync(self._instructions.of_document, owner, document_id)
            facts = {"document": document_facts(stored), "signed": signed_facts(stored, made)}
            return {"template": "signed", **facts, **given}
        keys = [self._keys.view(key) for key in await self._keys.of(owner)]
        return given | {
            "document": document_facts(stored),
            "keys": [key for key in keys if not key.cannot_sign],
            "other_keys": [key for key in keys if key.cannot_sign],
        }


async def _nothing(request: Request) -> Context:
    return {}


def document_row(stored: StoredDocument) -> Context:
    """A line of a list of documents."""
    return {
        "id": stored.document_id,
        "name": stored.name,
        "state": stored.state,
        "page_count": len(stored.pages),
        "size": stored.size,
        "created_at": stored.created_at,
    }


def document_facts(stored: StoredDocument) -> Context:
    """One document."""
    return document_row(stored) | {
        "sha256": stored.sha256.hex(),
        "pages": [{"width": width, "height": height} for width, height in stored.pages],
        "warnings": list(stored.warnings),
        "existing_signatures": stored.existing_signatures,
        "marks": [asdict(mark) for mark in stored.marks],
    }


def signed_facts(stored: StoredDocument, made: StoredInstruction) -> Context:
    """What there is to say about a signature that was made here."""
    return {
        "signed_at": stored.signed_at,
        "signed_size": stored.signed_size,
        "signed_sha256": stored.signed_sha256.hex() if stored.signed_sha256 else "",
        "reason": made.reason,
        "log_index": log_index(made.receipt),
        "certificate": certificate_view(made.certificate),
    }
