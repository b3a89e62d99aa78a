"""What code would try that took over a child process that reads documents: a program for `natsuin.web.isolation`'s
forking process whose children attack instead of reading. Layers named as arguments are left out, as on a kernel without
them.

Each attack answers "done", or the name of the error that stopped it; called in a test's own process it is "done".
"""

import ctypes
import errno
import functools
import itertools
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, NEW_USER = 16, 0x10000000
held: list[object] = []


def attack(function: Callable[..., object]) -> Callable[..., str]:
    @functools.wraps(function)
    def tried(*arguments: object) -> str:
        try:
            answer = function(*arguments)
        except OSError as error:
            return errno.errorcode.get(error.errno or 0, "OSError")
        except ValueError:
            # Python's word for a hard limit that cannot be raised.
            return "EPERM"
        except RuntimeError:
            # Its word for a thread that cannot be started.
            return "EAGAIN"
        if isinstance(answer, int) and answer < 0:
            return errno.errorcode[ctypes.get_errno()]
        return "done"

    return tried


@attack
def read_file(path: str) -> None:
    Path(path).read_bytes()


@attack
def list_folder(path: str) -> None:
    os.listdir(path)  # noqa: PTH208


@attack
def look_at_file(path: str) -> None:
    os.stat(path)  # noqa: PTH116


@attack
def write_file(path: str) -> None:
    Path(path).write_bytes(b"x")


@attack
def change_mode(path: str) -> None:
    os.chmod(path, 0o666)  # noqa: PTH101, S103  # what is tried is the system call


@attack
def remove_file(path: str) -> None:
    os.unlink(path)  # noqa: PTH108


@attack
def connect_unix(path: str) -> None:
    socket.socket(socket.AF_UNIX).connect(path)


@attack
def connect_tcp(port: int) -> None:
    socket.create_connection(("127.0.0.1", port)).close()


@attack
def run_program() -> None:
    subprocess.run(["/bin/true"], check=True)


@attack
def exchange_program() -> None:
    os.execv("/bin/true", ["true"])  # noqa: S606


@attack
def fork_bomb() -> None:
    for _ in range(50):
        if os.fork() == 0:
            time.sleep(5)
            os._exit(0)


@attack
def start_thread() -> None:
    threading.Thread(target=int).start()


@attack
def signal_process(number: int) -> None:
    os.kill(number, 0)


@attack
def kill_process(number: int) -> None:
    os.kill(number, signal.SIGKILL)


@attack
def trace(number: int) -> int:
    return LIBC.ptrace(PTRACE_ATTACH, number, None, None)


@attack
def read_memory_file(number: int) -> None:
    Path(f"/proc/{number}/mem").open("rb").close()


@attack
def read_environment(number: int) -> None:
    Path(f"/proc/{number}/environ").read_bytes()


@attack
def limit_process(number: int) -> None:
    resource.prlimit(number, resource.RLIMIT_CORE)


@attack
def raise_limits() -> None:
    for name in ("CPU", "AS", "NOFILE", "NPROC", "FSIZE"):
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (4096, 4096))


@attack
def memory_file() -> int:
    return LIBC.memfd_create(b"x", 0)


@attack
def executable_memory() -> None:
    held.append(mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC))


@attack
def new_namespace() -> int:
    return LIBC.unshare(NEW_USER)


@attack
def open_pipe() -> None:
    held.append(os.pipe())


def environment() -> list[str]:
    return list(os.environ)


def descriptors() -> list[int]:
    found = []
    for number in range(1024):
        try:
            os.lseek(number, 0, os.SEEK_CUR)
        except OSError as error:
            if error.errno == errno.EBADF:
                continue
        found.append(number)
    return found


def identity() -> list[int]:
    before = len(held)
    held.append(None)
    return [os.getpid(), before, len(held)]


def take_memory() -> int:
    taken = bytearray(10 * 1024**3)
    return len(taken)


def spin() -> None:
    for _ in itertools.count():
        pass


def sleep_for_ever() -> None:
    os.read(descriptors()[-1], 1)


def answer_bytes(content: bytes, *, pause: float = 0.0) -> None:
    """Say `content` to the parent instead of an answer; with a `pause`, byte by byte and for ever."""
    connection = next(n for n in descriptors() if n > 2)
    os.write(connection, content)
    while pause:
        os.write(connection, b"x")
        begun = time.monotonic()
        while time.monotonic() - begun < pause:
            pass
    os._exit(0)


def import_a_module() -> str:
    import this  # noqa: F401

    return "done"


FUNCTIONS: dict[str, Callable[..., object]] = {
    name: found
    for name, found in tuple(globals().items())
    if callable(found) and getattr(found, "__module__", "") == __name__ and name != "attack"
}

if __name__ == "__main__":
    from natsuin.web.isolation import confinement, worker

    def absent() -> str:
        raise OSError(errno.ENOSYS, "not in this kernel")

    for layer in sys.argv[1:]:
        setattr(confinement, layer, absent)
    worker.main(lambda: FUNCTIONS)
