"""A portal of its own with three officers, whose people lose keys and bring some from elsewhere."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from natsuin.cli.demo.visitor import Visitor
from natsuin.key_management import FIRST_ROLES
from rigs.key_envelopes import ImportingAuthority
from rigs.key_imports import switch_on
from rigs.portal import PERSON, Portal
from rigs.web_side import PIN

_addresses = itertools.count(1)


@pytest.fixture(scope="session")
def authority() -> ImportingAuthority:
    return ImportingAuthority()


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory, authority: ImportingAuthority) -> Iterator[Portal]:
    """A portal behind a proxy, so that each of the many who enrol here has an address of their own."""
    folder = tmp_path_factory.mktemp("shared")
    running = Portal.start(folder, proxies=("127.0.0.1/32",))
    switch_on(running.sam.rig, authority, folder)
    yield running
    running.stop()


def _officer(portal: Portal, name: str) -> Visitor:
    officer = portal.visitor()
    officer._http.headers["X-Forwarded-For"] = f"198.51.100.{next(_addresses)}"
    officer.register_as_officer(portal.sam.rig.sam.handlers.officers.invite(name, FIRST_ROLES))
    officer.sign_in()
    return officer


@pytest.fixture(scope="session")
def officer(portal: Portal) -> Visitor:
    return portal.enrol_officer()


@pytest.fixture(scope="session")
def second(portal: Portal) -> Visitor:
    return _officer(portal, "Second officer")


@pytest.fixture(scope="session")
def third(portal: Portal) -> Visitor:
    return _officer(portal, "Third officer")


@pytest.fixture
def somebody(portal: Portal, officer: Visitor) -> Callable[[str], Visitor]:
    """`somebody(name)` enrols with a key of their own."""

    def enrol(name: str) -> Visitor:
        signer = portal.visitor()
        signer._http.headers["X-Forwarded-For"] = f"203.0.113.{next(_addresses)}"
        signer.enrol(officer.invite({**PERSON, "common_name": name, "email": f"{name.lower()}@example.jp"}), PIN)
        return signer

    return enrol


@pytest.fixture
def alice(somebody: Callable[[str], Visitor]) -> Visitor:
    return somebody("Alice")


@pytest.fixture
def bob(somebody: Callable[[str], Visitor]) -> Visitor:
    return somebody("Bob")
