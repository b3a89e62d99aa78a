"""What sam gives up when it starts, so that its memory stays its own.

No core dump (setrlimit(2)), no tracing and no reading of /proc/PID/mem by other processes of the same user, and none of
its files in /proc theirs to open (prctl(2), PR_SET_DUMPABLE, proc(5)), no gain of rights by executing something
(PR_SET_NO_NEW_PRIVS), no file readable by others (umask(2)), no memory written to swap where that is allowed
(mlockall(2)). A process with CAP_SYS_PTRACE, such as root's, is stopped by none of this.
"""

import ctypes
import os
import resource
import signal

import structlog

from natsuin.errors import Refused

_PR_SET_PDEATHSIG = 1
_PR_GET_DUMPABLE = 3
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_MCL_CURRENT = 1
_MCL_FUTURE = 2
_MCL_ONFAULT = 4

_log = structlog.get_logger("natsuin.sam")


class HardeningRefused(Refused):
    """The operating system does not let the process protect itself. It does not start."""

    code = "hardening"


def harden() -> None:
    """Take all of it, for the rest of this process's life. Call it before the first secret is read.

    Memory is locked as it comes into use if the limit allows any amount; otherwise that is logged and left out, because
    the limit would make ordinary work fail later.

    Raises:
        HardeningRefused: one of the others failed.
    """
    os.umask(0o077)
    library = ctypes.CDLL(None, use_errno=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(library, _PR_SET_DUMPABLE, 0)
    forbid_new_rights()
    if library.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise HardeningRefused("The process can still be traced.")
    _lock_memory(library)


def forbid_new_rights() -> None:
    """Nothing that this process executes gains rights, whatever its mode bits say. Raises `HardeningRefused`."""
    _prctl(ctypes.CDLL(None, use_errno=True), _PR_SET_NO_NEW_PRIVS, 1)


def allow_memory_locks() -> None:
    """Lift the limit on locked memory, which only root may, for a process that is about to become another user."""
    if os.geteuid() == 0:
        try:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except (OSError, ValueError):
            _log.warning("sam.memory_not_locked", reason="the limit on locked memory may not be lifted")


def follow_parent(parent: int) -> None:
    """Ask for SIGTERM when the parent dies, so that a killed supervisor leaves no process behind. Linux only.

    Raises:
        SystemExit: the parent is gone already.
    """
    _prctl(ctypes.CDLL(None, use_errno=True), _PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:
        raise SystemExit(0)


def _prctl(library: ctypes.CDLL, option: int, value: int) -> None:
    arguments = [ctypes.c_ulong(number) for number in (value, 0, 0, 0)]
    if library.prctl(option, *arguments) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise HardeningRefused(f"The operating system refused to protect the process: {reason}.")


def _lock_memory(library: ctypes.CDLL) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if most != resource.RLIM_INFINITY and os.geteuid() != 0:
        _log.warning("sam.memory_not_locked", reason="the limit on locked memory is not unlimited (LimitMEMLOCK)")
        return
    if library.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        _log.warning("sam.memory_not_locked", reason=os.strerror(ctypes.get_errno()))
