"""A portal with two security officers, one officer of each other role, and a signer."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from natsuin.cli.demo.visitor import Visitor
from natsuin.key_management import FIRST_ROLES
from rigs.portal import PERSON, Portal
from rigs.web_side import PIN

_addresses = itertools.count(1)
Named = Callable[..., Visitor]


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """Behind a proxy, so that each of the many who enrol here has an address of their own."""
    running = Portal.start(tmp_path_factory.mktemp("officers"), proxies=("127.0.0.1/32",))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def somebody(portal: Portal) -> Callable[[], Visitor]:
    """Visitors, each from an address of their own."""

    def come() -> Visitor:
        visitor = portal.visitor()
        visitor._http.headers["X-Forwarded-For"] = f"198.51.100.{next(_addresses)}"
        return visitor

    return come


@pytest.fixture(scope="session")
def officer_with(portal: Portal, somebody: Callable[[], Visitor]) -> Named:
    """`officer_with(*roles)` is invited on the host and signs in."""

    def register(*roles: str) -> Visitor:
        officer = somebody()
        name = f"Officer {next(_addresses)}"
        officer.register_as_officer(portal.sam.rig.sam.handlers.officers.invite(name, roles))
        officer.sign_in()
        return officer

    return register


@pytest.fixture(scope="session")
def first(portal: Portal) -> Visitor:
    return portal.enrol_officer()


@pytest.fixture(scope="session")
def second(officer_with: Named) -> Visitor:
    return officer_with(*FIRST_ROLES)


@pytest.fixture(scope="session")
def alice(first: Visitor, somebody: Callable[[], Visitor]) -> Visitor:
    signer = somebody()
    signer.enrol(first.invite({**PERSON, "common_name": "Alice"}), PIN)
    return signer
