"""Answers over HTTP that arrive whole before a deadline, however slowly a server drips.

The time limit of a socket is for each single piece of an answer, so a piece in time would keep a reader waiting for
ever.
"""

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any, Final

CHUNK: Final = 1 << 16


class TimedStream(io.RawIOBase):
    """What a socket receives until a deadline. The socket's own time limit is only for each single piece."""

    def __init__(self, connected: socket.socket, seconds: float) -> None:
        self._socket = connected
        self._inner = connected.makefile("rb", buffering=0)
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Raises `TimeoutError` after the deadline."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._inner.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket, which the connection may still use."""
        self._inner.close()
        super().close()


class TimedResponse(HTTPResponse):
    """An answer whose every byte, from the first of its status line, arrives before one deadline."""

    seconds = 30.0

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(TimedStream(sock, self.seconds), CHUNK)


def timed(seconds: float) -> type[TimedResponse]:
    """The class of answers, for a connection of `http.client`, that may take `seconds`."""
    return type("_Timed", (TimedResponse,), {"seconds": seconds})
