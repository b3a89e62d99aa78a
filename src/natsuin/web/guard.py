"""What is refused before any route sees it: another host's name, requests from foreign pages, bodies above the
limit."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from natsuin.errors import Busy, Malformed, NatsuinError, TooLarge
from natsuin.web.answers import problem_answer
from natsuin.web.problems import ForeignRequest, RequestTimeout, WrongHost
from natsuin.web.settings import WebSettings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
REQUEST_MARK = "x-natsuin"
"""A header that no form and no foreign page can send without the browser asking first (Fetch standard, CORS
preflight)."""

_MAX_JSON_BYTES = 1024 * 1024
_MAX_DER_BYTES = 64 * 1024
_MULTIPART_MARGIN = 256 * 1024
_MAX_HELD_BYTES = 1024 * 1024 * 1024
"""Above this much in bodies of requests under way the next byte is refused, so that memory never runs out."""
_PATIENCE_SECONDS = 60
"""How long a request may stall. A slow connection is served, one that stands still is not."""
_ANY_HOST = ("/healthz", "/readyz", "/pki/", "/ocsp", "/tsa", "/log/")
"""Addresses for machines, which may know the service by another name and never see anything that is somebody's own."""


class RequestGuard:
    """Checks the head of each request and counts the bytes of its body as they come."""

    def __init__(self, app: ASGIApp, *, settings: WebSettings) -> None:
        self._app = app
        self._settings = settings
        self._held = 0
        """Bytes of bodies of all requests under way. Changed from the event loop only."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer with the problem that keeps it out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self.limit_for(scope["method"], scope["path"])
        try:
            self._check_host(scope["path"], headers)
            self._check_source(scope["method"], scope["path"], headers)
            self._check_length(headers, limit)
        except NatsuinError as error:
            await problem_answer(error, scope)(scope, receive, send)
            return

        body = _Body(receive, limit)
        short = _is_short(headers)

        async def send_and_hang_up(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400 and not (short or body.complete):
                # Refused before its body was read: the rest is not worth reading.
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        try:
            await self._app(scope, lambda: self._read(body), send_and_hang_up)
        finally:
            self._held -= body.held

    async def _read(self, body: "_Body") -> Message:
        message, size = await body.read()
        self._held += size
        body.held += size
        if self._held > _MAX_HELD_BYTES:
            raise Busy("too many large requests are under way")
        return message

    def limit_for(self, method: str, path: str) -> int:
        """How many bytes the body of such a request may have."""
        if method in SAFE_METHODS:
            return _MAX_DER_BYTES
        if path == "/api/documents":
            return self._settings.max_document_bytes
        if path == "/api/verify":
            return self._settings.max_document_bytes + _MULTIPART_MARGIN
        if path in ("/ocsp", "/tsa"):
            return _MAX_DER_BYTES
        return _MAX_JSON_BYTES

    def _check_host(self, path: str, headers: Headers) -> None:
        if path.startswith(_ANY_HOST):
            return
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() != self._settings.host:
            raise WrongHost(f"this service answers at {self._settings.origin} only")

    def _check_source(self, method: str, path: str, headers: Headers) -> None:
        if method in SAFE_METHODS or not path.startswith("/api/"):
            return
        origin = headers.get("origin")
        if origin is not None and origin != self._settings.origin:
            raise ForeignRequest("the request comes from a page of another site")
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise ForeignRequest("the request comes from a page of another site")
        if headers.get(REQUEST_MARK) != "1":
            raise ForeignRequest("the header X-Natsuin: 1 is missing")

    def _check_length(self, headers: Headers, limit: int) -> None:
        stated = headers.get("content-length")
        if stated is None:
            return
        if not stated.isascii() or not stated.isdigit():
            raise Malformed("the content length is not a number")
        if int(stated[:20]) > limit:
            raise _too_large(limit)


class _Body:
    """One request's body as it comes: counted, limited, and not waited for without end."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self.held = 0
        """How much of it the guard counts as held."""
        self._received = 0
        self._receive = receive
        self._limit = limit
        self.complete = False
        """Whether all of it has come."""

    async def read(self) -> tuple[Message, int]:
        """The next message and how many bytes it brought. Raises `TooLarge`, `RequestTimeout`."""
        if self.complete:
            # What may still come is the news that the client went away, which takes as long as it takes.
            return await self._receive(), 0
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                message = await self._receive()
        except TimeoutError as cause:
            raise RequestTimeout("the rest of the request did not come") from cause
        size = len(message.get("body", b""))
        self._received += size
        self.complete = not message.get("more_body", False)
        if self._received > self._limit:
            raise _too_large(self._limit)
        return message, size


def _is_short(headers: Headers) -> bool:
    """Whether the body is small enough to be taken whole although nobody wants it."""
    if "transfer-encoding" in headers:
        return False
    return int(headers.get("content-length", "0")[:20]) <= _MAX_DER_BYTES


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is larger than the {limit // 1024} KiB that are taken here")
