"""web's side of the socket.

Many calls share one connection and are answered in any order. A connection that was lost is made again by the next
call. A call fails in one of three ways, and the caller acts on which: what sam refused (a class of `natsuin.errors`),
sam cannot be reached and nothing was sent (`Unavailable`), or it was sent and no answer came (`Indeterminate`: ask
again with the same request, which sam answers from its record).
"""

import asyncio
import ssl

import structlog

from natsuin.errors import Busy, Indeterminate, Unavailable
from natsuin.sam.failures import raise_failure
from natsuin.sam.frames import LONGEST_PATIENCE_MS, FrameRefused, FrameSplitter, decode_answer, encode_request
from natsuin.sam.protocol import Failure, Request, Response
from natsuin.sam.transport import Address, TLSFiles, client_context

_log = structlog.get_logger("natsuin.sam.client")

DEADLINE_SECONDS = 30.0
_CONNECT_SECONDS = 5.0
_MOST_PENDING = 8192


class SamClient:
    """A client for one event loop. Not thread safe. Nothing is retried here."""

    def __init__(self, address: str, tls: TLSFiles | None = None, *, connections: int = 1) -> None:
        """`address` as in the configuration. Nothing is connected before the first call.

        Raises:
            TransportRefused: the address or the TLS files cannot be used.
        """
        self._address = Address.parse(address)
        self._context: ssl.SSLContext | None = None
        if not self._address.path:
            if tls is None:
                raise Unavailable("The address of sam says tls: and no TLS files are given.")
            self._context = client_context(tls)
        self._links: list[_Link | None] = [None] * connections
        self._connecting = [asyncio.Lock() for _ in range(connections)]
        self._turn = 0

    async def call(self, message: Request, *, deadline: float = DEADLINE_SECONDS) -> Response:
        """Send one message and wait for its answer, at most `deadline` seconds.

        Raises:
            NatsuinError: what sam refused with, in the class that `natsuin.errors` has for it.
            Unavailable: sam cannot be reached; it has not seen the message.
            Busy: too many calls wait here already; sam has not seen the message.
            Indeterminate: no answer came; whether sam acted is unknown.
        """
        self._turn = (self._turn + 1) % len(self._links)
        link = self._links[self._turn]
        if link is None or link.closed:
            link = await self._connect(self._turn)
        answer = await link.call(message, deadline)
        if isinstance(answer, Failure):
            raise_failure(answer)
        return answer

    async def close(self) -> None:
        """End every connection. Calls that wait end with `Indeterminate`."""
        for link in self._links:
            if link is not None:
                link.close()
        self._links = [None] * len(self._links)

    async def _connect(self, index: int) -> "_Link":
        async with self._connecting[index]:
            link = self._links[index]
            if link is not None and not link.closed:
                return link
            loop = asyncio.get_running_loop()
            address = self._address
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    if address.path:
                        _, link = await loop.create_unix_connection(_Link, address.path)
                    else:
                        _, link = await loop.create_connection(
                            _Link, address.host, address.port, ssl=self._context, server_hostname=address.host
                        )
            except (OSError, TimeoutError) as error:
                raise Unavailable("The key module cannot be reached.", hint=_hint(error)) from error
            self._links[index] = link
            return link


class _Link(asyncio.Protocol):
    """One connection and the calls that wait on it."""

    def __init__(self) -> None:
        self.closed = False
        self._transport: asyncio.Transport
        self._splitter = FrameSplitter()
        self._pending: dict[int, asyncio.Future[Response]] = {}
        self._last = 0

    async def call(self, message: Request, deadline: float) -> Response:
        if len(self._pending) >= _MOST_PENDING:
            raise Busy("Too many requests wait for the key module.", hint="Try again in a moment.")
        loop = asyncio.get_running_loop()
        self._last += 1
        identifier = self._last
        patience_ms = min(max(int(deadline * 1000), 0), LONGEST_PATIENCE_MS)
        data = encode_request(identifier, patience_ms, message)
        answer: asyncio.Future[Response] = loop.create_future()
        self._pending[identifier] = answer
        timer = loop.call_later(deadline, _expire, answer)
        try:
            self._transport.write(data)
            return await answer
        finally:
            timer.cancel()
            self._pending.pop(identifier, None)

    def close(self) -> None:
        self.closed = True
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(_unknown("The connection to the key module was lost."))

    def data_received(self, data: bytes) -> None:
        try:
            for payload in self._splitter.feed(data):
                identifier, message = decode_answer(payload)
                answer = self._pending.get(identifier)
                # An answer that nobody waits for any more came after its deadline.
                if answer is not None and not answer.done():
                    answer.set_result(message)
        except FrameRefused as error:
            _log.error("sam.answer_refused", reason=error.message)
            self.closed = True
            self._transport.abort()


def _expire(answer: "asyncio.Future[Response]") -> None:
    if not answer.done():
        answer.set_exception(_unknown("The key module did not answer in time."))


def _unknown(message: str) -> Indeterminate:
    return Indeterminate(message, hint="Do the same again: it is never done twice.")


def _hint(error: OSError | TimeoutError) -> str:
    if isinstance(error, ssl.SSLError):
        return "Its certificate or ours is not accepted: see the TLS files in the configuration."
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return "See whether `natsuin sam` runs and whether sam.address is the same on both sides."
    if isinstance(error, PermissionError):
        return "This user may not open sam's socket: see sam.allowed_uids."
    return "See whether `natsuin sam` runs and can be reached from here."
