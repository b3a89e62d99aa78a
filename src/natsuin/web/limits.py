"""Every bound on what strangers may keep busy: connections, running requests, bodies under way.

They are settings of the code and not of the installation: what is right here depends on how the server works, and a
test can have small ones.
"""

import resource
import sys
from dataclasses import dataclass, replace

_KIBIBYTE = 1024
_MEBIBYTE = 1024 * _KIBIBYTE
_FILES_FOR_OTHERS = 512
"""Open files that connections leave for databases, documents and sam."""


@dataclass(frozen=True)
class WebLimits:
    """Bounds of one web process. Seconds, bytes and numbers of things."""

    head_seconds: float = 10
    """From the connect, or the first moment a kept connection may be closed, until a whole request head is there."""
    idle_seconds: int = 15
    """How long a connection is kept between two requests."""
    write_seconds: float = 60
    """How long an answer may wait for the client to take any of it."""
    connections: int = 4000
    """Open connections in all. Above it the one that waits longest for its client makes room for the new one."""
    connections_per_source: int = 256
    """The same for one source, as `source_of` counts it. Does not hold for trusted proxies."""
    running: int = 512
    """Requests that the server works on at the same time; those that wait for their client are not counted."""
    stall_seconds: float = 60
    """How long a body may stand still."""
    body_grace_seconds: float = 30
    """How much longer than its size allows a body may take."""
    body_bytes_per_second: int = 32 * _KIBIBYTE
    """The slowest pace of a body."""
    free_body_bytes: int = 64 * _KIBIBYTE
    """So much of each body is not counted: nobody is kept from signing in or approving by the uploads of others."""
    anonymous_bytes: int = 256 * _MEBIBYTE
    """Bodies under way of people who are not signed in, together."""
    anonymous_bytes_each: int = 128 * _MEBIBYTE
    """The same for one source."""
    signed_in_bytes: int = 1024 * _MEBIBYTE
    """Bodies under way of people who are signed in, together."""
    signed_in_bytes_each: int = 256 * _MEBIBYTE
    """The same for one person."""
    readiness_seconds: float = 1
    """How old the answer of `/readyz` may be."""

    def within(self, open_files: int) -> "WebLimits":
        """The same with no more connections than a process with so many files may have."""
        return replace(self, connections=max(1, min(self.connections, open_files - _FILES_FOR_OTHERS)))


def raise_open_files() -> int:
    """Let this process open as many files as it may (RLIMIT_NOFILE, getrlimit(2)). Returns how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard
