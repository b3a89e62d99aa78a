"""One connection from web, on sam's side: who is calling, frames in, answers out."""

import asyncio
import os
import ssl
from dataclasses import dataclass
from typing import Protocol

import structlog

from natsuin.sam.frames import FrameRefused, FrameSplitter, decode_request_frame
from natsuin.sam.transport import TLSFiles, certified_names, peer_user

_log = structlog.get_logger("natsuin.sam")

_MOST_OUTSTANDING = 1024
"""Requests of one connection that may wait for their answers; beyond it nothing more is read."""


@dataclass(frozen=True)
class Listening:
    """Where to listen and whom to let in."""

    address: str
    """`unix:PATH` or `tls:HOST:PORT`."""
    tls: TLSFiles | None = None
    allowed_users: frozenset[int] = frozenset()
    """User ids that may use the Unix socket; empty: the user that sam runs as."""


@dataclass(frozen=True)
class Capacity:
    """How much is done and kept at once."""

    threads: int = 8
    longest_queue: int = 4096
    connections: int = 64
    half_frame_seconds: float = 30.0


class Host(Protocol):
    """What a connection needs of the server it belongs to."""

    listening: Listening
    capacity: Capacity
    connections: "set[Connection]"

    def receive(self, connection: "Connection", identifier: int, patience_ms: int, body: bytes) -> None:
        """Have one request handled."""
        ...


class Connection(asyncio.Protocol):
    """Lives on the server's event loop, and is touched by no other thread."""

    def __init__(self, server: Host) -> None:
        self._server = server
        self._splitter = FrameSplitter()
        self._transport: asyncio.Transport | None = None
        self._half_frame: asyncio.TimerHandle | None = None
        self._paused = False
        self._writable = True
        self._stopping = False
        self.outstanding = 0
        """Requests received and not yet answered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the caller in or not."""
        self._transport = transport  # type: ignore[assignment]
        reason = self._stranger()
        if reason is None and len(self._server.connections) >= self._server.capacity.connections:
            reason = "too many connections"
        if reason is not None:
            self._end(reason)
            return
        self._server.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget it. Answers still to come are dropped; the caller asks again."""
        self._server.connections.discard(self)
        self._transport = None
        self.outstanding = 0
        self._watch_half_frame()

    def data_received(self, data: bytes) -> None:
        """Hand on every request that `data` completes."""
        if self._transport is None or self._transport.is_closing():
            return
        try:
            for payload in self._splitter.feed(data):
                identifier, patience_ms, body = decode_request_frame(payload)
                self.outstanding += 1
                self._server.receive(self, identifier, patience_ms, body)
        except FrameRefused as error:
            self._end(error.message)
            return
        self._watch_half_frame()
        self._regulate()

    def eof_received(self) -> None:
        """The caller closed its side: asyncio closes ours."""
        if self._splitter.midway:
            _log.warning("sam.connection_closed", reason="the caller left in the middle of a frame")

    def pause_writing(self) -> None:
        """The caller does not read its answers: take no more of its requests."""
        self._writable = False
        self._regulate()

    def resume_writing(self) -> None:
        """The caller reads again."""
        self._writable = True
        self._regulate()

    def send(self, data: bytes) -> None:
        """Send one answer, if the caller is still there."""
        if self._transport is not None:
            self.outstanding -= 1
            self._transport.write(data)
            self._regulate()

    def stop_reading(self) -> None:
        """Take no more requests."""
        self._stopping = True
        self._regulate()

    def close(self) -> None:
        """Send what is written and end the connection."""
        if self._transport is not None:
            self._transport.close()

    def _regulate(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        wanted = self._stopping or not self._writable or self.outstanding >= _MOST_OUTSTANDING
        if wanted and not self._paused:
            self._transport.pause_reading()
        elif not wanted and self._paused:
            self._transport.resume_reading()
        self._paused = wanted

    def _watch_half_frame(self) -> None:
        """A frame that has begun must end within `half_frame_seconds`; without one, silence may last."""
        waits = self._transport is not None and self._splitter.midway
        if waits and self._half_frame is None:
            loop = asyncio.get_running_loop()
            seconds = self._server.capacity.half_frame_seconds
            self._half_frame = loop.call_later(seconds, self._end, "a frame was not finished in time")
        elif not waits and self._half_frame is not None:
            self._half_frame.cancel()
            self._half_frame = None

    def _stranger(self) -> str | None:
        """Why this caller may not come in, or None."""
        assert self._transport is not None  # noqa: S101
        tls = self._transport.get_extra_info("ssl_object")
        if isinstance(tls, ssl.SSLObject | ssl.SSLSocket):
            allowed = self._server.listening.tls.names if self._server.listening.tls else ()
            if not certified_names(tls.getpeercert()) & set(allowed):
                return "the client's certificate carries none of the allowed names"
            return None
        connection = self._transport.get_extra_info("socket")
        user = peer_user(connection)
        if user not in (self._server.listening.allowed_users or {os.geteuid()}):
            return f"user {user} is not allowed"
        return None

    def _end(self, reason: str) -> None:
        _log.warning("sam.connection_closed", reason=reason)
        if self._transport is not None:
            self._transport.abort()
