"""Copies of keys and their restoration over HTTP: what two officers and an owner can do."""

import itertools

import pytest

from natsuin.backup_records import LastBackup, Rehearsal, remember
from natsuin.cli.demo.visitor import ServerRefused, Visitor
from natsuin.clock import SystemClock, milliseconds
from rigs.key_acts import key_of
from rigs.key_copies import damage_key, lose_key
from rigs.portal import PDF, Portal
from rigs.shared_acts import (
    ACTS,
    archive,
    by_officer,
    database,
    me,
    propose_restore,
    restore_by_officers,
    restore_by_owner,
    review,
)


def test_a_lost_key_comes_back_and_signs(portal: Portal, officer: Visitor, second: Visitor, alice: Visitor) -> None:
    key = key_of(alice)
    (made,) = archive(officer, second, key["key_id"])
    assert (made["owner"], made["copy"], made["state"], made["here"]) == ("Alice", 1, "kept", True)
    assert made["officers"][1] == "Second officer"
    assert alice.get("/api/archives")["archives"] == [made]
    lose_key(database(portal), key["key_id"])
    act = restore_by_officers(officer, second, made["archive_id"])
    (waiting,) = alice.get("/api/waiting")["waiting"]
    assert (waiting["kind"], waiting["key_id"], waiting["mine"]) == ("restore", key["key_id"], True)
    assert act["act_id"] in alice.download("/keys").decode()
    assert "Second officer" in alice.download(f"/waiting/{act['act_id']}").decode()
    assert restore_by_owner(alice, act["act_id"])["key"]["key_id"] == key["key_id"]
    assert alice.get("/api/waiting")["waiting"] == []
    alice.sign(alice.post_bytes(PDF + b"after", "a.pdf")["id"])


def test_a_damaged_key_is_told_and_comes_back(portal: Portal, officer: Visitor, second: Visitor, bob: Visitor) -> None:
    key = key_of(bob)
    (made,) = archive(officer, second, key["key_id"])
    assert "1 copy" in bob.download("/keys").decode()
    damage_key(database(portal), key["key_id"])
    assert "One of your keys is damaged" in bob.download("/keys").decode()
    assert officer._http.get("/api/officer/keys").json()["code"] == "tampered"
    act = restore_by_officers(officer, second, made["archive_id"])
    assert act["act_id"] in bob.download("/keys").decode()
    restore_by_owner(bob, act["act_id"])
    assert "damaged" not in bob.download("/keys").decode()
    bob.sign(bob.post_bytes(PDF + b"mended", "b.pdf")["id"])


def test_every_key_without_a_current_archive(officer: Visitor, second: Visitor, alice: Visitor, bob: Visitor) -> None:
    archive(officer, second, key_of(alice)["key_id"])
    made = archive(officer, second)
    owners = [one["owner"] for one in made]
    assert me(bob) in {one["user_id"] for one in made}
    assert me(alice) not in {one["user_id"] for one in made}
    assert len(owners) == len(made)
    assert archive(officer, second) == []


def test_officers_see_the_list_in_pages_and_of_one_key(officer: Visitor, second: Visitor, alice: Visitor) -> None:
    for _ in range(2):
        archive(officer, second, key_of(alice)["key_id"])
    of_one = officer.get(f"/api/officer/archives?key_id={key_of(alice)['key_id']}")["archives"]
    assert sorted(one["copy"] for one in of_one) == [1, 2]
    listed, after = [], ""
    for _ in itertools.count():
        page = officer.get(f"/api/officer/archives?limit=2&after={after}")
        listed += page["archives"]
        after = page["next"]
        if not after:
            break
    ids = [one["archive_id"] for one in listed]
    assert ids == sorted(set(ids))
    assert {one["archive_id"] for one in of_one} <= set(ids)
    page = officer.download(f"/officer/archives?key={key_of(alice)['key_id']}").decode()
    assert all(f"/officer/archives/{one['archive_id']}" in page for one in of_one)


def test_the_queue_tells_whose_turn_it_is(
    portal: Portal, officer: Visitor, second: Visitor, third: Visitor, alice: Visitor
) -> None:
    act = officer.post("/api/officer/archives", {"key_id": key_of(alice)["key_id"], "second_officer": me(second)})
    for who in (officer, second, third):
        assert act["act_id"] not in {one["act_id"] for one in who.get("/api/officer/waiting")["waiting"]}
    officer.post(f"{ACTS}/{act['act_id']}", by_officer(act, officer))
    turns = {}
    for who, name in ((officer, "first"), (second, "second"), (third, "third")):
        listed = {one["act_id"]: one for one in who.get("/api/officer/waiting")["waiting"]}
        turns[name] = listed[act["act_id"]]["mine"]
        assert listed[act["act_id"]]["waiting_for"] == ["Second officer"]
        page = who.download(f"/officer/waiting/{act['act_id']}").decode()
        assert ("data-begin" in page) is turns[name]
        assert ("not your turn" in page) is not turns[name]
    assert turns == {"first": False, "second": True, "third": False}
    assert review(third, act["act_id"])["publicKey"]["allowCredentials"] == []
    assert len(review(second, act["act_id"])["publicKey"]["allowCredentials"]) == 1


def test_warnings_about_rehearsals(portal: Portal, officer: Visitor) -> None:
    now, file = milliseconds(SystemClock().now()), portal.config.file
    assert "never rehearsed" in officer.download("/officer/archives").decode()
    remember(file, LastBackup(now, "natsuin-1", 7))
    remember(file, Rehearsal(now - 89 * 86_400_000, "natsuin-1", now, 1, 0, 7))
    assert "data-overdue" not in officer.download("/officer/archives").decode()
    remember(file, Rehearsal(now - 91 * 86_400_000, "natsuin-1", now, 1, 0, 7))
    assert "more than 90 days ago" in officer.download("/officer/archives").decode()


def test_a_wrong_pin_counts_and_ends_the_act(portal: Portal, officer: Visitor, second: Visitor, alice: Visitor) -> None:
    key_id = key_of(alice)["key_id"]
    (made,) = archive(officer, second, key_id)
    lose_key(database(portal), key_id)
    act = restore_by_officers(officer, second, made["archive_id"])
    with pytest.raises(ServerRefused, match="9 tries left"):
        restore_by_owner(alice, act["act_id"], pin="wrong horse 7")
    with pytest.raises(ServerRefused, match="no such act"):
        restore_by_owner(alice, act["act_id"])
    again = restore_by_officers(officer, second, made["archive_id"])
    assert propose_restore(second, officer, made["archive_id"])["act_id"] != again["act_id"]
    restore_by_owner(alice, again["act_id"])
    assert key_of(alice)["key_id"] == key_id
