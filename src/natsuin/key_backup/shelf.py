"""The folder in which sam keeps archives: one file each, whole or not there."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from natsuin.errors import NotFound, StorageFailed
from natsuin.key_backup.archive import LARGEST

SUFFIX = ".natsuin-key"
_UNFINISHED = ".new"
_NAME = re.compile(r"[0-9a-f]{32}", re.ASCII)


def read_plain(path: Path) -> bytes | None:
    """What is in a file, no more of it than tells that it is too large for an archive; None for a link, a pipe, or
    whatever else is no file: nobody waits for it or reads by it what others may not. Raises `OSError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            return None
        raise
    with os.fdopen(descriptor, "rb") as file:
        return file.read(LARGEST + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


@dataclass(frozen=True)
class Shelf:
    """Files by archive id. Safe from several threads; what returns is durable; the folder is made when it is needed."""

    folder: Path

    def put(self, archive_id: str, content: bytes) -> None:
        """Write the file aside: `finish` makes it count. Raises `StorageFailed`."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(self._path(archive_id, _UNFINISHED), flags, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageFailed("the archive of a key cannot be written", hint="Look at sam.archive_folder.") from error

    def finish(self, archive_id: str) -> None:
        """Give the file its name. Raises `StorageFailed`."""
        try:
            self._path(archive_id, _UNFINISHED).rename(self._path(archive_id))
            self._synchronise()
        except OSError as error:
            raise StorageFailed("the archive of a key cannot be kept") from error

    def read(self, archive_id: str) -> bytes:
        """The file. Raises `NotFound`."""
        if not _NAME.fullmatch(archive_id):
            raise NotFound("there is no such archive")
        return self._read(self._path(archive_id))

    def read_unfinished(self, archive_id: str) -> bytes:
        """A file that was put and not finished. Raises `NotFound`."""
        return self._read(self._path(archive_id, _UNFINISHED))

    def has(self, archive_id: str) -> bool:
        """Whether the file is here; it may have been carried elsewhere."""
        return self._path(archive_id).exists()

    def remove(self, archive_id: str) -> None:
        """Delete the file, finished or not; nothing if there is none."""
        for path in (self._path(archive_id), self._path(archive_id, _UNFINISHED)):
            path.unlink(missing_ok=True)

    def finished(self) -> Iterator[str]:
        """Ids of the archives here, in their order."""
        yield from self._names(SUFFIX)

    def unfinished(self) -> Iterator[str]:
        """Ids of files that a crash left."""
        yield from self._names(SUFFIX + _UNFINISHED)

    def _names(self, ending: str) -> list[str]:
        if not self.folder.is_dir():
            return []
        names = (path.name.removesuffix(ending) for path in self.folder.glob(f"*{ending}"))
        return sorted(name for name in names if _NAME.fullmatch(name))

    def _read(self, path: Path) -> bytes:
        try:
            content = read_plain(path)
        except OSError as error:
            hint = "Put the file back into sam.archive_folder."
            raise NotFound("there is no such archive", hint=hint) from error
        if content is None:
            raise NotFound("what is in the archive's place is no file", hint="Put the archive's own file there.")
        return content

    def _path(self, archive_id: str, unfinished: str = "") -> Path:
        return self.folder / f"{archive_id}{SUFFIX}{unfinished}"

    def _synchronise(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
