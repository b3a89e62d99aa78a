"""Bounds on how often one source may try something, kept in memory of one process.

Guessing a passkey is hopeless in any case; the bounds keep hostile traffic from costing much. Failed sign-ins are
counted in `sign_in_limits`, and the counters that protect PINs in sam's database: a restart clears neither.
"""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from natsuin.authentication.errors import TooManyAttempts

MAX_SOURCES = 20_000
"""How many sources are remembered; the one seen longest ago is forgotten first."""


@lru_cache(maxsize=4096)
def source_of(address: str | None) -> str:
    """The unit that is counted: an IPv4 address or, since a site owns that many, an IPv6 /64 network."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class Throttle:
    """A bucket of `burst` tries for each source, refilled by one every `seconds`. Thread safe."""

    def __init__(self, burst: int, *, seconds: float, timer: Callable[[], float] = time.monotonic) -> None:
        self.burst = burst
        self.seconds = seconds
        self._timer = timer
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, source: str) -> None:
        """Raise `TooManyAttempts` if the bucket of `source` is empty. Takes nothing."""
        with self._lock:
            self._require_one(self._level(source))

    def take(self, source: str) -> None:
        """Use one try, or raise `TooManyAttempts` if none is left."""
        with self._lock:
            level = self._level(source)
            self._require_one(level)
            self._put(source, level - 1)

    def forget(self, source: str) -> None:
        """Fill the bucket of `source` again, after a success."""
        with self._lock:
            self._buckets.pop(source, None)

    def _level(self, source: str) -> float:
        level, at = self._buckets.get(source, (float(self.burst), self._timer()))
        return min(float(self.burst), level + (self._timer() - at) / self.seconds)

    def _require_one(self, level: float) -> None:
        if level < 1:
            raise TooManyAttempts(retry_after=max(1, round((1 - level) * self.seconds)))

    def _put(self, source: str, level: float) -> None:
        self._buckets[source] = (level, self._timer())
        self._buckets.move_to_end(source)
        while len(self._buckets) > MAX_SOURCES:
            self._buckets.popitem(last=False)
