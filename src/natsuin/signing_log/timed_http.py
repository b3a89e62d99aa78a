"""Answers over HTTP that arrive whole before a deadline, however slowly a server drips, and within a number of bytes.

The time limit of a socket is for each single piece of an answer, so a piece in time would keep a reader waiting for
ever. And `http.client` reads a chunk that says it has -1 bytes to the end of the connection, whatever was asked for.
"""

import io
import socket
import time
from http.client import HTTPException, HTTPResponse
from typing import Any, Final

CHUNK: Final = 1 << 16
MOST_RECEIVED: Final = 1 << 26
"""Bytes of one answer with its headers and chunk sizes, unless less is said: some times the largest file of a log."""


class TooMuchReceived(HTTPException):
    """The answer goes on beyond the most bytes that it may have."""


class TimedStream(io.RawIOBase):
    """What a socket receives until a deadline, and `most` bytes. The socket's own time limit is for each piece."""

    def __init__(self, connected: socket.socket, seconds: float, most: int = MOST_RECEIVED) -> None:
        self._socket = connected
        self._left = most
        self._inner = connected.makefile("rb", buffering=0)
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Raises `TimeoutError` after the deadline, `TooMuchReceived` beyond the most bytes."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        received = self._inner.readinto(buffer)
        self._left -= received or 0
        if self._left < 0:
            raise TooMuchReceived
        return received

    def close(self) -> None:
        """Let go of the socket, which the connection may still use."""
        self._inner.close()
        super().close()


class TimedResponse(HTTPResponse):
    """An answer whose every byte, from the first of its status line, arrives before one deadline."""

    seconds = 30.0
    most = MOST_RECEIVED

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(TimedStream(sock, self.seconds, self.most), CHUNK)


def timed(seconds: float, most: int = MOST_RECEIVED) -> type[TimedResponse]:
    """The class of answers, for a connection of `http.client`, that may take `seconds` and `most` bytes."""
    return type("_Timed", (TimedResponse,), {"seconds": seconds, "most": most})
