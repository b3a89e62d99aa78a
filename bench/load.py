"""The load generator, a process of its own: `python -m bench.load` takes a `Load` on standard input and answers with a
`Measured`, both as MessagePack.

Each connection sends one request, waits for the whole answer and sends its next one. It does as little as possible,
because it shares the cores with what it measures.
"""

import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import msgspec
import uvloop

from bench.cpu import cpu_seconds

_HEAD_END = b"\r\n\r\n"


class Load(msgspec.Struct, frozen=True):
    """What to send, and over how many connections."""

    port: int
    path: str
    headers: list[dict[str, str]]
    """For each connection."""
    bodies: list[list[bytes]]
    """For each connection, its requests in order."""
    warm_up: int
    """Requests of each connection that are not measured."""
    watched: list[int]
    """Processes whose CPU time is wanted."""
    keep_every: int = 50


class Measured(msgspec.Struct, frozen=True):
    """What came of it. Times in seconds."""

    requests: int
    seconds: float
    latencies: list[float]
    cpu: list[float]
    """Of each watched process, over all measured requests."""
    kept: list[tuple[bytes, bytes]]
    """Every so many requests, body sent and body received, for checking."""


class _Connection(asyncio.Protocol):
    def __init__(self, requests: list[bytes], begin_after: int, wait: Callable[["_Connection"], None]) -> None:
        self._requests = requests
        self._begin_after = begin_after
        self._wait = wait
        self._received = bytearray()
        self._transport: asyncio.Transport
        self._sent_at = 0.0
        self.next = 0
        self.latencies: list[float] = []
        self.answers: dict[int, bytes] = {}
        self.keep_every = 1
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self.advance()

    def advance(self) -> None:
        if self.next == len(self._requests):
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = perf_counter()
        self._transport.write(self._requests[self.next])

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_HEAD_END)
        if end < 0:
            return
        head = self._received[:end].lower()
        position = head.index(b"content-length:") + 15
        length = int(head[position:].split(b"\r\n", 1)[0])
        if len(self._received) < end + len(_HEAD_END) + length:
            return
        taken = perf_counter() - self._sent_at
        if head[9:12] != b"200":
            self._fail(f"the server answered {bytes(self._received[:2000])!r}")
            return
        if self.next >= self._begin_after:
            self.latencies.append(taken)
            if self.next % self.keep_every == 0:
                self.answers[self.next] = bytes(self._received[end + len(_HEAD_END) :])
        self._received.clear()
        self.next += 1
        if self.next == self._begin_after:
            self._wait(self)
        else:
            self.advance()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self._fail("the server closed the connection")

    def _fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(reason))


def _same(connection: _Connection) -> _Connection:
    return connection


async def _run(load: Load) -> Measured:
    loop = asyncio.get_running_loop()
    warm: asyncio.Queue[_Connection] = asyncio.Queue()
    connections = []
    for headers, bodies in zip(load.headers, load.bodies, strict=True):
        head = f"POST {load.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        whole = [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies]
        connection = _Connection(whole, load.warm_up, warm.put_nowait)
        connection.keep_every = load.keep_every
        connections.append(connection)
        await loop.create_connection(partial(_same, connection), "127.0.0.1", load.port)
    everything = asyncio.gather(*(connection.done for connection in connections))
    for _ in connections:
        arrival = asyncio.ensure_future(warm.get())
        either: list[asyncio.Future[Any]] = [arrival, everything]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if everything.done():
            everything.result()
    before = [cpu_seconds(pid) for pid in load.watched]
    begun = perf_counter()
    for connection in connections:
        connection.advance()
    await everything
    seconds = perf_counter() - begun
    cpu = [cpu_seconds(pid) - earlier for pid, earlier in zip(load.watched, before, strict=True)]
    latencies = [latency for connection in connections for latency in connection.latencies]
    kept = [
        (bodies[index], answer)
        for bodies, connection in zip(load.bodies, connections, strict=True)
        for index, answer in connection.answers.items()
    ]
    return Measured(len(latencies), seconds, latencies, cpu, kept)


def generate(load: Load) -> Measured:
    """Run a load in a process of its own. Raises `RuntimeError` if any request was refused."""
    ran = subprocess.run([sys.executable, "-m", "bench.load"], input=msgspec.msgpack.encode(load), capture_output=True)
    if ran.returncode != 0:
        raise RuntimeError(ran.stderr.decode(errors="replace")[-3000:])
    return msgspec.msgpack.decode(ran.stdout, type=Measured)


if __name__ == "__main__":
    asked = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Load)
    # Nothing here makes cycles, and a collection would show up as somebody's latency.
    gc.disable()
    rest = memoryview(msgspec.msgpack.encode(uvloop.run(_run(asked))))
    # After uvloop a write of megabytes into a pipe ends early, and Python's own file would not tell.
    while rest:
        rest = rest[os.write(sys.stdout.fileno(), rest) :]
