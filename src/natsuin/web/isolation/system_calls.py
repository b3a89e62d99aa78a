"""A filter of system calls (seccomp(2)): a child may compute, use memory, and talk over the one socket it has.

It is a list of what is allowed; everything else fails with EPERM, calls that are invented later included. Memory that
can be executed cannot be had either. The filter is a program for the kernel's packet filter, which walks the list for
each call; libseccomp would write the same program, at the price of another library and its bindings.
"""

import ctypes
import os
import struct

from natsuin.web.isolation.kernel import SECCOMP, prctl

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""Machine -> its AUDIT_ARCH value, and its column in the tables below."""

_ALLOWED: dict[str, tuple[int, int]] = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "getpid": (39, 172),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "exit": (60, 93),
    "gettimeofday": (96, 169),
    "getrusage": (98, 165),
    "sigaltstack": (131, 132),
    "gettid": (186, 178),
    "futex": (202, 98),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "exit_group": (231, 94),
    "getrandom": (318, 278),
}
_WITHOUT_EXECUTION: dict[str, tuple[int, int]] = {"mmap": (9, 222), "mprotect": (10, 226)}
"""Allowed unless their third argument asks for memory that can be executed."""

_LOAD, _EQUALS, _HAS_BITS, _ANSWER = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _THIRD_ARGUMENT = 0, 4, 32
"""Where these stand in struct seccomp_data; of the argument the lower half, on a little-endian machine."""
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
"""Answers: go on; fail with errno 1, EPERM; end the process."""
_EXECUTABLE = 0x4
_FILTER_MODE = 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def program(machine: str) -> bytes:
    """The filter's instructions for a `machine` as uname(2) names it. Raises `OSError` for one that is not known."""
    if machine not in _ARCHITECTURES:
        raise OSError(f"no list of system calls for {machine}")
    architecture, column = _ARCHITECTURES[machine]
    instructions = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_EQUALS, architecture, skip_if=1),
        # A call of another architecture has other numbers, so it is the mark of an attack.
        _instruction(_ANSWER, _KILL),
        _instruction(_LOAD, _NUMBER),
    ]
    for numbers in _ALLOWED.values():
        instructions += [_instruction(_EQUALS, numbers[column], skip_else=1), _instruction(_ANSWER, _ALLOW)]
    for numbers in _WITHOUT_EXECUTION.values():
        instructions += [
            _instruction(_EQUALS, numbers[column], skip_else=4),
            _instruction(_LOAD, _THIRD_ARGUMENT),
            _instruction(_HAS_BITS, _EXECUTABLE, skip_else=1),
            _instruction(_ANSWER, _REFUSE),
            _instruction(_ANSWER, _ALLOW),
        ]
    instructions.append(_instruction(_ANSWER, _REFUSE))
    return b"".join(instructions)


def allow_only_computing() -> str:
    """Put the filter in force for the rest of this process's life; it needs no-new-privileges first. Raises
    `OSError`."""
    instructions = program(os.uname().machine)
    filled = _Program(len(instructions) // 8, instructions)
    prctl(SECCOMP, _FILTER_MODE, ctypes.byref(filled))
    return "system call filter"


def _instruction(operation: int, value: int, *, skip_if: int = 0, skip_else: int = 0) -> bytes:
    return struct.pack("=HBBI", operation, skip_if, skip_else, value)
