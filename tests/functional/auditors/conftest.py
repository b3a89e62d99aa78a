"""A sam with a clock that tests set, an officer, a signer and an auditor."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rigs.auditors import Auditor, Hands
from rigs.sam_in_process import SamRig
from rigs.web_side import Officer, Signer, WebSide


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def sam(tmp_path: Path, clock: Hands) -> Iterator[SamRig]:
    made = SamRig.make(tmp_path, clock=clock)
    yield made
    made.close()


@pytest.fixture
def web(sam: SamRig) -> WebSide:
    return sam.web


@pytest.fixture
def officer(sam: SamRig, web: WebSide) -> Officer:
    return web.register_officer(sam.token)


@pytest.fixture
def alice(web: WebSide, officer: Officer, clock: Hands) -> Signer:
    made = web.enrol(web.invite(officer))
    # A certificate begins with a whole second.
    clock.shown += timedelta(minutes=1)
    return made


@pytest.fixture
def auditor(sam: SamRig, officer: Officer) -> Auditor:
    return Auditor.register(sam)
