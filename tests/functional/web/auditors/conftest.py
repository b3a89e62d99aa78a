"""A portal of its own with an officer, Alice, who signed once, and an auditor who is signed in."""

from collections.abc import Iterator

import pytest

from natsuin.cli.demo.visitor import Visitor
from rigs.auditors import invite_auditor
from rigs.portal import PDF, Portal


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    running = Portal.start(tmp_path_factory.mktemp("auditors"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def officer(portal: Portal) -> Visitor:
    return portal.enrol_officer()


@pytest.fixture(scope="session")
def alice(portal: Portal, officer: Visitor) -> Visitor:
    made = portal.enrol(officer, common_name="Alice <b>Example</b>", email="alice@example.jp")
    made.sign(made.post_bytes(PDF + b"alices", "alice.pdf")["id"])
    return made


@pytest.fixture(scope="session")
def hanako(portal: Portal, alice: Visitor) -> Visitor:
    """Signed in, with no reading open."""
    visitor = portal.visitor()
    visitor.register_as_officer(invite_auditor(portal.sam.rig))
    visitor.sign_in()
    return visitor


@pytest.fixture
def auditor(hanako: Visitor) -> Visitor:
    """With a reading that has just begun."""
    act = hanako.post("/api/auditor/readings", {"purpose": "年次監査"})
    hanako.post(f"/api/auditor/readings/{act['act_id']}", {"credential": hanako.device.get(act["publicKey"])})
    return hanako


@pytest.fixture(autouse=True)
def undisturbed(portal: Portal) -> Iterator[None]:
    yield
    portal.sam.before = portal.sam.after = None
