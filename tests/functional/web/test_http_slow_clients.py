"""Clients that wait, stall and stand still: each has its time, and then the connection is closed."""

import itertools
import socket
from collections.abc import Iterator

import pytest

from natsuin.web.limits import WebLimits
from rigs.portal import Portal
from rigs.raw_http import connect, everything, head, wait_until

IMPATIENT = WebLimits(head_seconds=2, idle_seconds=1, write_seconds=1, stall_seconds=1)
JSON = "application/json"


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal that waits for its clients for a second or two."""
    running = Portal.start(tmp_path_factory.mktemp("impatient"), limits=IMPATIENT)
    yield running
    running.stop()


@pytest.fixture
def connection(impatient: Portal) -> Iterator[socket.socket]:
    made = connect(impatient.port)
    yield made
    made.close()


def trickle(connection: socket.socket, bytes_sent: Iterator[bytes]) -> bytes:
    """Send one piece after the other, without end, until the server has enough; what it answered."""
    connection.settimeout(0.05)
    answer = b""
    for piece in bytes_sent:
        try:
            connection.sendall(piece)
            more = connection.recv(65_536)
        except TimeoutError:
            continue
        except ConnectionError:
            break
        answer += more
        if not more:
            break
    return answer


def test_who_says_nothing_is_not_waited_for(connection):
    assert everything(connection) == b""


def test_a_head_that_never_ends_is_not_waited_for(connection):
    """Slowloris: something comes all the time, so nothing ever stalls."""
    connection.sendall(head("GET", "/healthz"))
    assert trickle(connection, (b"X-%d: a\r\n" % number for number in itertools.count())) == b""


def test_a_head_without_end_is_not_kept(connection):
    connection.sendall(head("GET", "/healthz") + b"X-Large: ")
    assert trickle(connection, itertools.repeat(b"a" * 30_000)) == b""


def test_blank_lines_before_a_head_are_not_read_for_ever(connection):
    assert trickle(connection, itertools.repeat(b"\r\n")) == b""


def test_a_kept_connection_ends(connection):
    connection.sendall(head("GET", "/healthz") + b"\r\n")
    assert everything(connection).endswith(b"ok\n")


def test_the_next_head_has_its_time_too(connection):
    connection.sendall(head("GET", "/healthz") + b"\r\n" + b"GET /hea")
    assert everything(connection).endswith(b"ok\n")


def test_the_rest_of_a_refused_body_is_not_waited_for(connection):
    """Answered before its body came: bytes of the body are no reason to keep the connection."""
    refused = head("POST", "/nothing", Content_Type=JSON, Content_Length=60_000) + b"\r\n{"
    connection.sendall(refused)
    answer = trickle(connection, itertools.repeat(b" "))
    assert answer.startswith(b"HTTP/1.1 404")


def test_a_body_that_stops_coming_is_not_waited_for(connection):
    connection.sendall(head("POST", "/api/login", Content_Type=JSON, Content_Length=100) + b"\r\n{")
    assert everything(connection).startswith(b"HTTP/1.1 408")


def test_an_answer_that_nobody_takes_is_dropped(impatient):
    """The client asks for far more than fits into any buffer, and takes nothing until the server has given up."""
    asked = 400
    with connect(impatient.port, receive_buffer=4096) as connection:
        connection.sendall((head("GET", "/static/vendor/hpke.js") + b"\r\n") * asked)
        assert connection.recv(1, socket.MSG_PEEK), "the server has begun to answer, so its connection counts"
        wait_until(lambda: not impatient.connections)
        taken = everything(connection)
    size = int(taken.split(b"content-length: ")[1].split(b"\r\n")[0])
    assert len(taken) < asked * size


def test_a_body_has_a_pace(tmp_path):
    """Something comes all the time, but at that pace the whole would take days."""
    limits = WebLimits(body_grace_seconds=1)
    slow = Portal.start(tmp_path, limits=limits)
    try:
        with connect(slow.port) as connection:
            wanted = head("POST", "/api/login", Content_Type=JSON, Content_Length=1_000_000)
            connection.sendall(wanted + b"\r\n{")
            assert trickle(connection, itertools.repeat(b" ")).startswith(b"HTTP/1.1 408")
    finally:
        slow.stop()
