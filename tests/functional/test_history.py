"""A person's history is what the log says of them: all of it, and nothing of others."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from natsuin.errors import Malformed, WrongSecret
from natsuin.key_management import log_opening
from natsuin.sam import protocol as p
from rigs.sam_in_process import SamRig
from rigs.web_side import Officer, Signer, WebSide, digests


@pytest.fixture
def sam(tmp_path: Path) -> Iterator[SamRig]:
    made = SamRig.make(tmp_path)
    yield made
    made.close()


@pytest.fixture
def web(sam: SamRig) -> WebSide:
    return sam.web


@pytest.fixture
def officer(sam: SamRig, web: WebSide) -> Officer:
    return web.register_officer(sam.token)


@pytest.fixture
def alice(web: WebSide, officer: Officer) -> Signer:
    return web.enrol(web.invite(officer))


def events_of(web: WebSide, signer: Signer, **wishes: int) -> p.Events:
    answer = web.ask(p.ListEvents(user_id=signer.user_id, **wishes))
    assert isinstance(answer, p.Events)
    return answer


def kinds(events: p.Events) -> list[str]:
    return [event.kind for event in events.events]


def test_everything_that_happened_stands_there_newest_first(web: WebSide, officer: Officer) -> None:
    signer = web.enrol(web.invite(officer))
    with pytest.raises(WrongSecret):
        web.activate(signer, web.instruct(signer, digests(1)), pin="not the PIN 1")
    approved_digests = digests(1)
    instruction = web.instruct(signer, approved_digests)
    web.sign(web.activate(signer, instruction).sad, approved_digests)
    events = events_of(web, signer)
    assert kinds(events) == [
        "outcome",
        "approved",
        "approval-refused",
        "secret-refused",
        "key-created",
        "enrolment-approved",
    ]
    assert not events.more
    outcome, approved, refused, wrong, *_ = events.events
    assert outcome.result == "signed"
    assert outcome.instruction_id == approved.instruction_id == instruction.instruction_id
    assert refused.reason == "wrong_secret"
    assert (wrong.secret, wrong.tries_left) == ("pin", 9)
    assert [event.index for event in events.events] == sorted((e.index for e in events.events), reverse=True)


def test_nobody_sees_what_is_about_others(web: WebSide, officer: Officer, alice: Signer) -> None:
    signer = web.enrol(web.invite(officer))
    web.approve(signer, digests(1))
    about_alice = events_of(web, alice, limit=200)
    assert {event.key_id for event in about_alice.events} <= {alice.key.key_id, ""}
    assert signer.key.key_id not in {event.key_id for event in about_alice.events}
    stranger = p.ListEvents(user_id="nobody")
    assert web.ask(stranger).events == ()


def test_pages_follow_each_other_without_a_gap(web: WebSide, officer: Officer) -> None:
    signer = web.enrol(web.invite(officer))
    for _ in range(5):
        web.approve(signer, digests(1))
    whole = [event.index for event in events_of(web, signer, limit=200).events]
    found: list[int] = []
    before, more = 0, True
    while more:
        page = events_of(web, signer, before=before, limit=3)
        found += [event.index for event in page.events]
        before, more = found[-1], page.more
    assert found == whole
    assert len(whole) == 7


@pytest.mark.parametrize("wishes", [{"limit": 0}, {"limit": 201}, {"before": -1}])
def test_hostile_pages_are_refused(web: WebSide, alice: Signer, wishes: dict[str, int]) -> None:
    with pytest.raises(Malformed):
        events_of(web, alice, **wishes)


def test_after_a_start_and_an_erasure_the_public_part_is_still_told(sam: SamRig, web: WebSide, alice: Signer) -> None:
    before = events_of(web, alice, limit=200)
    with sam.sam.handlers.keys.foundation.database.write() as connection:
        connection.execute(sa.delete(log_opening))
    sam.reopen()
    after = events_of(sam.web, alice, limit=200)
    # Whom a registration was about stood only in what was erased.
    assert kinds(after) == [kind for kind in kinds(before) if kind != "enrolment-approved"]
    assert {event.instruction_id for event in after.events} == {""}
