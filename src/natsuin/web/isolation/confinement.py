"""What holds a child process that reads hostile documents, in layers that do not rely on each other.

1. Hard limits: memory, processor time, no file descriptor, process, file, core dump, message queue or locked memory
   more than it has (setrlimit(2)).
2. Nothing to gain and nothing to see: no new privileges, no capabilities, not traceable, closed descriptors, an empty
   environment, and it dies with its parent (prctl(2)).
3. Another user, if the service runs as root; otherwise a user namespace. A network namespace without a network.
4. Landlock: no file.
5. A filter of system calls: it may compute, and talk over its one socket.

The first two always hold, and so does the fourth or the fifth, or no child starts. The rest is used where kernel and
container allow it; what is missing is told.
"""

import os
import resource
import signal
import socket
from collections.abc import Callable

from natsuin.web.isolation.kernel import (
    DUMPABLE,
    NO_NEW_PRIVILEGES,
    PARENT_DEATH_SIGNAL,
    drop_capabilities,
    prctl,
    unshare,
)
from natsuin.web.isolation.landlock import forbid_everything
from natsuin.web.isolation.system_calls import allow_only_computing

NOBODY = 65534
_NEW_USER, _NEW_NETWORK, _NEW_IPC, _NEW_UTS = 0x10000000, 0x40000000, 0x08000000, 0x04000000
_APART = _NEW_NETWORK | _NEW_IPC | _NEW_UTS
_NONE_MORE = ("CORE", "FSIZE", "NPROC", "MEMLOCK", "MSGQUEUE", "SIGPENDING", "NICE", "RTPRIO")


class NotConfined(Exception):
    """The kernel refused what no child may be without."""


class Layers:
    """The layers in force in this process, and those that are missing, with the reason."""

    def __init__(self) -> None:
        self.in_force: list[str] = []
        self.missing: list[str] = []

    def take(self, name: str, layer: Callable[[], str]) -> bool:
        """Put one layer in force, or note why that failed."""
        try:
            self.in_force.append(layer())
        except OSError as error:
            self.missing.append(f"{name} ({error.strerror or error})")
            return False
        return True


def leave_the_service(layers: Layers) -> None:
    """The part that the forking process takes, which its children inherit. It has one thread, and needs no file any
    more. Raises `NotConfined`."""
    os.umask(0o077)
    os.chdir("/")
    if os.geteuid() == 0:
        apart = layers.take("network namespace", _network_namespace)
        if layers.take("another user", _become_nobody) and not apart:
            layers.take("user namespace", _user_namespace)
    else:
        layers.take("user and network namespace", _user_namespace)
    try:
        drop_capabilities()
        _protect()
    except OSError as error:
        raise NotConfined(f"privileges cannot be given up: {error.strerror}") from error


def confine(connection: socket.socket, layers: Layers, *, parent: int, cpu_seconds: int, memory_bytes: int) -> None:
    """Shut a fresh child in, with nothing but `connection`, for the rest of its life. Raises `NotConfined`."""
    try:
        memory = _address_space() + memory_bytes
        _protect()
        prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:
            raise NotConfined("the forking process is gone")
        _close_all_but(connection)
        has_landlock = layers.take("Landlock", forbid_everything)
        _limit(cpu_seconds, memory)
    except (OSError, ValueError) as error:
        raise NotConfined(f"limits cannot be set: {error}") from error
    layers.in_force[:0] = ["hard limits", "no privileges"]
    if not layers.take("system call filter", allow_only_computing) and not has_landlock:
        raise NotConfined(", ".join(layers.missing))


def try_to_break_out(parent: int) -> None:
    """In a confined child: see that what must fail does fail. Raises `NotConfined`."""
    attempts: dict[str, Callable[[], object]] = {
        "open a file": lambda: os.open("/", os.O_RDONLY),
        "open a socket": socket.socket,
        "start a process": _fork,
        "signal its parent": lambda: os.kill(parent, 0),
    }
    for what, attempt in attempts.items():
        try:
            attempt()
        except OSError:
            continue
        raise NotConfined(f"a confined process can still {what}")


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _network_namespace() -> str:
    unshare(_APART)
    return "network namespace"


def _user_namespace() -> str:
    unshare(_NEW_USER | _APART)
    return "user and network namespace"


def _become_nobody() -> str:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    return f"user {NOBODY}"


def _protect() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl(NO_NEW_PRIVILEGES, 1)
    prctl(DUMPABLE, 0)


def _close_all_but(connection: socket.socket) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        if standard != connection.fileno():
            os.dup2(nothing, standard, inheritable=False)
    kept = connection.fileno()
    os.closerange(3, kept)
    os.closerange(max(3, kept + 1), os.sysconf("SC_OPEN_MAX"))


def _limit(cpu_seconds: int, memory: int) -> None:
    for name in _NONE_MORE:
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (0, 0))
    # Descriptors that are open stay open; no further one can be had.
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _address_space() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  pathlib would allocate more in the limited process
        return int(file.read().split()[0]) * resource.getpagesize()
