"""What is refused before any route sees it: another host's name, requests from foreign pages, bodies above the
limit."""

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from natsuin.errors import Malformed, NatsuinError
from natsuin.web.answers import problem_answer
from natsuin.web.bodies import Body, Budget, Share, too_large
from natsuin.web.callers import Callers
from natsuin.web.problems import ForeignRequest, WrongHost
from natsuin.web.requests import sender
from natsuin.web.settings import WebSettings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
REQUEST_MARK = "x-natsuin"
"""A header that no form and no foreign page can send without the browser asking first (Fetch standard, CORS
preflight)."""

_MAX_JSON_BYTES = 1024 * 1024
_MAX_DER_BYTES = 64 * 1024
_MULTIPART_MARGIN = 256 * 1024
_ANY_HOST = ("/healthz", "/readyz", "/pki/", "/ocsp", "/tsa", "/log/")
"""Addresses for machines, which may know the service by another name and never see anything that is somebody's own."""


class RequestGuard:
    """Checks the head of each request and counts the bytes of its body as they come.

    People who are signed in have a budget of their own, so that strangers' uploads never hold theirs up.
    """

    def __init__(self, app: ASGIApp, *, settings: WebSettings, callers: Callers) -> None:
        self._app = app
        self._settings = settings
        self._callers = callers
        limits = settings.limits
        self._anonymous = Budget(limits.anonymous_bytes, each=limits.anonymous_bytes_each)
        self._signed_in = Budget(limits.signed_in_bytes, each=limits.signed_in_bytes_each)

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

        connection = HTTPConnection(scope)
        body = Body(receive, most=limit, limits=self._settings.limits, share=lambda: self._share_of(connection))
        short = _is_short(headers)

        async def send_and_hang_up(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400 and not (short or body.complete):
                # Refused before its body was read: the rest is not worth reading.
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        try:
            await self._app(scope, body.read, send_and_hang_up)
        finally:
            body.release()

    async def _share_of(self, connection: HTTPConnection) -> Share:
        caller = await self._callers.identify(connection)
        if caller is None:
            return Share(self._anonymous, sender(connection))
        return Share(self._signed_in, caller.user_id)

    def limit_for(self, method: str, path: str) -> int:
        """How many bytes the body of such a request may have."""
        if method in SAFE_METHODS:
            return _MAX_DER_BYTES
        if path in ("/api/documents", "/csc/v2/documents"):
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
            raise too_large(limit)


def _is_short(headers: Headers) -> bool:
    """Whether the body is small enough to be taken whole although nobody wants it."""
    if "transfer-encoding" in headers:
        return False
    return int(headers.get("content-length", "0")[:20]) <= _MAX_DER_BYTES
