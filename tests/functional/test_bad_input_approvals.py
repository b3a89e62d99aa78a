"""Approvals that are wrong, late, repeated, or made while the clock jumps: told in words, and nothing lost."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from natsuin import base64url, errors
from natsuin.cli.demo.visitor import Visitor
from natsuin.clock import FixedClock
from rigs.invariants import check_invariants, entries_of
from rigs.portal import PDF, PERSON, Portal, approval_of
from rigs.sam_in_process import SamRig, people
from rigs.telling import assert_tells_nothing_inside
from rigs.web_side import PIN, digests

DAY = 86_400.0
APPROVAL_SECONDS = 300


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    """Both processes look at this clock."""
    return standing_clock()


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, clock: FixedClock) -> Iterator[Portal]:
    running = Portal.start(tmp_path_factory.mktemp("clock"), clock=clock)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def officer(portal: Portal) -> Visitor:
    return portal.enrol_officer()


@pytest.fixture(scope="module")
def alice(portal: Portal, officer: Visitor) -> Visitor:
    return portal.enrol(officer, common_name="Alice")


@pytest.fixture
def document(alice: Visitor) -> str:
    alice.sign_in()
    return str(alice.post_bytes(PDF, "contract.pdf")["id"])


def standing_clock() -> FixedClock:
    """A minute ahead: an installation's own certificates are made by the time of day and not valid before."""
    return FixedClock(datetime.now(UTC) + timedelta(minutes=1))


def instruct(alice: Visitor, document: str) -> dict[str, Any]:
    return alice.post(f"/api/documents/{document}/instruction", {})


def approve(alice: Visitor, instruction: dict[str, Any], body: dict[str, Any], language: str = "en") -> httpx2.Response:
    path = f"/api/instructions/{instruction['instruction_id']}/approval"
    return alice._http.post(path, json=body, headers={"Accept-Language": language})


def test_a_wrong_pin_tells_how_many_tries_are_left(alice: Visitor, document: str) -> None:
    instruction = instruct(alice, document)
    for left, language in ((9, "en"), (8, "ja")):
        answer = approve(alice, instruction, approval_of(alice, instruction, pin="not the pin 9"), language)
        assert (answer.status_code, answer.json()["code"]) == (403, "wrong_secret")
        # In English the answer itself says it; the portal's page adds it in either language from the list of keys.
        assert language == "ja" or f"{left} tries left" in answer.json()["detail"], answer.text
        assert_tells_nothing_inside(answer, "not the pin 9", PIN)
        assert alice.get("/api/keys")["keys"][0]["pin_tries_left"] == left
    assert approve(alice, instruction, approval_of(alice, instruction)).status_code == 200
    assert alice.get("/api/keys")["keys"][0]["pin_tries_left"] == 10
    assert alice.get(f"/api/documents/{document}")["state"] == "signed"


def test_a_wrong_passkey_is_refused_and_costs_nothing(
    portal: Portal, officer: Visitor, alice: Visitor, document: str
) -> None:
    mallory = portal.enrol(officer, common_name="Mallory")
    instruction = instruct(alice, document)
    body = approval_of(alice, instruction)
    foreign = dict(instruction["publicKey"], allowCredentials=[])
    body["credential"] = mallory.device.get(foreign)
    answer = approve(alice, instruction, body)
    assert (answer.status_code, answer.json()["code"]) == (403, "approval_refused")
    assert_tells_nothing_inside(answer)
    assert alice.get("/api/keys")["keys"][0]["pin_tries_left"] == 10
    assert approve(alice, instruction, approval_of(alice, instruction)).status_code == 200


def test_an_expired_approval_is_refused_and_the_document_stays(
    alice: Visitor, document: str, clock: FixedClock
) -> None:
    instruction = instruct(alice, document)
    clock.advance(APPROVAL_SECONDS + 1)
    answer = approve(alice, instruction, approval_of(alice, instruction))
    assert (answer.status_code, answer.json()["code"]) == (410, "expired")
    assert_tells_nothing_inside(answer)
    alice.sign(document)


def test_an_expired_invitation_is_told_as_expired(portal: Portal, officer: Visitor, clock: FixedClock) -> None:
    officer.sign_in()
    token = urlsplit(officer.invite({**PERSON, "common_name": "Late"})).fragment
    clock.advance(14 * DAY + 1)
    with portal.client() as client:
        for language, word in (("en", "sender of the link"), ("ja", "期限")):
            answer = client.post("/api/enrol/open", json={"token": token}, headers={"Accept-Language": language})
            assert (answer.status_code, answer.json()["code"]) == (410, "invitation_expired")
            assert word in answer.text
            assert_tells_nothing_inside(answer, token)


@pytest.mark.parametrize("jump", [-3600.0, 3600.0, -30 * DAY, 3650 * DAY])
def test_no_approval_lives_longer_because_the_clock_jumps(tmp_path: Path, jump: float) -> None:
    """sam's clock is set while one instruction waits and another is approved: neither signs any more."""
    clock = standing_clock()
    rig = SamRig.make(tmp_path, clock=clock)
    web = rig.web
    _, alice = people(web, rig.token)
    waiting, wanted = web.instruct(alice, digests(1)), digests(1)
    sad = web.approve(alice, wanted)
    clock.advance(jump)
    with pytest.raises(errors.Expired):
        web.activate(alice, waiting)
    with pytest.raises(errors.Expired):
        web.sign(sad, wanted)
    clock.advance(-jump)
    if abs(jump) < DAY:
        assert len(web.sign(sad, wanted).signatures) == 1, "a moment's wrong clock destroyed nothing"
    rig.close()
    check_invariants(rig.config.sam.log_folder, web.info.log_vkey, ())


def test_small_corrections_of_the_clock_disturb_nobody(tmp_path: Path) -> None:
    clock = standing_clock()
    rig = SamRig.make(tmp_path, clock=clock)
    web = rig.web
    _, alice = people(web, rig.token)
    clock.advance(60)
    instruction = web.instruct(alice, wanted := digests(1))
    clock.advance(-2)
    sad = web.activate(alice, instruction).sad
    clock.advance(-2)
    assert len(web.sign(sad, wanted).signatures) == 1
    rig.close()


def test_the_same_approval_five_times_at_once_gives_one_signature(
    portal: Portal, alice: Visitor, document: str
) -> None:
    folder = portal.config.sam.log_folder
    before = count_of("outcome", folder)
    instruction = instruct(alice, document)
    body = approval_of(alice, instruction)
    answers = at_once(5, lambda: approve(alice, instruction, body))
    assert [answer.status_code for answer in answers] == [200] * 5, [answer.text for answer in answers]
    assert {answer.json()["document_id"] for answer in answers} == {document}
    assert count_of("outcome", folder) == before + 1
    first = alice.download(f"/api/documents/{document}/signed")
    assert approve(alice, instruction, body).status_code == 200
    assert alice.download(f"/api/documents/{document}/signed") == first
    assert count_of("outcome", folder) == before + 1


def test_two_different_approvals_at_once_give_one_signature(portal: Portal, alice: Visitor, document: str) -> None:
    """Two windows of one person: both press the button."""
    folder = portal.config.sam.log_folder
    before = count_of("outcome", folder)
    instruction = instruct(alice, document)
    bodies = [approval_of(alice, instruction) for _ in range(2)]
    answers = at_once(2, lambda: approve(alice, instruction, bodies.pop()))
    assert {answer.status_code for answer in answers} <= {200, 409}, [answer.text for answer in answers]
    assert alice.get(f"/api/documents/{document}")["state"] == "signed"
    assert count_of("outcome", folder) == before + 1


def test_the_same_hash_request_five_times_at_once_gives_one_answer(portal: Portal, alice: Visitor) -> None:
    alice.sign_in()
    key_id = alice.get("/api/keys")["keys"][0]["key_id"]
    asked = {"key_id": key_id, "scheme": "ecdsa-sha256", "digests": [base64url.encode(digest) for digest in digests(3)]}
    made = alice.post("/api/instructions", asked)
    sad = alice.approve(made, f"/api/instructions/{made['instruction_id']}/activation")["sad"]
    body = {"sad": sad, "digests": asked["digests"]}
    before = count_of("outcome", portal.config.sam.log_folder)
    answers = at_once(5, lambda: alice._http.post("/api/signatures", json=body))
    # Who asks while it is being signed is told to ask again; everybody who gets signatures gets the same ones.
    assert {answer.status_code for answer in answers} <= {200, 409, 503}, [answer.text for answer in answers]
    given = [answer.json() for answer in answers if answer.status_code == 200]
    assert given
    assert all(one == given[0] for one in given)
    assert alice._http.post("/api/signatures", json=body).json() == given[0]
    assert count_of("outcome", portal.config.sam.log_folder) == before + 1


def count_of(kind: str, folder: Path) -> int:
    return [entry["type"] for entry in entries_of(folder)].count(kind)


def at_once(times: int, ask: Any) -> list[httpx2.Response]:
    """The answers to `ask`, called by so many threads at the same moment."""
    barrier, answers = threading.Barrier(times), []

    def run() -> None:
        barrier.wait()
        answers.append(ask())

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
