"""Very many clients at once: those who wait make room, those who are served are left alone, and people who are signed
in are not held up by strangers."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import pytest

from natsuin.cli.demo.visitor import Visitor
from natsuin.sam import protocol
from natsuin.web.limits import WebLimits
from rigs.portal import PDF, Portal, time_stamp_request
from rigs.raw_http import ask, connect, connections, everything, head, is_closed, wait_until

SMALL = WebLimits(
    connections=40,
    connections_per_source=20,
    running=2,
    free_body_bytes=10_000,
    anonymous_bytes=300_000,
    anonymous_bytes_each=200_000,
    signed_in_bytes=300_000,
    signed_in_bytes_each=300_000,
    readiness_seconds=3600,
    idle_seconds=2,
)
OK, BUSY = b"HTTP/1.1 200 OK", b"HTTP/1.1 503 Service Unavailable"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal for few clients."""
    running = Portal.start(tmp_path_factory.mktemp("small"), limits=SMALL)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def signer(small: Portal) -> Visitor:
    enrolled = small.enrol(small.enrol_officer())
    # Each test counts connections, so none is kept.
    enrolled._http.headers["connection"] = "close"
    return enrolled


@pytest.fixture(autouse=True)
def nobody_else(small: Portal) -> None:
    """What an earlier test left open would be the first to go."""
    wait_until(lambda: not small.connections)


@contextmanager
def held_at_sam(small: Portal, monkeypatch: pytest.MonkeyPatch, kind: type) -> Iterator[list[object]]:
    """Until it ends, sam answers no message of this kind; gives those that wait."""
    answered, go_on, waiting = small.sam.rig.ask, threading.Event(), []

    def held(message: object) -> object:
        if isinstance(message, kind):
            waiting.append(message)
            go_on.wait()
        return answered(message)

    with monkeypatch.context() as patched:
        patched.setattr(small.sam.rig, "ask", held)
        try:
            yield waiting
        finally:
            go_on.set()


def upload(port: int, size: int, *, sent: int, source: str = "127.0.0.1", cookie: str = ""):
    """An upload to be verified that stops coming after `sent` bytes."""
    kind = "multipart/form-data; boundary=b"
    extra = {"Cookie": cookie} if cookie else {}
    connection = connect(port, source)
    connection.sendall(head("POST", "/api/verify", Content_Type=kind, Content_Length=size, **extra) + b"\r\n")
    part = b'--b\r\nContent-Disposition: form-data; name="pdf"; filename="a.pdf"\r\n\r\n'
    connection.sendall(part + bytes(sent - len(part)))
    return connection


def test_silent_connections_keep_nobody_out(small):
    """The attack: more silent connections than there may be, from several addresses. The newcomer is served."""
    with (
        connections(small.port, 60, "127.0.0.2") as first,
        connections(small.port, 60, "127.0.0.3") as second,
        connections(small.port, 60, "127.0.0.4"),
    ):
        assert ask(connect(small.port)) == OK
        assert small.connections <= SMALL.connections
        wait_until(lambda: is_closed(first[0]) and is_closed(second[0]))


def test_one_source_takes_no_room_from_others(small):
    """However many come from one address, those of another are not closed for it."""
    with connections(small.port, 5, "127.0.0.3") as others, connections(small.port, 100, "127.0.0.2") as many:
        wait_until(lambda: sum(is_closed(one) for one in many) == 100 - SMALL.connections_per_source)
        # Those that waited longest are gone, the last ones stand.
        assert ask(many[-1]) == OK
        assert [ask(one) for one in others] == [OK] * 5


def test_who_is_served_is_not_dropped(small, monkeypatch):
    query = time_stamp_request(b"x")
    with held_at_sam(small, monkeypatch, protocol.TimeStamp) as waiting:
        served = connect(small.port, "127.0.0.2")
        kind, size = "application/timestamp-query", len(query)
        served.sendall(
            head("POST", "/tsa", Content_Type=kind, Content_Length=size, Connection="close") + b"\r\n" + query
        )
        wait_until(lambda: waiting)
        with connections(small.port, 100, "127.0.0.2"), connections(small.port, 100, "127.0.0.3"):
            assert ask(connect(small.port)) == OK
    assert everything(served).startswith(OK)


def test_stalled_bodies_make_room_as_well(small):
    """Connections in the middle of a body are not idle, and yet wait for their client."""
    stalled = []
    for number in range(3 * SMALL.connections_per_source):
        stalled.append(connect(small.port, f"127.0.0.{number % 3 + 2}"))
        stalled[-1].sendall(head("POST", "/api/login", Content_Type="application/json", Content_Length=99) + b"\r\n{")
        wait_until(lambda one=stalled[-1]: small.connections)
    assert ask(connect(small.port)) == OK
    assert small.connections <= SMALL.connections
    for one in stalled:
        one.close()


def test_too_many_running_requests_are_told_to_come_back(small, monkeypatch):
    def stamp() -> httpx2.Response:
        with small.client(Content_Type="application/timestamp-query") as client:
            return client.post("/tsa", content=time_stamp_request(b"x"))

    with ThreadPoolExecutor(SMALL.running) as pool:
        with held_at_sam(small, monkeypatch, protocol.TimeStamp) as waiting:
            held = [pool.submit(stamp) for _ in range(SMALL.running)]
            wait_until(lambda: len(waiting) == SMALL.running)
            refused = stamp()
            assert (refused.status_code, refused.json()["code"]) == (503, "busy")
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.headers["retry-after"] == "1"
            assert "content-security-policy" in refused.headers
            assert ask(connect(small.port), "/log/checkpoint") == BUSY
            assert ask(connect(small.port), "/healthz") == OK
        assert [one.result().status_code for one in held] == [200] * SMALL.running
    assert stamp().status_code == 200


def test_requests_that_wait_for_their_client_are_not_running(small):
    """More stalled bodies than requests may run: the service has nothing to do, so it is not busy."""
    stalled = [connect(small.port) for _ in range(5 * SMALL.running)]
    for one in stalled:
        one.sendall(head("POST", "/api/login", Content_Type="application/json", Content_Length=99) + b"\r\n{")
    assert ask(connect(small.port), "/log/checkpoint") in (OK, b"HTTP/1.1 404 Not Found")
    for one in stalled:
        one.close()


def test_stalled_uploads_of_strangers_hold_nobody_up_who_is_signed_in(small, signer):
    """The attack: uploads of strangers that fill everything strangers may have, and stop coming."""
    stalled = [upload(small.port, 190_000, sent=160_000, source=f"127.0.0.{number}") for number in (2, 3)]
    another = upload(small.port, 190_000, sent=150_000, source="127.0.0.4")
    answer = everything(another)
    assert answer.startswith(BUSY)
    assert b'"code": "busy"' in answer
    # Signed in: an upload of one's own, and an upload to be verified, go through.
    assert signer.post_bytes(PDF + bytes(150_000), "mine.pdf")["size"] > 150_000
    content = {"pdf": ("a.pdf", PDF + bytes(150_000), "application/pdf")}
    assert signer._http.post("/api/verify", files=content).json().get("code") != "busy"
    # Signing in is small, and goes through for anybody.
    again = small.visitor()
    again.device = signer.device
    again.sign_in()
    again._http.close()
    for one in stalled:
        one.close()


def everything_but_busy(connection) -> bool:
    """Whether the answer is another one than that the service is busy."""
    return connection.recv(65_536).split(b"\r\n")[0] != BUSY


def test_one_stranger_does_not_use_up_what_strangers_have(small):
    first = upload(small.port, 190_000, sent=160_000)
    assert everything(upload(small.port, 190_000, sent=150_000)).startswith(BUSY)
    other = upload(small.port, 130_000, sent=100_000, source="127.0.0.2")
    other.sendall(bytes(30_000))
    assert everything_but_busy(other)
    first.close()


def test_what_was_held_is_given_back(small, signer):
    headers = {"content-type": "application/pdf", "x-document-name": "large.pdf"}
    for _ in range(3):
        refused = signer._http.post("/api/documents", content=PDF + bytes(400_000), headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        assert signer.post_bytes(PDF + bytes(200_000), "small.pdf")["size"] > 200_000


def test_readiness_is_asked_of_sam_once_however_often_it_is_asked_for(small):
    with small.client() as client:
        answers = [client.get("/readyz").json() for _ in range(50)]
    assert answers == [{"ready": True, "problems": []}] * 50
    assert small.sam.count(protocol.Health) == 1
