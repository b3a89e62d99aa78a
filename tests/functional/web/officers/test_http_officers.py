"""Officers who decide about officers and stops, over HTTP."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from natsuin import base64url
from natsuin.cli.demo.encoding import challenge_of
from natsuin.cli.demo.visitor import ServerRefused, Visitor
from natsuin.clock import SystemClock
from natsuin.key_management import FIRST_ROLES
from natsuin.sam.protocol import ApproveOfficerAct
from natsuin.web.api.fields import AssertionCredential
from rigs.applications import App
from rigs.portal import PDF, Portal
from rigs.shared_acts import me

ACTS = "/api/officer/officer-acts"


def approve(act: dict[str, Any], officer: Visitor) -> dict[str, Any]:
    assert base64url.decode(act["publicKey"]["challenge"]) == challenge_of(act["record"].encode())
    return officer.post(f"{ACTS}/{act['act_id']}/approval", {"credential": officer.device.get(act["publicKey"])})


def decide(first: Visitor, second: Visitor, **wish: Any) -> dict[str, Any]:
    act = first.post(ACTS, wish)
    assert approve(act, first)["waiting"]
    shown = second.post(f"{ACTS}/{act['act_id']}/review", {})
    assert shown["record"] == act["record"]
    return approve(shown, second)


def stop(officer: Visitor, user_id: str = "") -> None:
    assert not approve(officer.post(ACTS, {"act": "stop-signing", "user_id": user_id, "note": "a drill"}), officer)[
        "waiting"
    ]


def test_the_link_of_a_named_officer_works_once(
    first: Visitor, second: Visitor, somebody: Callable[[], Visitor]
) -> None:
    answer = decide(first, second, act="name-officer", name="三人目", roles=["registration-officer"])
    assert answer["link"].startswith(f"{first.origin}/officer/enrol#")
    third = somebody()
    third.register_as_officer(answer["link"].partition("#")[2])
    third.sign_in()
    assert third.get("/api/me")["roles"] == ["registration-officer"]
    assert third._http.get("/officer").status_code == 200
    assert third._http.get("/officer/officers").status_code == 403
    with pytest.raises(ServerRefused):
        somebody().register_as_officer(answer["link"].partition("#")[2])


def test_who_waits_for_whom_is_listed(first: Visitor, second: Visitor) -> None:
    act = first.post(ACTS, {"act": "name-officer", "name": "Not yet", "roles": ["auditor"], "note": "for the audit"})
    assert act["act_id"] not in str(first.get("/api/officer/officers")["waiting"])
    approve(act, first)
    for officer, mine in ((first, False), (second, True)):
        (one,) = [one for one in officer.get("/api/officer/officers")["waiting"] if one["act_id"] == act["act_id"]]
        assert (one["name"], one["roles"], one["note"], one["mine"]) == ("Not yet", ["auditor"], "for the audit", mine)
    assert "Another security officer" not in second.download(f"/officer/officers/acts/{act['act_id']}").decode()
    assert "for the audit" in second.download(f"/officer/officers/acts/{act['act_id']}").decode()
    assert first._http.post(f"{ACTS}/{act['act_id']}/review", json={}).json()["code"] == "forbidden"


def test_a_removed_officer_is_signed_out_and_does_not_come_back(
    portal: Portal, first: Visitor, second: Visitor, officer_with: Callable[..., Visitor]
) -> None:
    leaver = officer_with(*FIRST_ROLES)
    user_id = me(leaver)
    decide(first, second, act="remove-officer", user_id=user_id)
    assert leaver._http.get("/api/officer/people").status_code == 401
    leaver.sign_in()
    for path in ("/officer", "/officer/keys", "/officer/officers", "/officer/archives"):
        assert leaver._http.get(path).status_code == 403
    assert user_id not in {one["user_id"] for one in first.get("/api/officer/officers")["officers"]}


def test_an_officer_whom_only_web_still_knows_is_forgotten_at_the_next_look(
    portal: Portal, first: Visitor, second: Visitor, officer_with: Callable[..., Visitor]
) -> None:
    """web may die between sam's answer and its own copy."""
    leaver = officer_with(*FIRST_ROLES)
    act = first.post(ACTS, {"act": "remove-officer", "user_id": me(leaver)})
    approve(act, first)
    shown = second.post(f"{ACTS}/{act['act_id']}/review", {})
    credential = second.device.get(shown["publicKey"])
    message = ApproveOfficerAct(
        act_id=act["act_id"],
        assertion=_assertion(credential),
    )
    portal.sam.rig.ask(message)
    assert leaver._http.get("/officer").status_code == 200
    first.get("/api/officer/officers")
    assert leaver._http.get("/officer").status_code == 303 or leaver._http.get("/api/me").status_code == 401


def _assertion(credential: dict[str, Any]) -> Any:
    return AssertionCredential.model_validate(credential).message()


def test_a_stop_is_told_to_signers_and_officers_and_ends_with_two(
    first: Visitor, second: Visitor, alice: Visitor
) -> None:
    document = alice.post_bytes(PDF + b"before", "a.pdf")["id"]
    stop(first)
    refused = alice._http.post(f"/api/documents/{document}/instruction", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "signing_stopped")
    assert "provider" in refused.json()["hint"]
    told = alice._http.post(f"/api/documents/{document}/instruction?lang=ja", json={}).json()
    assert "停止" in told["title"]
    page = first.download("/officer/officers").decode()
    assert "Signing is stopped for everybody" in page
    assert "a drill" in page
    act = first.post(ACTS, {"act": "resume-signing"})
    approve(act, first)
    assert alice._http.post(f"/api/documents/{document}/instruction", json={}).status_code == 409
    approve(second.post(f"{ACTS}/{act['act_id']}/review", {}), second)
    alice.sign(document)


def test_a_stop_of_one_person_is_begun_on_their_record(first: Visitor, second: Visitor, alice: Visitor) -> None:
    user_id = me(alice)
    assert (
        f"/officer/officers/new?act=stop-signing&amp;user={user_id}"
        in first.download(f"/officer/people/{user_id}").decode()
    )
    stop(first, user_id)
    document = alice.post_bytes(PDF + b"person", "p.pdf")["id"]
    assert alice._http.post(f"/api/documents/{document}/instruction", json={}).json()["code"] == "signing_stopped"
    (stopped,) = first.get("/api/officer/officers")["stops"]
    assert (stopped["user_id"], stopped["name"], stopped["note"]) == (user_id, "Alice", "a drill")
    decide(first, second, act="resume-signing", user_id=user_id)
    alice.sign(document)


ROLES_AND_PAGES = {
    "registration-officer": {
        "/officer",
        "/officer/people",
        "/officer/keys",
        "/officer/replacements",
        "/officer/service",
    },
    "security-officer": {
        "/officer/people",
        "/officer/keys",
        "/officer/archives",
        "/officer/officers",
        "/officer/service",
    },
    "system-administrator": {"/officer/service"},
    "auditor": {"/auditor/log", "/auditor/activity"},
}


@pytest.mark.parametrize("role", ROLES_AND_PAGES)
def test_each_role_sees_its_pages_and_no_others(officer_with: Callable[..., Visitor], role: str) -> None:
    officer = officer_with(role)
    every = set[str]().union(*ROLES_AND_PAGES.values())
    seen = {path for path in every if officer._http.get(path, follow_redirects=False).status_code != 403}
    assert seen == ROLES_AND_PAGES[role]
    # What the navigation offers can be opened.
    page = officer.download("/").decode()
    for path in every - {"/auditor/log", "/auditor/activity"}:
        assert f'href="{path}"' not in page or path in seen, path


def test_the_state_of_the_service_and_an_application_that_is_stopped(
    portal: Portal, first: Visitor, officer_with: Callable[..., Visitor]
) -> None:
    app = App.register(portal)
    administrator = officer_with("system-administrator")
    state = administrator.get("/api/officer/service")
    assert (state["problems"], state["warnings"], state["backend"]) == ([], [], "software")
    assert state["log_size"] >= portal.sam.rig.sam.log.size - 1
    assert app.client_id in administrator.download("/officer/service").decode()
    registrar = officer_with("registration-officer")
    address = f"/api/officer/applications/{app.client_id}"
    assert registrar._http.post(f"{address}/stop", json={}).status_code == 403
    assert registrar._http.get("/officer/service").status_code == 200
    administrator.post(f"{address}/stop", {})
    assert portal.client().get(app.address(app.asking())).status_code == 400
    assert 'data-to="resume"' in first.download("/officer/service").decode()
    first.post(f"{address}/resume", {})
    assert portal.client().get(app.address(app.asking()), follow_redirects=False).status_code in (302, 303)
    assert first._http.post("/api/officer/applications/nobody/stop", json={}).status_code == 404


def test_stopping_an_application_asks_for_a_fresh_sign_in(portal: Portal, first: Visitor) -> None:
    """By a second web on the same database, whose patience is over before anybody can act."""
    app = App.register(portal)
    strict = portal.another(step_up_seconds=60, clock=Later())
    try:
        with strict.client() as client:
            client.cookies.update(first._http.cookies)
            answer = client.post(f"/api/officer/applications/{app.client_id}/stop", json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "step_up_required")
    finally:
        strict.stop_web()


class Later:
    """Five minutes ahead of the clock that the session was begun by."""

    def now(self) -> datetime:
        return SystemClock().now() + timedelta(minutes=5)


def test_two_officers_disclose_what_the_log_commits_to(portal: Portal, first: Visitor, second: Visitor) -> None:
    person = portal.enrol(first)
    person.sign_in()
    wish = {"act": "disclose-entries", "user_id": me(person), "fields": ["user"], "note": "court order 3, for Watanabe"}
    page = first.download(f"/officer/officers/new?act=disclose-entries&user={me(person)}").decode()
    assert 'id="fields"' in page
    assert 'id="entries"' not in page
    act = first.post(ACTS, wish)
    assert approve(act, first)["disclosure"] == ""
    assert "court order 3" in second.download(f"/officer/officers/acts/{act['act_id']}").decode()
    told = json.loads(approve(second.post(f"{ACTS}/{act['act_id']}/review", {}), second)["disclosure"])
    values = {part["value"] for each in told["openings"] for part in each["fields"].values() if "value" in part}
    assert values == {json.dumps(me(person))}
    refused = first._http.post(ACTS, json={**wish, "act": "erase-openings", "fields": []})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    "members", [{"entries": ["x"]}, {"fields": ["A b"]}, {"note": ""}, {"entries": ["0" * 32] * 201}]
)
def test_disclosures_that_are_not_well_formed(first: Visitor, members: dict[str, Any]) -> None:
    wish = {"act": "disclose-entries", "entries": ["0" * 32], "fields": ["user"], "note": "x", **members}
    assert first._http.post(ACTS, json=wish).status_code == 400
