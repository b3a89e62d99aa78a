"""What `natsuin.documents.isolated` and its children say to each other: length-prefixed MessagePack over a socket."""

import socket
import struct
from typing import Any

import msgspec

LENGTH = struct.Struct(">Q")
ORDER = struct.Struct(">cI")
FORK, KILL = b"F", b"K"
"""Orders over the control socket: fork a child for the socket sent along, or kill the child of this number."""


class Call(msgspec.Struct, frozen=True, array_like=True):
    """One call of `function` ("package.module:name") and its limits: seconds, bytes above what is in use."""

    function: str
    arguments: list[Any]
    named: dict[str, Any]
    seconds: float
    cpu_seconds: int
    memory_bytes: int


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """The answer to a call: `result` encoded by itself, or the error's class code, message and hint."""

    result: bytes | None = None
    code: str = ""
    message: str = ""
    hint: str = ""


def receive(connection: socket.socket) -> bytes | None:
    """One length-prefixed frame, None when the other side is gone."""
    head = _exactly(connection, LENGTH.size)
    return None if head is None else _exactly(connection, LENGTH.unpack(head)[0])


def send(connection: socket.socket, frame: bytes) -> None:
    """Write one length-prefixed frame."""
    connection.sendall(LENGTH.pack(len(frame)))
    connection.sendall(frame)


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    buffer = bytearray(size)
    view, filled = memoryview(buffer), 0
    while filled < size:
        count = connection.recv_into(view[filled:])
        if count == 0:
            return None
        filled += count
    return bytes(buffer)
