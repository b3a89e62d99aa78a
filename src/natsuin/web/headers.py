"""Headers that stand on every answer, whatever it is (OWASP ASVS 5.0 chapter 3.4).

Pure ASGI: Starlette's `BaseHTTPMiddleware` would cost more than the rest of a request.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "font-src 'self' data:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types natsuin",
    )
)

_ALWAYS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": (
        "publickey-credentials-get=(self), publickey-credentials-create=(self), "
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
    ),
}


class SecurityHeaders:
    """Sets the headers above, HSTS where people come by https, and `no-store` where nothing else was said about
    caching."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        named = dict(_ALWAYS)
        if https:
            named["strict-transport-security"] = "max-age=63072000; includeSubDomains"
        self._headers = [(name.encode(), value.encode()) for name, value in named.items()]
        self._uncached = (b"cache-control", b"no-store")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and set the headers on its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                # No route sets these itself, so they are only added: this runs for every answer.
                headers = [*message.get("headers", ()), *self._headers]
                if not any(name.lower() == b"cache-control" for name, _ in headers):
                    headers.append(self._uncached)
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, send_with_headers)
