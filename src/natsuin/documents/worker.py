"""The child side of `natsuin.documents.isolated`: `python -m natsuin.documents.worker`, with a control socket as
standard input.

The process first imports what will be needed, then only forks: a fresh child costs milliseconds, not the second that
the imports take. It handles no document itself. Each child serves calls over its own socket, one at a time, under
limits that the kernel enforces, and ends when the socket closes.
"""

import array
import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any, get_type_hints

import msgspec

from natsuin.documents.frames import FORK, KILL, ORDER, Call, Outcome, receive, send
from natsuin.documents.reading import hostile_input
from natsuin.errors import NatsuinError

PRELOADED = ("natsuin.documents.inspection", "natsuin.documents.preparation", "natsuin.validation.checking")
_ALLOWED = ("natsuin.documents", "natsuin.validation")


def main() -> None:
    """Fork children as the control socket orders, until it closes."""
    control = socket.socket(fileno=0)
    for name in PRELOADED:
        import_module(name)
    gc.collect()
    gc.freeze()
    control.sendall(b"R")
    children: set[int] = set()
    while True:
        order, descriptors = _order(control)
        _reap(children)
        if order is None:
            break
        kind, number = order
        if kind == FORK and descriptors:
            child = os.fork()
            if child == 0:
                control.close()
                _serve(socket.socket(fileno=descriptors[0]))
            os.close(descriptors[0])
            children.add(child)
            control.sendall(ORDER.pack(FORK, child))
        elif kind == KILL and number in children:
            # Not yet reaped, so the number can belong to no other process.
            os.kill(number, signal.SIGKILL)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _order(control: socket.socket) -> tuple[tuple[bytes, int] | None, list[int]]:
    size = array.array("i").itemsize
    data, ancillary, _, _ = control.recvmsg(ORDER.size, socket.CMSG_SPACE(size))
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % size])
    return (ORDER.unpack(data) if len(data) == ORDER.size else None), list(descriptors)


def _reap(children: set[int]) -> None:
    for child in list(children):
        if os.waitpid(child, os.WNOHANG)[0] == child:
            children.discard(child)


def _serve(connection: socket.socket) -> None:
    try:
        # The kernel ends the process at the deadline, even inside C code that never returns to Python.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        while (frame := receive(connection)) is not None:
            send(connection, _answer(frame))
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        os._exit(0)


def _answer(frame: bytes) -> bytes:
    call = msgspec.msgpack.decode(frame, type=Call)
    _limit(call)
    try:
        with hostile_input():
            result = msgspec.msgpack.encode(_perform(call.function, call.arguments, call.named))
        return msgspec.msgpack.encode(Outcome(result=result))
    except NatsuinError as error:
        return msgspec.msgpack.encode(Outcome(code=error.code, message=error.message, hint=error.hint))


def _limit(call: Call) -> None:
    signal.setitimer(signal.ITIMER_REAL, call.seconds)
    used = resource.getrusage(resource.RUSAGE_SELF)
    processor = int(used.ru_utime + used.ru_stime) + call.cpu_seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (processor, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + call.memory_bytes, resource.RLIM_INFINITY))


def _address_space() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  pathlib would allocate more in the limited process
        return int(file.read().split()[0]) * resource.getpagesize()


def _perform(name: str, arguments: list[Any], named: Mapping[str, Any]) -> object:
    function, hints = _function(name)
    wanted = [hint for key, hint in hints.items() if key != "return"]
    positional = [_convert(value, hint) for value, hint in zip(arguments, wanted, strict=False)]
    return function(*positional, **{key: _convert(value, hints[key]) for key, value in named.items()})


@cache
def _function(name: str) -> tuple[Callable[..., object], dict[str, Any]]:
    module, _, attribute = name.partition(":")
    if ".".join(module.split(".")[:2]) not in _ALLOWED:
        raise ValueError("this function is not run here")
    function = getattr(import_module(module), attribute)
    return function, get_type_hints(function)


def _convert(value: object, hint: Any) -> object:
    return msgspec.convert(value, hint, builtin_types=(bytes,))


if __name__ == "__main__":
    sys.setrecursionlimit(2000)
    main()
