"""The bounds: what nothing built on these libraries could undercut on this machine, measured beside the service."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from bench.cpu import Cost, cost_of
from bench.load import Load, Measured, generate
from natsuin.cli.demo.story import free_port

Work = Callable[[], object]
_DIGEST = bytes(32)
_HASH = Prehashed(hashes.SHA256())
_SLICE_SECONDS = 0.3


@dataclass(frozen=True)
class KeyBound:
    """One kind of private-key operation, in seconds of CPU each while `threads` threads do nothing else."""

    threads: int
    warm: float
    """With a key that has signed before."""
    opened: float
    """The key loaded from its bytes and used once, as a service must that keeps no key in memory."""
    rate: float
    """Operations with a warm key in a second, of all threads together."""


class KeyOperations:
    """Raw operations of `cryptography` with a key of each kind. Measure them often: machines change their pace."""

    def __init__(self) -> None:
        self._work = {"rsa-3072": _rsa_work(), "p-256": _p256_work()}
        self._seen: dict[tuple[str, int], list[KeyBound]] = {}

    def measure(self, algorithm: str) -> None:
        """A short measurement with one thread and with two."""
        warm, opened = self._work[algorithm]
        for threads in (1, 2):
            warm_cost = _together(warm, threads)
            opened_cost = _together(opened, threads)
            bound = KeyBound(threads, warm_cost.cpu, opened_cost.cpu, threads / warm_cost.wall)
            self._seen.setdefault((algorithm, threads), []).append(bound)

    def bound(self, algorithm: str, threads: int) -> KeyBound:
        """The median of what was measured so far."""
        seen = self._seen[algorithm, threads]
        return KeyBound(
            threads,
            median(one.warm for one in seen),
            median(one.opened for one in seen),
            median(one.rate for one in seen),
        )

    def latest(self, algorithm: str, threads: int, count: int) -> KeyBound:
        """The mean of the last `count` measurements: those around something that was just measured."""
        seen = self._seen[algorithm, threads][-count:]
        return KeyBound(
            threads,
            sum(one.warm for one in seen) / len(seen),
            sum(one.opened for one in seen) / len(seen),
            sum(one.rate for one in seen) / len(seen),
        )


def _together(work: Work, threads: int) -> Cost:
    """The mean cost of a call while `threads` threads make it."""
    if threads == 1:
        return cost_of(work, seconds=_SLICE_SECONDS)
    with ThreadPoolExecutor(threads) as pool:
        costs = list(pool.map(lambda _: cost_of(work, seconds=_SLICE_SECONDS), range(threads)))
    return Cost(sum(cost.cpu for cost in costs) / threads, sum(cost.wall for cost in costs) / threads)


def _rsa_work() -> tuple[Work, Work]:
    key = rsa.generate_private_key(65537, 3072)
    kept = _pkcs8(key)

    def opened() -> object:
        loaded = serialization.load_der_private_key(kept, None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(loaded, rsa.RSAPrivateKey)
        return loaded.sign(_DIGEST, padding.PKCS1v15(), _HASH)

    return (lambda: key.sign(_DIGEST, padding.PKCS1v15(), _HASH)), opened


def _p256_work() -> tuple[Work, Work]:
    key = ec.generate_private_key(ec.SECP256R1())
    kept = _pkcs8(key)

    def opened() -> object:
        loaded = serialization.load_der_private_key(kept, None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        return loaded.sign(_DIGEST, ec.ECDSA(_HASH))

    return (lambda: key.sign(_DIGEST, ec.ECDSA(_HASH))), opened


def _pkcs8(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def durable_append(seconds: float) -> Cost:
    """Append 300 bytes and wait for the disk, alone."""
    with tempfile.TemporaryFile(dir=tempfile.gettempdir()) as file:
        descriptor = file.fileno()

        def work() -> None:
            os.write(descriptor, bytes(300))
            os.fdatasync(descriptor)

        return cost_of(work, seconds=seconds)


def bare_http(body: bytes, *, connections: int, requests: int) -> Measured:
    """The smallest Starlette route on uvicorn, asked with the same body by the same load generator."""
    with _bare_server() as (port, pid):
        bodies = [[body] * (requests // connections) for _ in range(connections)]
        headers = [{"Host": "localhost", "Content-Type": "application/json"}] * connections
        return generate(Load(port, "/", headers, bodies, warm_up=20, watched=[pid]))


@contextmanager
def _bare_server() -> Iterator[tuple[int, int]]:
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "bench.bare_server", str(port)])
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait()


def busy_cores() -> int:
    """How many cores a process of this machine may use."""
    return len(os.sched_getaffinity(0))
