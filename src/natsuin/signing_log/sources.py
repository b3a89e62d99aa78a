"""Where the files of a log are read from: a folder, or the same files behind a URL."""

import os
import stat
from pathlib import Path
from typing import Protocol

from natsuin.signing_log.http_source import HTTPSource
from natsuin.signing_log.refusals import FileMissing, LogUnreachable


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
            # A pipe put in a file's place must not be waited for.
            descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise LogUnreachable(f"the file {name} of the log is no file")
                content = file.read(limit + 1) if status.st_size <= limit else None
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FileMissing(f"the file {name} of the log is missing") from error
        except OSError as error:
            raise LogUnreachable(f"the file {name} of the log cannot be read") from error
        if content is None or len(content) > limit:
            raise LogUnreachable(f"the file {name} of the log is longer than it can be")
        return content

    def close(self) -> None:
        """See `Source.close`: a folder needs nothing."""


def open_source(location: str | Path) -> Source:
    """The source that `location` names. Raises `LogUnreachable` for a URL of another scheme."""
    if isinstance(location, str) and "://" in location:
        return HTTPSource(location)
    return FolderSource(Path(location))
