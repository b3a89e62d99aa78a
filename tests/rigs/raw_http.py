"""HTTP by hand over a socket, for clients that are slow, silent or many, from any address of the loopback."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rigs.portal import HOST

PATIENCE = 60


def connect(port: int, source: str = "127.0.0.1", *, receive_buffer: int = 0) -> socket.socket:
    """A connection from `source`, which Linux lets be any address of 127.0.0.0/8."""
    made = socket.socket()
    made.settimeout(PATIENCE)
    if receive_buffer:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    made.bind((source, 0))
    made.connect(("127.0.0.1", port))
    return made


@contextmanager
def connections(port: int, count: int, source: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """Many silent connections."""
    made = [connect(port, source) for _ in range(count)]
    yield made
    for one in made:
        one.close()


def head(method: str, path: str, **headers: object) -> bytes:
    """A request head such as a page of the portal sends."""
    lines = {"Host": HOST, "X-Natsuin": "1"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return f"{method} {path} HTTP/1.1\r\n".encode() + b"".join(f"{n}: {v}\r\n".encode() for n, v in lines.items())


def ask(connection: socket.socket, path: str = "/healthz") -> bytes:
    """The status line of the answer to a GET, on a connection that is used for nothing else."""
    connection.sendall(head("GET", path, Connection="close") + b"\r\n")
    return everything(connection).split(b"\r\n")[0]


def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection, in whichever way."""
    read = b""
    try:
        while more := connection.recv(65_536):
            read += more
    except ConnectionError:
        pass
    return read


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed the connection by now. Anything that it sent is not read."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    finally:
        connection.settimeout(PATIENCE)


def wait_until(holds: Callable[[], object]) -> None:
    """Return as soon as something holds; fail if it never does."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)
