"""One address of a witness, asked over HTTP. The witness may be hostile, and so may be who stands between.

What bounds it: the address from the configuration and nothing else (no redirection, no proxy, no retry elsewhere), one
deadline for a whole answer, and the most bytes that an answer can have. With https the witness is known by the
operating system's authorities, or by those in a file of its own. What an answer proves is a signature in it.
"""

import ssl
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from natsuin.signing_log.refusals import WitnessFailed
from natsuin.signing_log.timed_http import timed
from natsuin.signing_log.witnesses.requests import MAX_ANSWER

_ADD: Final = "add-checkpoint"
_MOST_RECEIVED: Final = 1 << 20
"""Bytes of one answer with its headers."""


@dataclass(frozen=True)
class Answer:
    """A status and a body, unchecked."""

    status: int
    body: bytes


class WitnessAddress:
    """A connection that is kept open between questions. For one thread at a time."""

    def __init__(self, url: str, *, seconds: float, authority: Path | None = None) -> None:
        """Nothing is connected yet. `authority` are the only certificate authorities that count (PEM).

        Raises `WitnessFailed` for what is no address, or a file that cannot be used.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise WitnessFailed("this is not the address of a witness") from error
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or parts.username:
            raise WitnessFailed("the address of a witness begins with http:// or https:// and has no query")
        self._connection: HTTPConnection
        if parts.scheme == "https":
            self._connection = HTTPSConnection(host, port, timeout=seconds, context=_context(authority))
        else:
            self._connection = HTTPConnection(host, port, timeout=seconds)
        self._connection.response_class = timed(seconds, _MOST_RECEIVED)
        self._path = f"{parts.path.rstrip('/')}/{_ADD}"

    def add_checkpoint(self, body: bytes) -> Answer:
        """Ask once; a connection that the witness closed meanwhile is opened again. Raises `WitnessFailed`."""
        kept = self._connection.sock is not None
        while True:
            try:
                return self._ask(body)
            except TimeoutError as error:
                self.close()
                raise WitnessFailed("the witness is too slow") from error
            except (HTTPException, OSError, ValueError) as error:
                self.close()
                if not kept:
                    raise WitnessFailed(f"the witness cannot be reached ({type(error).__name__})") from error
                kept = False

    def close(self) -> None:
        """Let go of the connection; another question opens a new one."""
        self._connection.close()

    def _ask(self, body: bytes) -> Answer:
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        self._connection.request("POST", self._path, body, headers)
        response = self._connection.getresponse()
        try:
            content = response.read(MAX_ANSWER + 1)
        finally:
            if not response.isclosed():
                # The rest of the answer stands in the way of the next one.
                self.close()
                response.close()
        if len(content) > MAX_ANSWER:
            raise WitnessFailed("the answer of the witness is longer than it can be")
        if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise WitnessFailed("the witness encoded its answer, which was not asked for")
        return Answer(response.status, content)


def _context(authority: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if authority is None else str(authority))
    except (OSError, ssl.SSLError) as error:
        raise WitnessFailed(
            "the certificate authorities for a witness cannot be read", hint="Look at log.witnesses.authority."
        ) from error
