"""A log behind HTTP whose server is hostile: whatever it answers, only errors of Natsuin come out, and in bounded time
and memory."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat

import pytest

from natsuin.errors import NatsuinError, Refused
from natsuin.signing_log import LogUnreachable, verify_log
from natsuin.signing_log.http_source import HTTPSource
from natsuin.signing_log.refusals import FileMissing, WitnessFailed
from natsuin.signing_log.timed_http import MOST_RECEIVED
from natsuin.signing_log.witnesses.client import WitnessAddress

LIMIT = 1000
SHORT = 0.3
"""Seconds that a whole answer may take here."""


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that reads a request and then does what `answer` does, on every connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def handle(connection: socket.socket) -> None:
        with connection:
            try:
                while not stopped.is_set() and connection.recv(65536):
                    answer(connection)
            except OSError:
                # The reader hung up, as it should.
                return

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/log"
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def plain(body: bytes, *, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def forever(start: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(piece)

    return answer


def dripping(content: bytes) -> Callable[[socket.socket], None]:
    """One byte at a time, each well within any limit for a single read, and never an end."""
    waiting = threading.Event()

    def answer(connection: socket.socket) -> None:
        for byte in content * 1000:
            connection.sendall(bytes([byte]))
            waiting.wait(SHORT / 10)

    return answer


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(bytes(100_000_000))

ANSWERS: dict[str, Callable[[socket.socket], None]] = {
    "a redirection": lambda c: c.sendall(plain(b"", status="302 Found", more="Location: http://127.0.0.1:9/x\r\n")),
    "a redirection to a file": lambda c: c.sendall(plain(b"", status="308 X", more="Location: file:///etc/passwd\r\n")),
    "a gzip bomb": lambda c: c.sendall(plain(BOMB, more="Content-Encoding: gzip\r\n")),
    "an unknown encoding": lambda c: c.sendall(plain(b"x", more="Content-Encoding: br\r\n")),
    "a long file": lambda c: c.sendall(plain(b"x" * (LIMIT + 1))),
    "a file that says it is long": lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n"),
    "a file without end": forever(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
    "chunks without end": forever(CHUNKED, b"1\r\nx\r\n"),
    "a chunk of less than nothing": forever(CHUNKED + b"-1\r\n", b"x" * 65536),
    "headers without end": forever(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"y" * 60_000 + b"\r\n"),
    "a line without end": forever(b"HTTP/1.1 200 ", b"y" * 65536),
    "interim answers without end": forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a dripping status line": dripping(b"HTTP/1.1 200 OK"),
    "a dripping body": lambda c: (c.sendall(b"HTTP/1.1 200 OK\r\n\r\n"), dripping(b"x")(c))[0],
    "no answer": lambda _: threading.Event().wait(2 * SHORT),
    "junk": lambda c: c.sendall(b"\x00\xff" * 500 + b"\r\n\r\n"),
    "a bad length": lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + b"x" * (LIMIT + 1)),
    "a cut answer": lambda c: (c.sendall(plain(b"x" * 50)[:-10]), c.shutdown(socket.SHUT_WR))[0],
    "another status": lambda c: c.sendall(plain(b"", status="500 No")),
    "part of a file": lambda c: c.sendall(plain(b"x", status="206 Partial Content")),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_such_an_answer_is_no_file(answer):
    with serving(answer) as url:
        source = HTTPSource(url, seconds=SHORT)
        with pytest.raises(LogUnreachable):
            source.read("checkpoint", LIMIT)
        source.close()


def test_a_chunk_of_less_than_nothing_is_not_read_to_the_end_of_the_connection():
    """`http.client` reads such a chunk as long as bytes come; with time enough, that is all of the memory."""
    sent: list[int] = []

    def answer(connection: socket.socket) -> None:
        connection.sendall(CHUNKED + b"-1\r\n")
        while True:
            sent.append(connection.send(b"x" * 65536))

    with serving(answer) as url:
        source = HTTPSource(url, seconds=60)
        with pytest.raises(LogUnreachable):
            source.read("checkpoint", LIMIT)
        witness = WitnessAddress(url, seconds=60)
        with pytest.raises(WitnessFailed):
            witness.add_checkpoint(b"old 0")
        source.close()
        witness.close()
    assert sum(sent) < 3 * MOST_RECEIVED


def test_a_missing_file_is_missing_and_the_connection_goes_on():
    answers = iter([plain(b"none", status="404 Not Found"), plain(b"here")])
    with serving(lambda connection: connection.sendall(next(answers))) as url:
        source = HTTPSource(url, seconds=5)
        with pytest.raises(FileMissing):
            source.read("tile/0/000", LIMIT)
        assert source.read("tile/0/001", LIMIT) == b"here"
        source.close()


@pytest.mark.parametrize(
    "url",
    ["ftp://a/log", "file:///etc", "http://", "http://a/?q", "http://a/#f", "http://user:word@a/log", "http://a:b/"],
)
def test_only_plain_addresses_are_asked(url):
    with pytest.raises(LogUnreachable):
        HTTPSource(url)


def test_content_is_checked_before_it_is_believed(place):
    """The honest checkpoint with tiles and bundles of junk of the right length, or of the greatest."""
    vkey = place.fill(300)
    checkpoint = (place.folder / "checkpoint").read_bytes()
    for junk in (b"", b"\xff" * 44 * 32, b"\x00" * 8192, b"x" * 16_000_000):
        bodies = chain([checkpoint], repeat(junk))
        with (
            serving(lambda connection, bodies=bodies: connection.sendall(plain(next(bodies)))) as url,
            pytest.raises(NatsuinError) as refusal,
        ):
            verify_log(url, vkey)
        assert isinstance(refusal.value, Refused | LogUnreachable)


def test_a_checkpoint_of_a_huge_log_is_not_waited_for(place):
    """Even the log's own key cannot make a reader ask for 2^55 files: the first that is missing ends it."""
    from natsuin.signing_log.checkpoints import Checkpoint, sign_checkpoint

    note = sign_checkpoint(Checkpoint(place.origin, 2**63 - 1, bytes(32)), place.key).encode()
    asked: list[bool] = []

    def answer(connection: socket.socket) -> None:
        connection.sendall(plain(b"", status="404 Not Found") if asked else plain(note))
        asked.append(True)

    vkey = place.fill(1)
    with serving(answer) as url, pytest.raises(NatsuinError):
        verify_log(url, vkey)
    assert len(asked) < 20
