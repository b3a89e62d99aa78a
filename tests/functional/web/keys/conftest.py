"""A portal of its own, whose people end their keys."""

import itertools
from collections.abc import Iterator

import pytest

from natsuin.cli.demo.visitor import Visitor
from rigs.portal import PERSON, Portal
from rigs.web_side import PIN

_addresses = itertools.count(1)


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal behind a proxy, so that each of the many who enrol here has an address of their own."""
    running = Portal.start(tmp_path_factory.mktemp("keys"), proxies=("127.0.0.1/32",))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def officer(portal: Portal) -> Visitor:
    return portal.enrol_officer()


@pytest.fixture(scope="session")
def bob(portal: Portal, officer: Visitor) -> Visitor:
    return portal.enrol(officer, common_name="Bob", email="bob@example.jp")


@pytest.fixture(scope="session")
def carol(portal: Portal, officer: Visitor) -> Visitor:
    """Whose key nothing happens to."""
    return portal.enrol(officer, common_name="Caroline", email="caroline@example.jp")


@pytest.fixture
def person(portal: Portal, officer: Visitor) -> Visitor:
    """Somebody with a key of their own for each test, because keys end here."""
    signer = portal.visitor()
    signer._http.headers["X-Forwarded-For"] = f"203.0.113.{next(_addresses)}"
    signer.enrol(officer.invite({**PERSON, "common_name": "Carol", "email": "carol@example.jp"}), PIN)
    return signer
