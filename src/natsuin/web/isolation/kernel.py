"""The few calls into the Linux kernel that Python's own library lacks."""

import ctypes
import os
from typing import Any

NO_NEW_PRIVILEGES = 38
DUMPABLE = 4
PARENT_DEATH_SIGNAL = 1
SECCOMP = 22
"""Options of prctl(2)."""

_CAPABILITY_VERSION = 0x20080522
# Loaded while the process can still open files.
_LIBRARY = ctypes.CDLL(None, use_errno=True)
_LIBRARY.syscall.restype = ctypes.c_long


def prctl(option: int, value: int, *others: Any) -> None:
    """prctl(2). Raises `OSError`."""
    arguments = [ctypes.c_ulong(value), *others]
    arguments += [ctypes.c_ulong(0)] * (4 - len(arguments))
    _checked(_LIBRARY.prctl(ctypes.c_int(option), *arguments))


def system_call(number: int, *arguments: Any) -> int:
    """syscall(2); integers are passed as long. Raises `OSError`."""
    passed = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    return _checked(_LIBRARY.syscall(ctypes.c_long(number), *passed))


def unshare(flags: int) -> None:
    """unshare(2). Raises `OSError`."""
    _checked(_LIBRARY.unshare(ctypes.c_int(flags)))


def drop_capabilities() -> None:
    """Give up every capability for good (capset(2)). Raises `OSError`."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _checked(_LIBRARY.capset(header, (ctypes.c_uint32 * 6)()))


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
