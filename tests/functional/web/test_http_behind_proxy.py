"""Behind a proxy each visitor is counted alone, and nobody chooses by a header whom they are counted as."""

from collections.abc import Iterator

import httpx2
import pytest

from rigs.portal import HOST, Portal
from rigs.raw_http import connections, wait_until

PROXY, OTHER = "127.0.0.2", "127.0.0.3"
TRIES = 10
"""As many as one source has for /api/verify, which needs no body to be counted."""


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    running = Portal.start(tmp_path_factory.mktemp("behind"), proxies=(f"{PROXY}/32",))
    yield running
    running.stop()


def verify(portal: Portal, source: str, **headers: str) -> int:
    """The status of a request that came over `source`: 415 while tries are left."""
    sent = {"Host": HOST, "X-Natsuin": "1"} | {name.replace("_", "-"): value for name, value in headers.items()}
    transport = httpx2.HTTPTransport(local_address=source)
    with httpx2.Client(transport=transport, base_url=f"http://127.0.0.1:{portal.port}", timeout=60) as client:
        return client.post("/api/verify", headers=sent).status_code


def statuses(portal: Portal, source: str, told: list[dict[str, str]]) -> list[int]:
    return [verify(portal, source, **headers) for headers in told]


def test_visitors_of_one_proxy_are_counted_apart(behind):
    first = statuses(behind, PROXY, [{"X_Forwarded_For": "203.0.113.1"}] * (TRIES + 1))
    assert first == [415] * TRIES + [429]
    assert verify(behind, PROXY, X_Forwarded_For="203.0.113.2") == 415


def test_a_visitor_of_the_proxy_does_not_choose_an_address(behind):
    """What the visitor sent stands left of what the proxy added."""
    told = [{"X_Forwarded_For": f"198.51.100.{number}, 127.0.0.2, 203.0.113.9"} for number in range(TRIES + 1)]
    assert statuses(behind, PROXY, told) == [415] * TRIES + [429]


def test_addresses_of_one_ipv6_network_are_one_visitor(behind):
    told = [{"X_Forwarded_For": f"2001:db8:0:7::{number}"} for number in range(TRIES + 1)]
    assert statuses(behind, PROXY, told) == [415] * TRIES + [429]
    assert verify(behind, PROXY, X_Forwarded_For="2001:db8:0:8::1") == 415


HEADERS = ("X_Forwarded_For", "Forwarded", "X_Real_IP", "Client_IP", "True_Client_IP")


@pytest.mark.parametrize("header", HEADERS)
def test_who_is_no_proxy_chooses_no_address(behind, header):
    """The attack: a new address in a header for each try."""
    source = f"127.0.1.{HEADERS.index(header)}"
    word = "for=203.0.113.{}" if header == "Forwarded" else "203.0.113.{}"
    told = [{header: word.format(number)} for number in range(TRIES + 1)]
    assert statuses(behind, source, told) == [415] * TRIES + [429]


def test_a_proxy_changes_neither_host_nor_scheme(behind):
    assert verify(behind, PROXY, Host="evil.example", X_Forwarded_Host=HOST) == 421
    with httpx2.Client(transport=httpx2.HTTPTransport(local_address=PROXY)) as client:
        headers = {"Host": HOST, "X-Forwarded-Proto": "https", "Forwarded": "proto=https"}
        answer = client.get(f"http://127.0.0.1:{behind.port}/", headers=headers)
    assert "strict-transport-security" not in answer.headers


def test_the_log_tells_the_visitor_and_not_the_proxy(behind, logged):
    verify(behind, PROXY, X_Forwarded_For="203.0.113.77, 203.0.113.78")
    verify(behind, OTHER, X_Forwarded_For="203.0.113.79")
    written = ""

    def both_are_written() -> bool:
        # A line is written after its answer was sent.
        nonlocal written
        written += logged()
        return "203.0.113.78" in written and OTHER in written

    wait_until(both_are_written)
    assert "203.0.113.77" not in written
    assert "203.0.113.79" not in written


def test_a_proxy_may_have_many_connections(behind):
    most = 256
    with connections(behind.port, most + 40, PROXY), connections(behind.port, most + 40, OTHER):
        wait_until(lambda: behind.connections == most + 40 + most)
