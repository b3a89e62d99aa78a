"""Where the files of a log are read from: a folder, or the same files behind a URL."""

import os
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from natsuin.signing_log.refusals import FileMissing, LogUnreachable

_TIMEOUT_SECONDS: Final = 30.0


class Source(Protocol):
    """Files of one log by their names below its prefix, such as `checkpoint` or `tile/0/000`.

    What is read is unverified. Not safe for use by several threads at once.
    """

    def read(self, name: str, limit: int) -> bytes:
        """The whole file. Raises `FileMissing`, or `LogUnreachable` when it cannot be read or is above `limit` bytes.

        Reading changes nothing; the caller may retry after `LogUnreachable`.
        """
        ...

    def close(self) -> None:
        """Let go of what reading needed."""
        ...


class FolderSource:
    """A log in a folder of this machine. Safe for use by several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str, limit: int) -> bytes:
        """See `Source.read`."""
        try:
            with (self._folder / name).open("rb", buffering=0) as file:
                if os.fstat(file.fileno()).st_size > limit:
                    raise LogUnreachable(f"the file {name} of the log is longer than it can be")
                return file.read()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FileMissing(f"the file {name} of the log is missing") from error
        except OSError as error:
            raise LogUnreachable(f"the file {name} of the log cannot be read") from error

    def close(self) -> None:
        """See `Source.close`: a folder needs nothing."""


class HTTPSource:
    """A log behind `http://` or `https://`, over one connection that is kept open. Redirections are not followed."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise LogUnreachable("this is not the URL of a log") from error
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
            raise LogUnreachable("the URL of a log begins with http:// or https:// and has no query")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(host, port, timeout=_TIMEOUT_SECONDS)
        self._prefix = parts.path.rstrip("/")

    def read(self, name: str, limit: int) -> bytes:
        """See `Source.read`. A connection that the server closed meanwhile is opened again once."""
        for attempt in (1, 2):
            try:
                return self._request(name, limit)
            except (HTTPException, OSError, ValueError) as error:
                self._connection.close()
                if attempt == 2:
                    raise LogUnreachable(
                        "the log does not answer", hint="Check the address and the network."
                    ) from error
        raise AssertionError

    def close(self) -> None:
        """See `Source.close`. Reading again opens a new connection."""
        self._connection.close()

    def _request(self, name: str, limit: int) -> bytes:
        self._connection.request("GET", f"{self._prefix}/{name}")
        response = self._connection.getresponse()
        content = response.read(limit + 1)
        if not response.isclosed():
            self._connection.close()
        if response.status in (404, 410):
            raise FileMissing(f"the file {name} of the log is missing")
        if response.status != 200:
            raise LogUnreachable(f"the log answered {response.status} instead of the file {name}")
        if len(content) > limit:
            raise LogUnreachable(f"the file {name} of the log is longer than it can be")
        return content


def open_source(location: str | Path) -> Source:
    """The source that `location` names. Raises `LogUnreachable` for a URL of another scheme."""
    if isinstance(location, str) and "://" in location:
        return HTTPSource(location)
    return FolderSource(Path(location))
