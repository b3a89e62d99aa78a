"""Real processes. `installation` is made once: an officer, Alice and Bob are enrolled; tests that break things copy
it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rigs.sam_in_process import make_installation
from rigs.sam_process import SamProcess
from rigs.web_side import Officer, Signer, WebSide


@dataclass
class Installation:
    """A folder to be copied, with people whose devices the test holds."""

    stopped: SamProcess
    officer: Officer
    alice: Signer
    bob: Signer


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("n")
    _, token = make_installation(folder)
    sam = SamProcess(folder).start()
    web = sam.web
    officer = web.register_officer(token)
    alice = web.enrol(web.invite(officer, name="Alice"))
    bob = web.enrol(web.invite(officer, name="Bob"))
    sam.stop()
    return Installation(sam, officer, alice, bob)


@pytest.fixture
def fresh_sam(installation: Installation, tmp_path: Path) -> Iterator[Callable[..., SamProcess]]:
    """`fresh_sam(NATSUIN_FAULT_AT=...)` starts sam on a copy of the installation."""
    made: list[SamProcess] = []

    def start(**environment: str) -> SamProcess:
        sam = installation.stopped.copy(tmp_path / f"n{len(made)}")
        made.append(sam)
        return sam.start(**environment)

    yield start
    for sam in made:
        sam.kill()


@pytest.fixture(scope="module")
def sam(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamProcess]:
    """One sam for all tests of a file that leave it whole."""
    running = installation.stopped.copy(tmp_path_factory.mktemp("c") / "n").start()
    yield running
    running.stop()


@pytest.fixture
def web(sam: SamProcess) -> WebSide:
    return sam.web


@pytest.fixture
def officer(installation: Installation) -> Officer:
    return installation.officer


@pytest.fixture
def alice(installation: Installation) -> Signer:
    return installation.alice


@pytest.fixture
def bob(installation: Installation) -> Signer:
    return installation.bob
