"""A portal with a mail server, whose clocks the test moves, and two officers."""

from collections.abc import Iterator

import pytest

from natsuin.key_management import FIRST_ROLES
from rigs.lost_passkeys import Host
from rigs.mail_server import Mailbox, mail_server
from rigs.passkey_office import Office
from rigs.portal import Portal


@pytest.fixture(scope="session")
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture(scope="session")
def host() -> Host:
    return Host()


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox, host: Host) -> Iterator[Portal]:
    folder = tmp_path_factory.mktemp("lost")
    running = Portal.start(folder, proxies=("127.0.0.1/32",), clock=host.watched(), notices=mailbox.section)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def office(portal: Portal, mailbox: Mailbox, host: Host) -> Office:
    made = Office(portal, host, mailbox)
    token = portal.sam.rig.sam.handlers.officers.invite("Second officer", FIRST_ROLES)
    second = portal.visitor()
    second.register_as_officer(token)
    second.sign_in()
    made.officers = [portal.enrol_officer(), second]
    return made
