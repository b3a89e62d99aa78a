"""sam's server: takes frames from web, has each request handled, sends answers as they are ready.

One thread runs the event loop, does all reading and writing, and hands requests to worker threads; kinds named `inline`
are handled in the loop's own thread, which is cheaper by two changes of threads and right only for handlers that never
wait. A handler may answer later by returning a future, and then holds no thread.

What a caller can make it do is bounded: connections, frames of 16 MiB, requests that wait, the time for a half-sent
frame. A request whose caller has stopped waiting is not begun. Nothing that goes wrong in a handler tells web more than
the kind of failure and a number that the operator can find in the log.
"""

import asyncio
import functools
import secrets
import signal
import ssl
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import structlog
import uvloop

from natsuin.errors import Busy, Malformed, NatsuinError, Unavailable
from natsuin.sam.connection import Capacity, Connection, Listening
from natsuin.sam.failures import failure_of
from natsuin.sam.frames import decode_request, encode_answer
from natsuin.sam.protocol import Failure, Message, Request, Response
from natsuin.sam.transport import Address, TLSFiles, listen_unix, remove_socket, server_context
from natsuin.sam.workers import Workers

__all__ = ["Capacity", "Handler", "Listening", "Server", "serve"]

Handler = Callable[[Any], "Response | Future[Any]"]

_log = structlog.get_logger("natsuin.sam")

_SWITCH_INTERVAL_SECONDS = 0.0001
"""A thread that comes back from a signature waits this long for the interpreter while another is busy. With Python's
usual 5 ms, RSA-3072 runs at a fifth of its rate."""

_GRACE_SECONDS = 10.0
"""How long requests that have begun may take to end when sam is told to stop."""


class Server:
    """One listening socket. Made, started and stopped on one event loop; handlers run on other threads."""

    def __init__(
        self,
        handler: Handler,
        listening: Listening,
        *,
        capacity: Capacity | None = None,
        inline: frozenset[type[Message]] = frozenset(),
    ) -> None:
        """`handler` gets every request and answers it, raises a NatsuinError, or returns a future of either."""
        self.listening = listening
        self.capacity = capacity or Capacity()
        self.connections: set[Connection] = set()
        self._handler = handler
        self._inline = inline
        self._server: asyncio.Server | None = None
        self._bound = 0
        """Inode of the socket that is ours."""
        self._loop: asyncio.AbstractEventLoop
        self._workers: Workers
        # Guarded by _outbox_lock: answers on their way from worker threads to the loop.
        self._outbox_lock = threading.Lock()
        self._outbox: deque[tuple[Connection, bytes]] = deque()
        self._flush_called = False

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            TransportRefused, Conflict: the socket or the TLS files cannot be used; nothing was started.
        """
        self._loop = asyncio.get_running_loop()
        address = Address.parse(self.listening.address)
        context = server_context(self._tls_files()) if not address.path else None
        make = functools.partial(Connection, self)
        if address.path:
            listener = listen_unix(address.path, others_allowed=bool(self.listening.allowed_users))
            self._bound = Path(address.path).lstat().st_ino
            self._server = await self._loop.create_unix_server(make, sock=listener)
        else:
            self._server = await self._listen_tls(make, address, context)
        self._workers = Workers(self.capacity.threads, longest_queue=self.capacity.longest_queue)
        _log.info("sam.listening", address=self.listening.address)

    async def stop(self) -> None:
        """Accept nothing more, let what has begun end for some seconds, close every connection."""
        if self._server is None:
            return
        self._server.close()
        for connection in self.connections:
            connection.stop_reading()
        ends = time.monotonic() + _GRACE_SECONDS
        while any(connection.outstanding for connection in self.connections) and time.monotonic() < ends:
            await asyncio.sleep(0.01)
        for connection in tuple(self.connections):
            connection.close()
        remove_socket(Address.parse(self.listening.address), self._bound)
        await asyncio.to_thread(self._workers.close, 1.0)
        self._server = None
        _log.info("sam.stopped")

    @property
    def port(self) -> int:
        """The TCP port in use, for an address that asked for any (`tls:127.0.0.1:0`)."""
        assert self._server is not None  # noqa: S101
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def receive(self, connection: Connection, identifier: int, patience_ms: int, body: bytes) -> None:
        """Have one request handled. Called by connections, on the loop. Every request is answered."""
        deadline = time.monotonic() + patience_ms / 1000
        answer = functools.partial(self._answer, connection, identifier)
        try:
            message = decode_request(body)
            if type(message) in self._inline:
                self._handle(message, answer)
            else:
                self._workers.submit(functools.partial(self._handle_in_time, message, answer, deadline))
        except (Malformed, Busy) as error:
            answer(failure_of(error))

    def _handle_in_time(self, message: Request, answer: Callable[[Response], None], deadline: float) -> None:
        if time.monotonic() >= deadline:
            answer(failure_of(Busy("The request waited too long and was not begun.", hint="Ask again in a moment.")))
        else:
            self._handle(message, answer)

    def _handle(self, message: Request, answer: Callable[[Response], None]) -> None:
        kind = type(message).__name__
        try:
            result = self._handler(message)
            if isinstance(result, Future):
                result.add_done_callback(lambda done: answer(_settled(done, kind)))
            else:
                answer(result)
        except BaseException as error:
            answer(_told(error, kind))

    def _answer(self, connection: Connection, identifier: int, message: Response) -> None:
        """Send an answer. May be called on any thread."""
        try:
            data = encode_answer(identifier, message)
        except Exception as error:
            data = encode_answer(identifier, _unexpected(error, type(message).__name__))
        with self._outbox_lock:
            self._outbox.append((connection, data))
            wake, self._flush_called = not self._flush_called, True
        if wake:
            try:
                self._loop.call_soon_threadsafe(self._flush)
            except RuntimeError:
                _log.warning("sam.answer_lost", reason="the server has stopped")

    def _flush(self) -> None:
        with self._outbox_lock:
            ready, self._outbox = self._outbox, deque()
            self._flush_called = False
        for connection, data in ready:
            connection.send(data)

    def _tls_files(self) -> TLSFiles:
        if self.listening.tls is None:
            raise Malformed("The address of sam says tls: and no TLS files are given.")
        return self.listening.tls

    async def _listen_tls(
        self, make: Callable[[], Connection], address: Address, context: ssl.SSLContext | None
    ) -> asyncio.Server:
        try:
            return await self._loop.create_server(
                make, address.host, address.port, ssl=context, ssl_handshake_timeout=10.0
            )
        except OSError as error:
            reason = error.strerror or "the address is not ours"
            raise Unavailable(f"sam cannot listen at {self.listening.address}: {reason}.") from error


def serve(
    handler: Handler,
    listening: Listening,
    *,
    capacity: Capacity | None = None,
    inline: frozenset[type[Message]] = frozenset(),
    ready: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; the caller then closes what the handlers used. Call it on the main thread.

    `ready` is called when connections are accepted.

    Raises:
        TransportRefused, Conflict, Unavailable: it cannot listen.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL_SECONDS)

    async def run() -> None:
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        server = Server(handler, listening, capacity=capacity, inline=inline)
        await server.start()
        if ready is not None:
            ready()
        await stopping.wait()
        await server.stop()

    uvloop.run(run())


def _settled(done: "Future[Any]", kind: str) -> Response:
    error = done.exception() if not done.cancelled() else Unavailable("The request was given up.")
    if error is not None:
        return _told(error, kind)
    response: Response = done.result()
    return response


def _told(error: BaseException, kind: str) -> Failure:
    """What web is told of `error`."""
    return failure_of(error) if isinstance(error, NatsuinError) else _unexpected(error, kind)


def _unexpected(error: BaseException, kind: str) -> Failure:
    """What web is told of what should not happen: a number, under which the log holds the rest."""
    incident = secrets.token_hex(6)
    # The text of an unexpected error may quote what it choked on, so only its kind and its place are kept.
    _log.error(
        "sam.request_failed",
        incident=incident,
        request=kind,
        error=f"{type(error).__module__}.{type(error).__qualname__}",
        stack=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)],
    )
    hint = f"Tell the administrator incident {incident}."
    return failure_of(Unavailable("Something unexpected happened in the key module.", hint=hint))
