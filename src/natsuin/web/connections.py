"""Open TCP connections, so that silent, slow or very many clients do not keep others out.

uvicorn's own limit counts connections and refuses the requests of new ones, so a thousand silent strangers would stop
the portal. Here a connection has a deadline for its request head and for taking its answer, and when there are too
many, the one that waits longest for its client is dropped: the newcomer is served.
"""

import asyncio
from enum import IntEnum
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from natsuin.authentication import source_of
from natsuin.web.limits import WebLimits
from natsuin.web.proxies import TrustedProxies

_MAX_HEAD_BYTES = 64 * 1024


class Waiting(IntEnum):
    """What a connection is doing, in the order in which it is dropped."""

    IDLE = 0
    """It has no request."""
    FOR_CLIENT = 1
    """The rest of a body is to come, or an answer to be taken."""
    FOR_US = 2
    """Its request is worked on: never dropped."""


class Connections:
    """All connections of one server. Used from one event loop."""

    def __init__(self, limits: WebLimits, proxies: TrustedProxies) -> None:
        self.limits = limits
        self._proxies = proxies
        self._all = _Crowd()
        self._sources: dict[str, _Crowd] = {}

    def opened(self, connection: "BoundedConnection") -> None:
        """Count a new connection in; above a limit another one goes, or this one if all others are being served."""
        for crowd in self._crowds(connection):
            crowd.place(connection, Waiting.IDLE)
        if not self._proxies.trusts(connection.address):
            source = self._sources.setdefault(connection.source, _Crowd())
            source.place(connection, Waiting.IDLE)
            if len(source) > self.limits.connections_per_source:
                source.drop_one()
        if len(self._all) > self.limits.connections:
            self._all.drop_one()

    def note(self, connection: "BoundedConnection", waiting: Waiting) -> None:
        """A connection does something else now."""
        for crowd in self._crowds(connection):
            crowd.place(connection, waiting)

    def closed(self, connection: "BoundedConnection") -> None:
        """Count a connection out. Counting it out again does nothing."""
        for crowd in self._crowds(connection):
            crowd.remove(connection)
        if connection.source in self._sources and not self._sources[connection.source]:
            del self._sources[connection.source]

    def _crowds(self, connection: "BoundedConnection") -> "tuple[_Crowd, ...]":
        source = self._sources.get(connection.source)
        return (self._all,) if source is None or connection not in source else (self._all, source)


class _Crowd:
    """Connections by what they do, in the order in which they began to."""

    def __init__(self) -> None:
        self._doing: tuple[dict[BoundedConnection, None], ...] = ({}, {}, {})

    def __len__(self) -> int:
        return sum(len(some) for some in self._doing)

    def __contains__(self, connection: object) -> bool:
        return any(connection in some for some in self._doing)

    def place(self, connection: "BoundedConnection", waiting: Waiting) -> None:
        """Put a connection last among those that do the same."""
        self.remove(connection)
        self._doing[waiting][connection] = None

    def remove(self, connection: "BoundedConnection") -> None:
        """Take a connection out, if it is here."""
        for some in self._doing:
            some.pop(connection, None)

    def drop_one(self) -> None:
        """End the connection that has waited longest for its client. To be called when a new one has come: that one
        goes only if all others are being served."""
        idle, for_client, _ = self._doing
        others = idle if len(idle) > 1 else for_client or idle
        next(iter(others)).drop()


class BoundedConnection(HttpToolsProtocol):
    """One connection of uvicorn, with deadlines. Made by `bounded`."""

    everybody: ClassVar[Connections]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The client may send the head of its first request."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else None
        self.source = source_of(self.address)
        self._limits = self.everybody.limits
        self._until: asyncio.TimerHandle | None = None
        self._write_until: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head_bytes = 0
        self._set_deadline(self._limits.head_seconds)
        self.everybody.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        super().connection_lost(exc)
        self._clear_deadline()
        self._clear_write_deadline()
        self.everybody.closed(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request. A head that does not end is not kept."""
        begun = self._in_head
        super().data_received(data)
        if begun and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES:
                self.drop()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """The head is whole; from here on the request's own limits stand."""
        super().on_headers_complete()
        self._in_head = False
        self._clear_deadline()
        self.everybody.note(self, Waiting.FOR_CLIENT)

    def on_message_complete(self) -> None:
        """The body is whole."""
        super().on_message_complete()
        if not self.cycle.response_complete:
            self.everybody.note(self, Waiting.FOR_US)

    def on_response_complete(self) -> None:
        """The answer is written. Nothing the client sends but a whole head puts the next deadline off."""
        others = bool(self.pipeline)
        super().on_response_complete()
        if self.transport.is_closing():
            self._set_deadline(self._limits.write_seconds)
        elif not others:
            self._set_deadline(self._limits.idle_seconds + self._limits.head_seconds)
        if not others:
            self.everybody.note(self, Waiting.IDLE)

    def pause_writing(self) -> None:
        """The client takes its answer more slowly than it is written."""
        super().pause_writing()
        self._write_until = self.loop.call_later(self._limits.write_seconds, self.drop)
        self.everybody.note(self, Waiting.FOR_CLIENT)

    def resume_writing(self) -> None:
        """The client has taken what was written."""
        super().resume_writing()
        self._clear_write_deadline()
        self.everybody.note(self, Waiting.IDLE if self.cycle.response_complete else Waiting.FOR_US)

    def timeout_keep_alive_handler(self) -> None:
        """No further request came."""
        self.drop()

    def drop(self) -> None:
        """End the connection now, whatever its client has not taken yet."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()
        self.everybody.closed(self)

    def _set_deadline(self, seconds: float) -> None:
        self._clear_deadline()
        self._until = self.loop.call_later(seconds, self.drop)

    def _clear_deadline(self) -> None:
        if self._until is not None:
            self._until.cancel()
            self._until = None

    def _clear_write_deadline(self) -> None:
        if self._write_until is not None:
            self._write_until.cancel()
            self._write_until = None


def bounded(limits: WebLimits, proxies: TrustedProxies) -> type[BoundedConnection]:
    """The protocol class of one server, for uvicorn's `http`."""
    return type("BoundedConnection", (BoundedConnection,), {"everybody": Connections(limits, proxies)})
