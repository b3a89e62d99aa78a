"""A process whose system calls are counted, or made to fail or to kill it, by strace(1)."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DISK_CALLS = (
    "openat,write,pwrite64,pread64,fsync,fdatasync,rename,renameat,unlink,unlinkat,mkdirat,rmdir,"
    "ftruncate,fchmod,fchmodat,flock,fcntl,close,newfstatat,getdents64"
)
"""The system calls by which a process reaches files, on Linux."""


@dataclass(frozen=True)
class Injection:
    """What the `number`-th call of `call` comes to; all the later ones, too, if `sticky`."""

    call: str
    number: int
    what: str
    """As strace writes it: `signal=KILL`, `error=EIO`."""
    sticky: bool = False

    def __str__(self) -> str:
        return f"{self.call}:{self.what}:when={self.number}{'+' if self.sticky else ''}"


@contextmanager
def traced(thread: int, notes: Path, *, inject: Injection | None = None) -> Iterator[None]:
    """strace holds this thread, and no other, from now on; it writes what it saw into `notes`.

    strace counts calls in each thread by itself, so that with several threads the faults of one would hide another's.
    """
    command = ["strace", "-o", str(notes), "-e", f"trace={DISK_CALLS}", "-e", "signal=none"]
    if inject is not None:
        command += ["-e", f"inject={inject}"]
    tracer = subprocess.Popen([*command, "-p", str(thread)], stderr=subprocess.PIPE, text=True)
    try:
        assert tracer.stderr is not None
        line = tracer.stderr.readline()
        assert "attached" in line, line
        yield
        tracer.communicate(timeout=60)
    finally:
        tracer.kill()
        tracer.communicate()


def counts(notes: Path) -> dict[str, int]:
    """How often each system call was made."""
    found: dict[str, int] = {}
    for line in notes.read_text().splitlines():
        call = re.match(r"(\w+)\(", line)
        if call is not None:
            found[call[1]] = found.get(call[1], 0) + 1
    return found


def injected(notes: Path) -> int:
    """How many calls were made to fail."""
    return sum("(INJECTED)" in line for line in notes.read_text().splitlines())


def reap(process: int) -> int:
    """The exit status of a child, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
