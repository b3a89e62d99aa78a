"""`/metrics` and `/healthz`, on the loopback unless the settings say otherwise. It takes nothing but these two GETs."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from natsuin.errors import NatsuinError, Unavailable
from natsuin.monitor.metrics import Metrics

_MOST_AT_ONCE: Final = 16
_PATIENCE_SECONDS: Final = 10


class MetricsServer:
    """Serves until `close`, in threads of its own."""

    def __init__(self, host: str, port: int, metrics: Metrics, *, healthy: Callable[[], bool]) -> None:
        """Begin to listen. Raises `Unavailable` when the address is taken or is none."""
        handler = type("_Handler", (_Handler,), {"metrics": metrics, "healthy": staticmethod(healthy)})
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
    metrics: Metrics
    healthy: Callable[[], bool]

    def do_GET(self) -> None:
        """One of the two pages."""
        if self.path == "/healthz":
            good = self.healthy()
            self._answer(200 if good else 503, b"ok\n" if good else b"not following\n", "text/plain; charset=utf-8")
        elif self.path == "/metrics":
            try:
                page = self.metrics.page()
            except NatsuinError:
                self._answer(503, b"", "text/plain; charset=utf-8")
                return
            self._answer(200, page, Metrics.content_type)
        else:
            self._answer(404, b"not found\n", "text/plain; charset=utf-8")

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
            ("X-Content-Type-Options", "nosniff"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
