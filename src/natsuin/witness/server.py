"""A witness over HTTP: two addresses, a thread for each connection, and limits that a stranger cannot lift.

`POST /add-checkpoint` for logs, `GET /<SHA-256 of a log's origin, hexadecimal>/checkpoint` for monitors. Whatever
arrives has a deadline as a whole, a largest size, and a largest number of connections at once. This is the only HTTP
outside of web: a witness is a process of its own, which has no keys but its own and reaches nothing of an installation.
"""

import io
import json
import re
import signal
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

import structlog

from natsuin.errors import NatsuinError
from natsuin.signing_log import MAX_REQUEST, TimedStream
from natsuin.witness.judging import Answer, Witness

DEADLINE_SECONDS: Final = 20.0
"""For a whole request, and for the time that a kept connection may be silent before it."""
MOST_CONNECTIONS: Final = 256
QUIET_SECONDS: Final = 10.0
"""Between two lines about refusals of one status."""
_CHECKPOINT: Final = re.compile(r"/([0-9a-f]{64})/checkpoint", re.ASCII)
_LENGTH: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_log = structlog.get_logger("natsuin.witness")


class Refusals:
    """Which refusals are worth a line. Checkpoints are public, so anybody can ask for refusals of every kind, and a
    line for each would fill the disk."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._said: dict[int, float] = {}
        self._unsaid: dict[int, int] = {}

    def count(self, status: int) -> int | None:
        """How many of this status were not told since the last line; None where this one is not told either."""
        with self._turn:
            now = time.monotonic()
            if now - self._said.get(status, -QUIET_SECONDS) < QUIET_SECONDS:
                self._unsaid[status] = self._unsaid.get(status, 0) + 1
                return None
            self._said[status] = now
            return self._unsaid.pop(status, 0)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: "WitnessServer"
    server_version = "natsuin-witness"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = DEADLINE_SECONDS

    def handle_one_request(self) -> None:
        """One request, all of which arrives before its deadline. Nobody sends the next one before the answer."""
        self.rfile.close()
        self.rfile = io.BufferedReader(TimedStream(self.connection, DEADLINE_SECONDS))
        super().handle_one_request()

    def do_GET(self) -> None:
        """For monitors."""
        found = _CHECKPOINT.fullmatch(self.path)
        self._require_no_body()
        self._answer(self._checkpoint(found[1]) if found else Answer(404, b"there is nothing here\n"))

    def do_POST(self) -> None:
        """For logs."""
        length = self.headers.get("Content-Length", "")
        if self.headers.get("Transfer-Encoding") or not _LENGTH.fullmatch(length):
            self._refuse(411, b"the length of the request is missing\n")
        elif int(length) > MAX_REQUEST:
            self._refuse(413, b"this request is too long\n")
        elif self.path != "/add-checkpoint":
            self._refuse(404, b"there is nothing here\n")
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                self._answer(self._judged(body))
            else:
                self.close_connection = True

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Nothing: what strangers send is not for our log."""

    def _judged(self, body: bytes) -> Answer:
        try:
            answer = self.server.witness.add_checkpoint(body)
        except NatsuinError as error:
            # Nobody knows what is on the disk: the next start looks.
            self.server.stop(error)
            raise
        if answer.status in (409, 422, 403):
            unsaid = self.server.refusals.count(answer.status)
            if unsaid is not None:
                reason = answer.body.decode().strip()[:200]
                _log.warning("witness.refused", status=answer.status, reason=reason, unsaid=unsaid)
        return answer

    def _checkpoint(self, origin_hash: str) -> Answer:
        try:
            return self.server.witness.checkpoint(origin_hash)
        except NatsuinError as error:
            self.server.stop(error)
            raise

    def _require_no_body(self) -> None:
        if self.headers.get("Content-Length", "0") != "0" or self.headers.get("Transfer-Encoding"):
            self.close_connection = True

    def _refuse(self, status: int, body: bytes) -> None:
        """Answer without reading the rest, so that the connection cannot be used again."""
        self.close_connection = True
        self._answer(Answer(status, body))

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)


class WitnessServer(socketserver.ThreadingTCPServer):
    """Listens at once; `run` serves until SIGTERM or SIGINT."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, witness: Witness, host: str, port: int, *, stop: Callable[[NatsuinError], None]) -> None:
        """`stop` ends the process when the witness's memory fails. Raises `OSError` when the place is taken."""
        self.witness = witness
        self.stop = stop
        self.refusals = Refusals()
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def run(self) -> None:
        """Serve, and say so in a line that supervisors wait for. In the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=self.shutdown, daemon=True).start())
        host, port = self.server_address[:2]
        ready = {"event": "ready", "process": "witness", "host": str(host), "port": port}
        print(json.dumps(ready), file=sys.stderr, flush=True)
        with self:
            self.serve_forever(poll_interval=0.1)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is a place for one more connection; otherwise it is closed at once."""
        return self._places.acquire(blocking=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a thread for the connection. Where there can be no more, the place is free again."""
        try:
            super().process_request(request, client_address)
        except RuntimeError:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Give the place back in the end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke, or a request that was too slow, is nothing to the others."""
        kind = sys.exc_info()[0]
        if kind is None or not issubclass(kind, OSError):
            _log.error("witness.unexpected", kind=getattr(kind, "__name__", ""))
