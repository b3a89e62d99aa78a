"""The log's folder as its one writer sees it: files that appear whole, or not at all, and become durable together.

Everyone may read the files and nobody else may write them, whatever the umask says (0755 and 0644).
"""

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from natsuin import faults
from natsuin.errors import StorageFailed
from natsuin.signing_log.refusals import LogLocked, LogMissing, LoosePermissions

_FOLDER_MODE: Final = 0o755
_FILE_MODE: Final = 0o644
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class LogFolder:
    """An exclusive hold of the folder, for one thread at a time. Every `OSError` becomes `StorageFailed`; nothing is
    retried.

    A failed fsync is final: Linux may then drop the unwritten pages and call the next fsync a success.
    """

    def __init__(self, folder: Path) -> None:
        """Open and lock the folder. Raises `LogMissing` when there is none, `LogLocked` when another writer has it."""
        try:
            self._folder = os.open(folder, _FOLDER_FLAGS)
        except OSError as error:
            raise LogMissing("the folder of the log is missing") from error
        self._made: set[str] = set()
        self._unsynchronised_folders: set[str] = set()
        self._unsynchronised_files: dict[str, int] = {}
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._folder)
            hint = "That is sam, if it is running: stop it first."
            raise LogLocked("another process writes this log", hint=hint) from error

    def refuse_loose_permissions(self, *names: str) -> None:
        """Raise `LoosePermissions` if anybody but the owner may write the folder or one of `names` in it.

        Raises `StorageFailed` when that cannot be told.
        """
        for name in (".", *names):
            try:
                mode = os.stat(name, dir_fd=self._folder).st_mode
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _failure(error) from error
            if mode & 0o022:
                called = "the folder of the log" if name == "." else f"{name} in the folder of the log"
                raise LoosePermissions(f"others may write {called}", hint="Take away their right (chmod go-w).")

    def write(self, name: str, content: bytes, *, compared: bool = False) -> None:
        """Write the file anew under `name`, replacing an older one at once. Durable after `detach().synchronise()`.

        Of several widths of one tile only the last need ever become durable. `compared` reads the file back before it
        takes the place of the older one, for those who have no other way to tell. Raises `StorageFailed`.
        """
        parent, _, base = name.rpartition("/")
        new = f"{parent}/.{base}.new" if parent else f".{base}.new"
        try:
            if parent and parent not in self._made:
                self._make_folder(parent)
            descriptor = self._create(new)
            tile = _tile(name)
            older = self._unsynchronised_files.pop(tile, None)
            self._unsynchronised_files[tile] = descriptor
            if older is not None:
                os.close(older)
            os.fchmod(descriptor, _FILE_MODE)
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            faults.point("log.file_written")
            if compared and os.pread(descriptor, len(content) + 1, 0) != content:
                raise StorageFailed("a file of the log did not come back as it was written")
            os.rename(new, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError as error:
            raise _failure(error) from error
        self._unsynchronised_folders.add(parent or ".")

    def _create(self, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            return os.open(name, flags, _FILE_MODE, dir_fd=self._folder)
        except FileExistsError:
            # Left by a process that died. It is not written over, so that none of its doubtful pages live on.
            os.unlink(name, dir_fd=self._folder)
            return os.open(name, flags, _FILE_MODE, dir_fd=self._folder)

    def _make_folder(self, name: str) -> None:
        parent = name.rpartition("/")[0]
        if parent and parent not in self._made:
            self._make_folder(parent)
        try:
            os.mkdir(name, _FOLDER_MODE, dir_fd=self._folder)
            os.chmod(name, _FOLDER_MODE, dir_fd=self._folder)
        except FileExistsError:
            # Whether the process that made it lived to make it durable is unknown, so it is synchronised in any case.
            pass
        self._made.add(name)
        self._unsynchronised_folders.add(parent or ".")

    def detach(self) -> "Unsynchronised":
        """Hand over everything written so far, to be made durable by whoever calls its `synchronise`."""
        files = tuple(self._unsynchronised_files.values())
        folders = tuple(self._unsynchronised_folders)
        self._unsynchronised_files.clear()
        self._unsynchronised_folders.clear()
        return Unsynchronised(self._folder, files, folders)

    def read_back(self, name: str, length: int) -> bytes:
        """What the file that was last written under `name` now holds; more than `length` bytes if it is longer.

        Only between `write` and `detach`. Raises `StorageFailed`.
        """
        try:
            return os.pread(self._unsynchronised_files[_tile(name)], length + 1, 0)
        except OSError as error:
            raise _failure(error) from error

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder. Raises `StorageFailed` when that cannot be told."""
        try:
            os.stat(name, dir_fd=self._folder)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise _failure(error) from error
        return True

    def remove_folder(self, name: str) -> None:
        """Remove a folder and the files in it. What cannot be removed stays; nothing depends on it."""
        try:
            descriptor = os.open(name, _FOLDER_FLAGS, dir_fd=self._folder)
        except OSError:
            return
        try:
            for file in list(os.scandir(descriptor)):
                os.unlink(file.name, dir_fd=descriptor)
            os.rmdir(name, dir_fd=self._folder)
            self._made.discard(name)
            self._unsynchronised_folders.discard(name)
        except OSError:
            return
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of the folder. May be called again."""
        _close(*self._unsynchronised_files.values())
        self._unsynchronised_files.clear()
        if self._folder >= 0:
            _close(self._folder)
        self._folder = -1


class Unsynchronised:
    """Files and folders that may still be in memory only. For one call of `synchronise`, by any one thread."""

    def __init__(self, folder: int, files: tuple[int, ...], folders: tuple[str, ...]) -> None:
        """`folder` is a descriptor that stays open; `files` are descriptors that now belong to this object."""
        self._folder, self._files, self._folders = folder, files, folders

    def synchronise(self) -> None:
        """Make all of it durable, contents and names. Raises `StorageFailed`.

        The files were kept open until now: Linux reports a failed write to those who held the file meanwhile.
        """
        try:
            for descriptor in self._files:
                os.fsync(descriptor)
            for name in self._folders:
                self._synchronise_folder(name)
        except OSError as error:
            raise _failure(error) from error
        finally:
            _close(*self._files)

    def _synchronise_folder(self, name: str) -> None:
        try:
            folder = os.open(name, _FOLDER_FLAGS, dir_fd=self._folder)
        except FileNotFoundError:
            # It held partial tiles only and was removed meanwhile, as they were no longer needed.
            return
        try:
            os.fsync(folder)
        finally:
            _close(folder)


def _close(*descriptors: int) -> None:
    """Let go of files. What fsync(2) said of them stands, and of others nothing was promised, so that an error of
    close(2) changes nothing."""
    for descriptor in descriptors:
        with suppress(OSError):
            os.close(descriptor)


def _tile(name: str) -> str:
    """The tile whose width `name` is, or the name itself."""
    return name.partition(".p/")[0]


def _failure(error: OSError) -> StorageFailed:
    reason = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EFBIG: "a file is too long",
    }
    return StorageFailed(f"the log cannot be written: {reason.get(error.errno or 0, 'the disk reports an error')}")
