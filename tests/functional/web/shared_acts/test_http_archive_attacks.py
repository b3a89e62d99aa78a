"""Copies of keys over HTTP: what is refused to whom, and that a refusal leaves everything as it was."""

from typing import Any

import pytest

from natsuin.cli.demo.visitor import ServerRefused, Visitor
from natsuin.sam import protocol
from rigs.key_acts import do, key_of, refusal
from rigs.key_copies import lose_key
from rigs.portal import Portal, cookie_of
from rigs.shared_acts import (
    ACTS,
    archive,
    by_officer,
    by_owner,
    database,
    me,
    propose_restore,
    restore_by_officers,
    restore_by_owner,
    review,
    second_approves,
)

RESTORE = protocol.HPKE_INFO_RESTORE
NOT_FOUND, NOT_APPROVED = (404, "not_found"), (403, "approval_refused")


def proposed(officer: Visitor, second: Visitor, owner: Visitor) -> dict[str, Any]:
    wish = {"key_id": key_of(owner)["key_id"], "second_officer": me(second)}
    return officer.post("/api/officer/archives", wish)


def lost(portal: Portal, officer: Visitor, second: Visitor, owner: Visitor) -> dict[str, Any]:
    """The archive of a key that DB-2 lost."""
    key_id = key_of(owner)["key_id"]
    (made,) = archive(officer, second, key_id)
    lose_key(database(portal), key_id)
    return made


def test_signers_are_no_officers_and_officers_no_owners(
    portal: Portal, officer: Visitor, second: Visitor, alice: Visitor
) -> None:
    act = restore_by_officers(officer, second, lost(portal, officer, second, alice)["archive_id"])
    act_id = act["act_id"]
    owners = by_owner(alice.get(f"/api/waiting/{act_id}"), alice, info=RESTORE)
    for path in ("/api/officer/archives", "/api/officer/waiting", "/api/officer/colleagues"):
        assert alice._http.get(path).status_code == 403
    assert alice._http.get(f"/api/officer/waiting/{act_id}").status_code == 403
    assert alice._http.get("/officer/archives").status_code == 403
    assert refusal(alice._http, "/api/officer/archives", {"second_officer": me(second)}) == (403, "forbidden")
    approval = {"credential": owners["credential"]}
    assert refusal(alice._http, f"{ACTS}/{act_id}", approval) == (403, "forbidden")
    # The owner's part is not an officer's, whatever they hold: neither to look at nor to approve.
    for path in ("/api/archives", "/api/waiting", f"/api/waiting/{act_id}", f"/waiting/{act_id}"):
        assert officer._http.get(path).status_code == 403
    assert refusal(officer._http, f"/api/restores/{act_id}", owners) == (403, "forbidden")
    assert refusal(officer._http, f"{ACTS}/{act_id}", approval) == NOT_APPROVED
    assert refusal(officer._http, f"{ACTS}/{act_id}", owners) == (400, "malformed")
    assert review(officer, act_id)["publicKey"]["allowCredentials"] == []
    restore_by_owner(alice, act_id)


def test_anothers_act_does_not_exist(
    portal: Portal, officer: Visitor, second: Visitor, alice: Visitor, bob: Visitor
) -> None:
    """The same for Alice's act and one that never was; and Bob's tries do not end it."""
    act = restore_by_officers(officer, second, lost(portal, officer, second, alice)["archive_id"])
    stolen = by_owner(alice.get(f"/api/waiting/{act['act_id']}"), alice, info=RESTORE)
    own = {**stolen, "credential": bob.device.get({**act["publicKey"], "allowCredentials": []})}
    assert bob.get("/api/waiting")["waiting"] == bob.get("/api/archives")["archives"] == []
    for act_id in (act["act_id"], "0" * 32):
        assert bob._http.get(f"/api/waiting/{act_id}").status_code == 404
        assert bob._http.get(f"/waiting/{act_id}").status_code == 404
        for body in (own, stolen) * 3:
            assert refusal(bob._http, f"/api/restores/{act_id}", body) == NOT_FOUND
    restore_by_owner(alice, act["act_id"])


def test_one_officer_does_not_count_twice(officer: Visitor, second: Visitor, alice: Visitor) -> None:
    wish = {"key_id": key_of(alice)["key_id"], "second_officer": me(officer)}
    assert refusal(officer._http, "/api/officer/archives", wish) == (400, "malformed")
    assert refusal(officer._http, "/api/officer/archives", {**wish, "second_officer": me(alice)}) == (403, "forbidden")
    act = proposed(officer, second, alice)
    path = f"{ACTS}/{act['act_id']}"
    first = by_officer(act, officer)
    officer.post(path, first)
    assert refusal(officer._http, path, first) == (409, "already_used")
    assert refusal(officer._http, path, by_officer(act, officer)) == (409, "already_used")
    # Nor does what one officer approved count when another one sends it.
    assert refusal(second._http, path, first) == NOT_APPROVED
    assert alice.get("/api/archives")["archives"] == []
    assert len(second_approves(act, second)["archives"]) == 1


def test_only_the_officers_named_approve(officer: Visitor, second: Visitor, third: Visitor, alice: Visitor) -> None:
    act = proposed(officer, second, alice)
    path = f"{ACTS}/{act['act_id']}"
    own = {"credential": third.device.get({**act["publicKey"], "allowCredentials": []})}
    for body in (own, by_officer(act, officer)):
        assert refusal(third._http, path, body) == NOT_FOUND
    seconds = by_officer(review(second, act["act_id"]), second)
    assert refusal(officer._http, path, seconds) == NOT_APPROVED
    assert alice.get("/api/archives")["archives"] == []


def test_a_swapped_record_is_no_approval(officer: Visitor, second: Visitor, alice: Visitor, bob: Visitor) -> None:
    """An approval of Bob's archive says nothing about Alice's, nor about the restoration of one."""
    shown, meant = proposed(officer, second, bob), proposed(officer, second, alice)
    assert refusal(officer._http, f"{ACTS}/{meant['act_id']}", by_officer(shown, officer)) == NOT_APPROVED
    officer.post(f"{ACTS}/{meant['act_id']}", by_officer(meant, officer))
    seconds = by_officer(review(second, shown["act_id"]), second)
    assert refusal(second._http, f"{ACTS}/{meant['act_id']}", seconds) == NOT_APPROVED
    assert alice.get("/api/archives")["archives"] == []


def test_five_refusals_end_an_act(officer: Visitor, second: Visitor, alice: Visitor) -> None:
    act = proposed(officer, second, alice)
    other = by_officer(proposed(officer, second, alice), officer)
    path = f"{ACTS}/{act['act_id']}"
    assert [refusal(officer._http, path, other) for _ in range(6)] == [NOT_APPROVED] * 5 + [(409, "already_used")]
    assert refusal(officer._http, path, by_officer(act, officer)) == (409, "already_used")


def test_a_replayed_restoration_does_nothing(portal: Portal, officer: Visitor, second: Visitor, alice: Visitor) -> None:
    made = lost(portal, officer, second, alice)
    act = restore_by_officers(officer, second, made["archive_id"])
    body = by_owner(alice.get(f"/api/waiting/{act['act_id']}"), alice, info=RESTORE)
    key_id = alice.post(f"/api/restores/{act['act_id']}", body)["key"]["key_id"]
    assert refusal(alice._http, f"/api/restores/{act['act_id']}", body) == (409, "already_used")
    lose_key(database(portal), key_id)
    assert refusal(alice._http, f"/api/restores/{act['act_id']}", body) == (409, "already_used")
    again = restore_by_officers(officer, second, made["archive_id"])
    assert refusal(alice._http, f"/api/restores/{again['act_id']}", body) == NOT_APPROVED
    restore_by_owner(alice, again["act_id"])


def test_the_owner_is_not_asked_before_both_officers(
    portal: Portal, officer: Visitor, second: Visitor, alice: Visitor
) -> None:
    act = propose_restore(officer, second, lost(portal, officer, second, alice)["archive_id"])
    path = f"/api/restores/{act['act_id']}"
    own = {"credential": alice.device.get({**act["publicKey"], "allowCredentials": []}), "sealed_secrets": "A" * 200}
    assert alice._http.get(f"/api/waiting/{act['act_id']}").status_code == 404
    assert refusal(alice._http, path, own) == (403, "forbidden")
    officer.post(f"{ACTS}/{act['act_id']}", by_officer(act, officer))
    assert alice._http.get(f"/api/waiting/{act['act_id']}").status_code == 404
    assert refusal(alice._http, path, own) == (403, "forbidden")
    assert alice.get("/api/keys")["keys"] == []
    second_approves(act, second)
    restore_by_owner(alice, act["act_id"])


@pytest.mark.parametrize("wish", [{"act": "destroy"}, {"act": "revoke", "reason": "keyCompromise"}])
def test_an_ended_key_stays_dead(
    portal: Portal, officer: Visitor, second: Visitor, alice: Visitor, wish: dict[str, str]
) -> None:
    key_id = key_of(alice)["key_id"]
    (made,) = archive(officer, second, key_id)
    assert portal.config.file is not None
    file = portal.config.sam.archive_folder / f"{made['archive_id']}.natsuin-key"
    carried = file.read_bytes()
    do(alice, **wish)
    assert alice.get("/api/archives")["archives"][0] == {**made, "state": "ended", "here": False}
    file.write_bytes(carried)
    lose_key(database(portal), key_id)
    path = f"/api/officer/archives/{made['archive_id']}/restore"
    assert refusal(officer._http, path, {"second_officer": me(second)}) == (409, "key_is_dead")
    assert alice.get("/api/waiting")["waiting"] == []


def test_an_act_that_waited_too_long_to_be_right(
    portal: Portal, officer: Visitor, second: Visitor, alice: Visitor
) -> None:
    """Both officers approved; then the key is there again, and the owner's approval puts nothing in its place."""
    made = lost(portal, officer, second, alice)
    acts = [restore_by_officers(officer, second, made["archive_id"]) for _ in range(2)]
    body = by_owner(alice.get(f"/api/waiting/{acts[1]['act_id']}"), alice, info=RESTORE)
    restore_by_owner(alice, acts[0]["act_id"])
    assert refusal(alice._http, f"/api/restores/{acts[1]['act_id']}", body) == (409, "key_not_lost")
    do(alice, "destroy")
    with pytest.raises(ServerRefused, match="destroyed"):
        restore_by_owner(alice, acts[1]["act_id"])
    assert key_of(alice)["state"] == "destroyed"


def test_requests_from_other_sites_do_nothing(portal: Portal, officer: Visitor, second: Visitor) -> None:
    with portal.client() as client:
        client.headers.update({"X-Natsuin": ""})
        client.cookies.update({"natsuin_session": cookie_of(officer)})
        answer = client.post("/api/officer/archives", json={"second_officer": me(second)})
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_request")
