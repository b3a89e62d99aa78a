"""One portal for all tests of this folder that leave it whole: an officer, and Alice and Bob who have keys."""

from collections.abc import Iterator

import pytest

from natsuin.cli.demo.visitor import Visitor
from rigs.auditors import invite_auditor
from rigs.portal import Portal


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    running = Portal.start(tmp_path_factory.mktemp("portal"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def officer(portal: Portal) -> Visitor:
    return portal.enrol_officer()


@pytest.fixture(scope="session")
def alice(portal: Portal, officer: Visitor) -> Visitor:
    return portal.enrol(officer, common_name="Alice", email="alice@example.jp")


@pytest.fixture(scope="session")
def bob(portal: Portal, officer: Visitor) -> Visitor:
    return portal.enrol(officer, common_name="Bob", email="bob@example.jp")


@pytest.fixture(scope="session")
def auditor(portal: Portal) -> Visitor:
    """Signed in, with a reading that is open."""
    visitor = portal.visitor()
    visitor.register_as_officer(invite_auditor(portal.sam.rig))
    visitor.sign_in()
    act = visitor.post("/api/auditor/readings", {"purpose": "audit"})
    visitor.post(f"/api/auditor/readings/{act['act_id']}", {"credential": visitor.device.get(act["publicKey"])})
    return visitor


@pytest.fixture(autouse=True)
def undisturbed(portal: Portal) -> Iterator[None]:
    """Every test begins and ends with a sam that answers everything."""
    portal.sam.seen.clear()
    yield
    portal.sam.before = portal.sam.after = None
