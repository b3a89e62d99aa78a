"""The child side of `natsuin.web.isolation.workers`, with a control socket as standard input.

The process first imports what will be needed, gives up its rights, then only forks: a fresh child costs milliseconds,
not the second that the imports take. It handles no document itself. Each child answers one call over its own socket
and ends. What children can be asked for is the table that `main` is given.
"""

import array
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from importlib.abc import MetaPathFinder
from typing import Any, get_type_hints

import msgspec

from natsuin.documents import hostile_input
from natsuin.errors import NatsuinError
from natsuin.web.isolation.confinement import Layers, NotConfined, confine, leave_the_service, try_to_break_out
from natsuin.web.isolation.frames import FORK, KILL, ORDER, Call, Limits, Outcome, Status, receive, send

Function = Callable[..., object]
Functions = Mapping[str, tuple[Function, dict[str, Any]]]
"""Name -> function, and the types of its parameters."""
_UNLOADED_TOLD = 5


def main(load: Callable[[], Mapping[str, Function]]) -> None:
    """Fork children as the control socket orders, until it closes. `load` imports all that children will need, and
    answers with what they can be asked for by name."""
    # Ctrl-C in a terminal reaches every process; this one ends when its parent closes the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=0)
    functions = {name: (function, get_type_hints(function)) for name, function in load().items()}
    gc.collect()
    gc.freeze()
    layers = Layers()
    try:
        leave_the_service(layers)
    except NotConfined as error:
        _report(control, layers, refused=str(error))
        return
    _try_out(control, layers)
    children: set[int] = set()
    while (order := _order(control)) is not None:
        kind, number, limits, descriptors = order
        _reap(children)
        if kind == FORK and descriptors:
            child = _fork(socket.socket(fileno=descriptors[0]), functions, layers, limits)
            children.add(child)
            control.sendall(ORDER.pack(FORK, child, 0, 0))
        elif kind == KILL and number in children:
            # Not yet reaped, so the number can belong to no other process.
            os.kill(number, signal.SIGKILL)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _order(control: socket.socket) -> tuple[bytes, int, Limits, list[int]] | None:
    size = array.array("i").itemsize
    data, ancillary, _, _ = control.recvmsg(ORDER.size, socket.CMSG_SPACE(size))
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % size])
    if len(data) != ORDER.size:
        return None
    word, number, cpu_seconds, memory_bytes = ORDER.unpack(data)
    return word, number, Limits(cpu_seconds=cpu_seconds, memory_bytes=memory_bytes), list(descriptors)


def _reap(children: set[int]) -> None:
    for child in list(children):
        if os.waitpid(child, os.WNOHANG)[0] == child:
            children.discard(child)


def _fork(connection: socket.socket, functions: Functions, layers: Layers, limits: Limits) -> int:
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            _confine(connection, layers, limits, parent)
            _serve(connection, functions)
        finally:
            os._exit(0)
    connection.close()
    return child


def _try_out(control: socket.socket, layers: Layers) -> None:
    """Have a trial child look what it can still do, and tell it over the control socket: the first word there."""
    parent = os.getpid()
    trial = os.fork()
    if trial == 0:
        try:
            _confine(control, layers, Limits(), parent)
            try_to_break_out(parent)
            _report(control, layers)
        except (NotConfined, OSError) as error:
            _report(control, layers, refused=str(error))
        finally:
            os._exit(0)
    _, ended = os.waitpid(trial, 0)
    if ended:
        _report(control, layers, refused=f"a confined process ends at once ({ended})")


def _confine(connection: socket.socket, layers: Layers, limits: Limits, parent: int) -> None:
    confine(connection, layers, parent=parent, cpu_seconds=limits.cpu_seconds, memory_bytes=limits.memory_bytes)


def _report(control: socket.socket, layers: Layers, *, refused: str = "") -> None:

    control.send(msgspec.msgpack.encode(Status(layers.in_force, layers.missing, refused[:500])))


def _serve(connection: socket.socket, functions: Functions) -> None:
    frame = receive(connection)
    if frame is not None:
        send(connection, _answer(frame, functions))


def _answer(frame: bytes, functions: Functions) -> bytes:
    noted = _NoteUnloaded()
    sys.meta_path.append(noted)
    try:
        with hostile_input():
            call = msgspec.msgpack.decode(frame, type=Call)
            outcome = Outcome(result=msgspec.msgpack.encode(_perform(call, functions)))
    except NatsuinError as error:
        outcome = Outcome(code=error.code, message=error.message, hint=error.hint)
    return msgspec.msgpack.encode(msgspec.structs.replace(outcome, unloaded=noted.names[:_UNLOADED_TOLD]))


def _perform(call: Call, functions: Functions) -> object:
    function, hints = functions[call.function]
    wanted = [hint for key, hint in hints.items() if key != "return"]
    positional = [_convert(value, hint) for value, hint in zip(call.arguments, wanted, strict=False)]
    return function(*positional, **{key: _convert(value, hints[key]) for key, value in call.named.items()})


def _convert(value: object, hint: Any) -> object:
    return msgspec.convert(value, hint, builtin_types=(bytes,))


class _NoteUnloaded(MetaPathFinder):
    """Asked last for a module: a confined process cannot load one, so what comes here should have been loaded."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, fullname: str, *_: object) -> None:
        """Note the name, find nothing."""
        self.names.append(fullname)
