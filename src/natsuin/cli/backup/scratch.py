"""Folders for what is decrypted or not encrypted yet, which do not outlive the command, however that ends.

A process that is killed with SIGKILL removes nothing. So a second process, which does nothing but wait for the end of
the first, removes the folder then; and what even that could not remove, because the host stopped, the next command
removes before it begins.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = ".in-use"
_WAIT_AND_REMOVE = "import shutil, sys; sys.stdin.buffer.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"


@contextmanager
def scratch_folder(prefix: str, folder: Path | None = None) -> Iterator[Path]:
    """A new folder below `folder`, or where temporary files are, for this process's user alone (mode 0700).

    Removed at the end, at an error, and within moments of this process being killed; those that a halt of the host left
    under the same prefix are removed first.
    """
    place = folder or Path(tempfile.gettempdir())
    _remove_abandoned(place, prefix)
    scratch = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    lock = os.open(scratch / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    # In a session of its own, so that no signal to the command's group ends it; the end of its input is the end of us.
    command = [sys.executable, "-I", "-S", "-c", _WAIT_AND_REMOVE, str(scratch)]
    remover = subprocess.Popen(  # noqa: S603  # The program is Python itself, and the folder one of our making.
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    # Short, because a restored configuration is read where it is made, and a socket's path has at most 107 bytes.
    work = scratch / "w"
    work.mkdir(mode=0o700)
    try:
        yield work
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os.close(lock)
        remover.communicate()


def _remove_abandoned(place: Path, prefix: str) -> None:
    for left in place.glob(f"{prefix}*"):
        if left.is_symlink() or not left.is_dir() or left.stat().st_uid != os.geteuid():
            continue
        try:
            lock = os.open(left / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            # Another command is just making it, or it is nothing of ours.
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
