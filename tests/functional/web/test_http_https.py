"""Where people come by https: the session cookie is one that no neighbouring host can plant."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from natsuin.authentication import SessionLimits, Sessions
from natsuin.clock import SystemClock
from natsuin.user_management import Person, add_person
from rigs.portal import Portal

ORIGIN = "https://localhost:8710"


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    running = Portal.start(tmp_path_factory.mktemp("https"), origin=ORIGIN)
    with running.database.write() as connection:
        add_person(connection, Person("u-1", "Alice", "alice@example.jp", ("signer",)), now=0)
    yield running
    running.stop()


@pytest.fixture
def secret(https: Portal) -> str:
    """The cookie's value of a session that is open."""
    limits = SessionLimits(timedelta(hours=1), timedelta(hours=1))
    return Sessions(https.database, SystemClock(), limits=limits).open("u-1")


def test_the_cookie_of_this_host_signs_in(https, secret):
    with https.client(Origin=ORIGIN, Cookie=f"__Host-natsuin_session={secret}") as client:
        assert client.get("/api/me").json()["display_name"] == "Alice"


@pytest.mark.parametrize("name", ["natsuin_session", "__host-natsuin_session", "__Secure-natsuin_session"])
def test_a_cookie_that_a_neighbour_could_plant_does_not(https, secret, name):
    """The attack: another host of the same domain signs the person in as somebody else, whose documents they then
    sign."""
    with https.client(Origin=ORIGIN, Cookie=f"{name}={secret}") as client:
        assert client.get("/api/me").status_code == 401


def test_a_planted_cookie_does_not_displace_the_person_s_own(https, secret):
    with https.client(Origin=ORIGIN, Cookie=f"natsuin_session={'F' * 43}; __Host-natsuin_session={secret}") as client:
        assert client.get("/api/me").json()["display_name"] == "Alice"


def test_the_cookie_is_taken_back_with_what_its_name_demands(https, secret):
    """A browser ignores a cookie with this prefix that is not Secure, has another path, or names a domain."""
    with https.client(Origin=ORIGIN, Cookie=f"__Host-natsuin_session={secret}") as client:
        answer = client.post("/api/logout", json={})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith('__Host-natsuin_session="";')
    assert re.search("; Secure", cookie)
    assert "; Path=/;" in cookie
    assert "domain" not in cookie.lower()
    assert answer.headers["strict-transport-security"]
