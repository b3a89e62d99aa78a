"""Acts that ask for a fresh sign-in, over HTTP, by a clock that the test moves."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from natsuin.cli.demo.visitor import Visitor
from natsuin.clock import FixedClock
from rigs.portal import Portal, cookie_of


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    return FixedClock(datetime.now(UTC))


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, clock: FixedClock) -> Iterator[Portal]:
    """A portal that asks again after five minutes."""
    patient = Portal.start(tmp_path_factory.mktemp("strict"), clock=clock)
    running = patient.another(clock, step_up_seconds=300)
    yield running
    running.stop_web()
    patient.stop()


@pytest.fixture(scope="module")
def chief(strict: Portal) -> Visitor:
    return strict.enrol_officer()


@pytest.fixture(scope="module")
def signer(strict: Portal, chief: Visitor) -> Visitor:
    return strict.enrol(chief, common_name="Stepper", email="stepper@example.jp")


def fresh_acts(signer: Visitor) -> list[tuple[str, dict]]:
    key_id = signer.get("/api/keys")["keys"][0]["key_id"]
    passkey = signer.get("/api/account")["passkeys"][0]["credential_id"]
    return [
        (f"/api/keys/{key_id}/passkey-offer", {}),
        (f"/api/keys/{key_id}/statement", {}),
        ("/api/account/passkey-name", {"credential_id": passkey, "name": "phone"}),
        ("/api/account/notices", {"of_use": False}),
    ]


def told(visitor: Visitor, path: str, body: dict) -> tuple[int, str]:
    answer = visitor._http.post(path, json=body)
    return answer.status_code, answer.json().get("code", "") if answer.status_code >= 400 else ""


def step_up(visitor: Visitor) -> tuple[int, str]:
    options = visitor.post("/api/step-up/options", {})["publicKey"]
    return told(visitor, "/api/step-up", {"credential": visitor.device.get(options)})


def test_after_five_minutes_the_passkey_is_asked_again(
    strict: Portal, signer: Visitor, chief: Visitor, clock: FixedClock
) -> None:
    signer.sign_in()
    acts = fresh_acts(signer)
    assert [told(signer, *act)[0] for act in acts] == [200] * len(acts)
    clock.advance(299)
    assert told(signer, *acts[2])[0] == 200
    clock.advance(1)
    assert [told(signer, *act) for act in acts] == [(403, "step_up_required")] * len(acts)
    assert signer.get("/api/me")["display_name"] == "Stepper", "the session itself is good"

    before = cookie_of(signer)
    assert step_up(signer)[0] == 200
    assert cookie_of(signer) != before
    assert [told(signer, *act)[0] for act in acts] == [200] * len(acts)
    with strict.client(Cookie=f"natsuin_session={before}") as old:
        assert old.get("/api/me").status_code == 401
    assert len(signer.get("/api/account")["sessions"]) == 1, "the new one took the place of the old"


def test_only_ones_own_passkey_counts(signer: Visitor, chief: Visitor, clock: FixedClock) -> None:
    """A thief of the cookie has a passkey of their own, even one of this service."""
    signer.sign_in()
    clock.advance(301)
    cookie, act = cookie_of(signer), fresh_acts(signer)[2]
    options = signer.post("/api/step-up/options", {})["publicKey"]
    mine = signer.get("/api/account")["passkeys"][0]["credential_id"]
    assert [one["id"] for one in options["allowCredentials"]] == [mine]
    credential = chief.device.get({**options, "allowCredentials": []})
    assert told(signer, "/api/step-up", {"credential": credential}) == (401, "sign_in_failed")
    assert told(signer, *act) == (403, "step_up_required")
    assert cookie_of(signer) == cookie


def test_ending_sessions_never_waits_for_a_passkey(signer: Visitor, clock: FixedClock) -> None:
    signer.sign_in()
    clock.advance(600)
    assert signer._http.post("/api/account/end-other-sessions", json={}).status_code == 204


def test_a_clock_set_back_makes_no_session_fresh(signer: Visitor, clock: FixedClock) -> None:
    signer.sign_in()
    act = fresh_acts(signer)[2]
    clock.advance(-60)
    try:
        assert told(signer, *act) == (403, "step_up_required")
    finally:
        clock.advance(60)
