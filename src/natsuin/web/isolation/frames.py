"""What the parent and its children say to each other: length-prefixed MessagePack over a pair of sockets."""

import socket
import struct
from dataclasses import dataclass
from time import monotonic
from typing import Any

import msgspec

LENGTH = struct.Struct(">Q")
ORDER = struct.Struct(">cIIQ")
"""Kind, process number, processor seconds, bytes of address space above what an idle child has."""
FORK, KILL = b"F", b"K"
"""Orders over the control socket: fork a child for the socket sent along, or kill the child of this number."""
STATUS_BYTES = 8192


@dataclass(frozen=True)
class Limits:
    """What one call may use: wall and processor seconds, and bytes of address space above what the idle child has."""

    seconds: float = 30.0
    cpu_seconds: int = 20
    memory_bytes: int = 1024 * 1024 * 1024


class Status(msgspec.Struct, frozen=True):
    """What a trial child found: the layers that hold it, those that are missing and why, or why none may be used."""

    in_force: list[str]
    missing: list[str]
    refused: str = ""


class Call(msgspec.Struct, frozen=True, array_like=True):
    """One call of a function by its name in the worker's table."""

    function: str
    arguments: list[Any]
    named: dict[str, Any]


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """The answer to a call: `result` encoded by itself, or the error's class code, message and hint.

    `unloaded` names modules that were asked for and not there any more: a mistake of ours, not of the document.
    """

    result: bytes | None = None
    code: str = ""
    message: str = ""
    hint: str = ""
    unloaded: list[str] = []


def send(connection: socket.socket, frame: bytes) -> None:
    """Write one length-prefixed frame."""
    connection.sendall(LENGTH.pack(len(frame)))
    connection.sendall(frame)


def receive(connection: socket.socket, *, largest: int | None = None, until: float | None = None) -> bytes | None:
    """One frame, None when the other side is gone, or says more than `largest` bytes.

    Raises `OSError` when it has not come as a whole `until` (of the monotonic clock), however it trickles in.
    """
    head = _exactly(connection, LENGTH.size, until)
    if head is None:
        return None
    (length,) = LENGTH.unpack(head)
    return None if largest is not None and length > largest else _exactly(connection, length, until)


def _exactly(connection: socket.socket, size: int, until: float | None) -> bytes | None:
    buffer = bytearray(size)
    view, filled = memoryview(buffer), 0
    while filled < size:
        if until is not None:
            if (left := until - monotonic()) <= 0:
                raise TimeoutError
            connection.settimeout(left)
        count = connection.recv_into(view[filled:])
        if count == 0:
            return None
        filled += count
    return bytes(buffer)
