"""A log behind `http://` or `https://`, read from a server that may be hostile.

What bounds it: only these two schemes, no redirection, no content encoding (a few bytes of gzip can stand for
gigabytes), one deadline for a whole answer however slowly it drips, and the most bytes that the file can have, before
anything of it is looked at. What the bytes say is the reader's to check.
"""

from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from natsuin.signing_log.refusals import FileMissing, LogUnreachable
from natsuin.signing_log.timed_http import CHUNK, timed

SECONDS: Final = 30.0
"""For connecting, and for each whole answer."""


class HTTPSource:
    """Reads over one connection that is kept open. Not safe for use by several threads at once."""

    def __init__(self, url: str, *, seconds: float = SECONDS) -> None:
        """Nothing is asked yet. Raises `LogUnreachable` for what is no URL of a log."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise LogUnreachable("this is not the URL of a log") from error
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or parts.username:
            raise LogUnreachable("the URL of a log begins with http:// or https:// and has no query")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(host, port, timeout=seconds)
        self._connection.response_class = timed(seconds)
        self._prefix = parts.path.rstrip("/")

    def read(self, name: str, limit: int) -> bytes:
        """See `Source.read`. A connection that the server closed meanwhile is opened again once."""
        reopen = True
        while True:
            try:
                return self._request(name, limit)
            except TimeoutError as error:
                self._connection.close()
                raise LogUnreachable(f"the log is too slow with the file {name}") from error
            except (HTTPException, OSError, ValueError) as error:
                self._connection.close()
                if not reopen:
                    raise LogUnreachable(
                        "the log does not answer", hint="Check the address and the network."
                    ) from error
                reopen = False

    def close(self) -> None:
        """See `Source.close`. Reading again opens a new connection."""
        self._connection.close()

    def _request(self, name: str, limit: int) -> bytes:
        self._connection.request("GET", f"{self._prefix}/{name}")
        response = self._connection.getresponse()
        try:
            self._require_plain(response, name, limit)
            told = response.length
            content = response.read(limit + 1)
        finally:
            if not response.isclosed():
                # The rest of the answer stands in the way of the next one.
                self._connection.close()
                response.close()
        if len(content) > limit:
            raise LogUnreachable(f"the file {name} of the log is longer than it can be")
        if told is not None and len(content) != told:
            raise LogUnreachable(f"the log broke off in the middle of the file {name}")
        return content

    def _require_plain(self, response: HTTPResponse, name: str, limit: int) -> None:
        """Raise `FileMissing` or `LogUnreachable` unless the answer is the file itself."""
        if response.status in (404, 410):
            response.read(CHUNK)
            raise FileMissing(f"the file {name} of the log is missing")
        if response.status in (301, 302, 303, 307, 308):
            raise LogUnreachable(
                "the log is said to be elsewhere, and redirections are not followed", hint="Give the address itself."
            )
        if response.status != 200:
            raise LogUnreachable(f"the log answered {response.status} instead of the file {name}")
        if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise LogUnreachable(f"the log answered with an encoded file {name}, which was not asked for")
        if response.length is not None and response.length > limit:
            raise LogUnreachable(f"the file {name} of the log is longer than it can be")
