"""Whose request it is when a proxy passes it on: the last hop that is no trusted proxy, and nothing else."""

from ipaddress import ip_network

import pytest
from starlette.datastructures import Headers

from natsuin.web.proxies import TrustedProxies

PROXIES = TrustedProxies((ip_network("192.0.2.0/28"), ip_network("2001:db8:ff::/48")))
PROXY, STRANGER = "192.0.2.1", "198.51.100.7"
XFF, FORWARDED = "x-forwarded-for", "forwarded"


def client_of(peer: str | None, *headers: tuple[str, str]) -> str | None:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return PROXIES.client_of(peer, Headers(raw=raw))


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("203.0.113.5:4711", "203.0.113.5"),
        ("2001:db8::5", "2001:db8::5"),
        ("[2001:db8::5]:4711", "2001:db8::5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        # What the client wrote itself stands further left.
        ("127.0.0.1, 10.0.0.1, 203.0.113.5", "203.0.113.5"),
        ("203.0.113.5, 192.0.2.2", "203.0.113.5"),
        ("198.51.100.9,203.0.113.5 , 192.0.2.2,2001:db8:ff::1", "203.0.113.5"),
        # A client that names a proxy gains nothing.
        ("203.0.113.5, 203.0.113.6", "203.0.113.6"),
        ("192.0.2.3, 192.0.2.2", "192.0.2.3"),
        ("203.0.113.5, unknown", PROXY),
        ("203.0.113.5, unknown, 192.0.2.2", "192.0.2.2"),
        ("203.0.113.5,", PROXY),
        ("", PROXY),
        ("fe80::1%eth0", PROXY),
        (", ".join(["203.0.113.5"] + ["192.0.2.2"] * 5000), "192.0.2.2"),
    ],
)
def test_the_last_hop_that_is_no_proxy_counts(told, client):
    assert client_of(PROXY, (XFF, told)) == client


def test_several_lines_are_one_list():
    assert client_of(PROXY, (XFF, "198.51.100.9"), (XFF, "203.0.113.5")) == "203.0.113.5"


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("for=203.0.113.5;proto=https;by=192.0.2.1", "203.0.113.5"),
        ('For="[2001:db8::5]:4711"', "2001:db8::5"),
        ("for=198.51.100.9, for=203.0.113.5", "203.0.113.5"),
        ("for=203.0.113.5, for=192.0.2.2", "203.0.113.5"),
        ("for=203.0.113.5;for=198.51.100.9", PROXY),
        ("for=_hidden", PROXY),
        ("for=unknown", PROXY),
        ("proto=https", PROXY),
    ],
)
def test_the_standard_header_says_the_same(told, client):
    assert client_of(PROXY, (FORWARDED, told)) == client


def test_two_headers_could_contradict_each_other():
    """A proxy that sets one may pass the client's own other one on."""
    assert client_of(PROXY, (XFF, "203.0.113.5"), (FORWARDED, "for=198.51.100.9")) == PROXY


@pytest.mark.parametrize("peer", [STRANGER, "192.0.2.16", "2001:db8:fe::1", "::1", None, "testclient"])
def test_others_are_not_believed(peer):
    assert client_of(peer, (XFF, "203.0.113.5")) == peer
    assert client_of(peer, (FORWARDED, "for=203.0.113.5")) == peer


def test_without_proxies_nothing_is_believed():
    assert TrustedProxies().client_of("127.0.0.1", Headers({XFF: "203.0.113.5"})) == "127.0.0.1"


def test_a_proxy_that_says_nothing_stands_for_itself():
    assert client_of(PROXY) == PROXY
    assert client_of("::ffff:192.0.2.1", (XFF, "203.0.113.5")) == "203.0.113.5"
