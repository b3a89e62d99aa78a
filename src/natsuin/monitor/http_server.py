"""The status page, `/metrics` and `/healthz`, on the loopback unless the settings say otherwise.

Nothing but GETs of these is taken. The page, which shows what is watched, is given only under a name that is an
address, `localhost` or the one of the settings: else a page from elsewhere could have a browser on this host read it
(DNS rebinding).
"""

import io
import ipaddress
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from natsuin.errors import NatsuinError, Unavailable
from natsuin.monitor.metrics import Metrics
from natsuin.monitor.status_page import POLICY, StatusPage
from natsuin.signing_log import TimedStream

_MOST_AT_ONCE: Final = 16
_PATIENCE_SECONDS: Final = 10
_TEXT: Final = "text/plain; charset=utf-8"


class MetricsServer:
    """Serves until `close`, in threads of its own."""

    def __init__(
        self, host: str, port: int, metrics: Metrics, page: StatusPage, *, healthy: Callable[[], bool]
    ) -> None:
        """Begin to listen. Raises `Unavailable` when the address is taken or is none."""
        given = {"metrics": metrics, "page": page, "host": host, "healthy": staticmethod(healthy)}
        handler = type("_Handler", (_Handler,), given)
        try:
            self._server = _Server((host, port), handler)
        except OSError as error:
            raise Unavailable(
                f"metrics cannot be served at {host}:{port}: {error.strerror}", hint="Change [listen] in the settings."
            ) from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._places = threading.BoundedSemaphore(_MOST_AT_ONCE)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Above so many at once a connection is closed unanswered."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, and its place given back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor who broke off is nobody's concern."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _PATIENCE_SECONDS
    patience: float = _PATIENCE_SECONDS
    """For the whole of a request."""
    metrics: Metrics
    page: StatusPage
    host: str
    healthy: Callable[[], bool]

    def handle_one_request(self) -> None:
        """One request, all of which arrives before its deadline: who drips keeps no place."""
        self.rfile.close()
        self.rfile = io.BufferedReader(TimedStream(self.connection, self.patience))
        super().handle_one_request()

    def do_GET(self) -> None:
        """One of the pages."""
        try:
            self._get()
        except NatsuinError:
            self._answer(503, b"not now\n", _TEXT)

    def _get(self) -> None:
        if self.path == "/healthz":
            good = self.healthy()
            self._answer(200 if good else 503, b"ok\n" if good else b"not following\n", _TEXT)
        elif self.path == "/metrics":
            self._answer(200, self.metrics.page(), Metrics.content_type)
        elif self.path in ("/", "/ja") and not self._is_ours(self.headers.get("Host", "")):
            self._answer(421, b"not the name of this host\n", _TEXT)
        elif self.path in ("/", "/ja"):
            self._answer(200, self.page.html("ja" if self.path == "/ja" else "en"), "text/html; charset=utf-8")
        else:
            self._answer(404, b"not found\n", _TEXT)

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            if name in ("localhost", self.host):
                return True
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def version_string(self) -> str:
        """Nothing about versions."""
        return "natsuin-monitor"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  The standard library's name.
        """Nothing: what visitors send is not written anywhere."""

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", POLICY),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
