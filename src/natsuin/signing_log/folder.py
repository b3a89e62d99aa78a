"""The log's folder as its one writer sees it: files that appear whole and durable, or not at all.

Everyone may read the files and nobody else may write them, whatever the umask says (0755 and 0644).
"""

import errno
import fcntl
import os
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
        self._unsynchronised: set[str] = set()
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._folder)
            hint = "Stop the other process that writes this log."
            raise LogLocked("another process writes this log", hint=hint) from error

    def refuse_loose_permissions(self, *names: str) -> None:
        """Raise `LoosePermissions` if anybody but the owner may write the folder or one of `names` in it."""
        for name in (".", *names):
            try:
                mode = os.stat(name, dir_fd=self._folder).st_mode
            except FileNotFoundError:
                continue
            if mode & 0o022:
                called = "the folder of the log" if name == "." else f"{name} in the folder of the log"
                raise LoosePermissions(f"others may write {called}", hint="Take away their right (chmod go-w).")

    def write(self, name: str, content: bytes) -> None:
        """Write the file anew under `name`, replacing an older one at once. The content is durable on return.

        The name is durable after `synchronise`, except directly in the folder: after a power cut the older file may be
        back there, so only what can be written again goes there. Raises `StorageFailed`.
        """
        parent, _, base = name.rpartition("/")
        new = f"{parent}/.{base}.new" if parent else f".{base}.new"
        try:
            if parent and parent not in self._made:
                self._make_folder(parent)
            descriptor = self._create(new)
            try:
                os.fchmod(descriptor, _FILE_MODE)
                rest = memoryview(content)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                faults.point("log.file_written")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(new, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError as error:
            raise _failure(error) from error
        if parent:
            self._unsynchronised.add(parent)

    def _create(self, name: str) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
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
        self._unsynchronised.add(parent or ".")

    def synchronise(self) -> None:
        """Make the names of everything written so far durable. Raises `StorageFailed`."""
        try:
            for name in self._unsynchronised:
                descriptor = os.open(name, _FOLDER_FLAGS, dir_fd=self._folder)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise _failure(error) from error
        self._unsynchronised.clear()

    def read(self, name: str) -> bytes:
        """The file as it now is. Raises `StorageFailed`: it is used for files that this process wrote."""
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folder)
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                return file.read()
        except OSError as error:
            raise _failure(error) from error

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        try:
            os.stat(name, dir_fd=self._folder)
        except OSError:
            return False
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
            self._unsynchronised.discard(name)
        except OSError:
            return
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._folder)


def _failure(error: OSError) -> StorageFailed:
    reason = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EFBIG: "a file is too long",
    }
    return StorageFailed(f"the log cannot be written: {reason.get(error.errno or 0, 'the disk reports an error')}")
