"""What Prometheus reads: right, the same after a restart, and nothing that a log says."""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from prometheus_client.parser import text_string_to_metric_families

from natsuin.clock import FixedClock
from natsuin.monitor import http_server
from natsuin.monitor.catalogue import CATALOGUE
from natsuin.monitor.http_server import MetricsServer
from natsuin.monitor.kinds import KINDS
from natsuin.monitor.memory import Memory
from natsuin.monitor.metrics import Metrics
from natsuin.monitor.status_page import POLICY, StatusPage
from rigs.watched_log import ALICE, BEGAN, Watch, WatchedLog


@pytest.fixture
def memory(watch: Watch, log: WatchedLog) -> Iterator[Memory]:
    log.signature(ALICE)
    log.add_raw(b'{"type":"\\"} evil{a=\\"b","time":1}', b"\xff")
    watch.visit()
    opened = Memory.look(watch.base / "state")
    yield opened
    opened.close()


def samples(page: bytes) -> dict[tuple[str, ...], float]:
    """By name and labels, these in the order of their names."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page.decode("ascii"))
        for sample in family.samples
    }


def test_the_page_tells_what_is_there(memory: Memory) -> None:
    found = samples(Metrics(memory).page())
    assert found["natsuin_monitor_log_entries", "main"] == 7
    assert found["natsuin_monitor_log_read_entries", "main"] == 7
    assert found["natsuin_monitor_log_holds", "main"] == 1
    assert found["natsuin_monitor_entries_total", "main", "intent"] == 1
    assert found["natsuin_monitor_entries_total", "main", "unknown"] == 1
    assert found["natsuin_monitor_entries_total", "main", "unreadable"] == 1
    assert found["natsuin_monitor_alarms_total", "entry-unknown", "main", "warning"] == 1
    assert found["natsuin_monitor_told_total", "output"] > 0
    known = {"main", "unknown", "unreadable", "output", "webhook", "mail", "notice", "warning", "critical"}
    for _, *labels in found:
        assert set(labels) <= known | set(CATALOGUE) | set(KINDS)


def test_a_log_that_does_not_hold_shows(memory: Memory, watch: Watch, log: WatchedLog) -> None:
    (log.folder / "checkpoint").write_text("nothing")
    watch.visit()
    found = samples(Metrics(memory).page())
    assert found["natsuin_monitor_log_holds", "main"] == 0
    assert found["natsuin_monitor_condition", "log-unverified", "main"] == 1


def test_served_on_the_loopback_and_nothing_else(memory: Memory) -> None:
    healthy = [True]
    page = StatusPage(memory, FixedClock(BEGAN))
    server = MetricsServer("127.0.0.1", 0, Metrics(memory), page, healthy=lambda: healthy[0])
    try:
        base = f"http://127.0.0.1:{server.port}"
        with urllib.request.urlopen(f"{base}/metrics", timeout=20) as answer:  # noqa: S310  Its own server.
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert samples(answer.read())
        with urllib.request.urlopen(f"{base}/healthz", timeout=20) as answer:  # noqa: S310  Its own server.
            assert answer.read() == b"ok\n"
        healthy[0] = False
        refused = {"/healthz": 503, "/nothing": 404, "/metrics/../../etc/passwd": 404, "/metrics?x": 404}
        for path, status in refused.items():
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(f"{base}{path}", timeout=20)  # noqa: S310  Its own server.
            assert caught.value.code == status
        for junk in (
            b"\0" * 70_000,
            b"POST /metrics HTTP/1.1\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 999,
        ):
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                connection.sendall(junk)
                connection.shutdown(socket.SHUT_WR)
                assert b" 200 " not in connection.recv(100)
        silent = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(40)]
        # Those above the bound are closed unanswered.
        assert silent[-1].recv(10) == b""
        for connection in silent:
            connection.close()
    finally:
        server.close()


def test_who_drips_a_request_keeps_no_place(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is in time, and the headers never end: sixteen of those would silence the monitor."""
    monkeypatch.setattr(http_server._Handler, "patience", 0.3)
    server = MetricsServer("127.0.0.1", 0, Metrics(memory), StatusPage(memory, FixedClock(BEGAN)), healthy=lambda: True)

    def drip(connection: socket.socket) -> None:
        waiting = threading.Event()
        for _ in range(400):
            connection.sendall(b"A")
            waiting.wait(0.05)

    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\n")
            with pytest.raises(OSError, match=r"."):
                drip(connection)
    finally:
        server.close()


def test_the_page_for_browsers_shows_what_is_wrong_and_runs_nothing(watch: Watch, log: WatchedLog) -> None:
    evil = {"type": "<script>alert(1)</script>", "time": 1, "v": 1}
    log.add_raw(json.dumps(evil, separators=(",", ":")).encode())
    log.signature(ALICE)
    watch.visit()
    (log.folder / "checkpoint").write_text("nothing")
    watch.visit()
    memory = Memory.look(watch.base / "state")
    server = MetricsServer("127.0.0.1", 0, Metrics(memory), StatusPage(memory, FixedClock(BEGAN)), healthy=lambda: True)
    try:
        for path, words in (("/", "something is wrong"), ("/ja", "異常あり")):
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=20) as answer:
                assert answer.headers["Content-Security-Policy"] == POLICY
                assert "script-src" not in POLICY
                page = answer.read().decode()
            assert words in page
            assert "log-unverified" in page
            assert "<script" not in page
            assert "&lt;script&gt;" in page
            assert page.count('<rect class="entries"') == 1, "today; the day that the hostile entry claims is long ago"
            found = Elements(page).found
            assert found["svg"] == 2
            assert not set(found) & {"script", "iframe", "object", "form", "img", "link"}
        for host in ("evil.example.com", "evil.example.com:80", "", "[", "127.0.0.1.evil.example"):
            request = urllib.request.Request(f"http://127.0.0.1:{server.port}/", headers={"Host": host})
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request, timeout=20)  # noqa: S310  Its own server.
            assert caught.value.code == 421, host
    finally:
        server.close()
        memory.close()


class Elements(HTMLParser):
    """The elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] += 1
        assert not any(name.startswith("on") or name == "src" for name, _ in attrs)
