"""Putting an older DB-2 back, whole and genuine, gives nobody a try, a second use, an old PIN or an old approval."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from natsuin import errors
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.key_management import FIRST_ROLES
from natsuin.sam import protocol as p
from natsuin.sam.process import open_sam
from rigs.invariants import check_invariants, entries_of
from rigs.key_copies import another_officer, archive_key, by_officers, put_back, restore_key, save_database
from rigs.sam_in_process import SamRig, people
from rigs.web_side import Officer, Signer, WebSide, assertion, digests

NEW_PIN = "battery staple 9"


class Older:
    """An installation, and DB-2 as it was at one moment."""

    def __init__(self, folder: Path) -> None:
        (folder / "n").mkdir()
        self.rig = SamRig.make(folder / "n")
        self.officer, self.alice = people(self.rig.web, self.rig.token)
        self.place = folder / "older"

    @property
    def web(self) -> WebSide:
        return self.rig.web

    @property
    def database(self) -> Path:
        return Path(self.rig.config.sam.database.removeprefix("sqlite:///"))

    def remember(self) -> None:
        self.rig.sam.close()
        save_database(self.database, self.place)
        self.open()

    def roll_back(self) -> None:
        self.rig.sam.close()
        put_back(self.database, self.place)
        self.open()

    def open(self) -> None:
        self.rig.sam = open_sam(self.rig.config, stop=self.rig.stopped.append)

    def entries(self, kind: str) -> list[dict[str, Any]]:
        self.rig.sam.log.publish()
        return [entry for entry in entries_of(self.rig.config.sam.log_folder) if entry["type"] == kind]

    def key(self) -> p.KeyInformation:
        return self.web.ask(p.ListKeys(user_id=self.alice.user_id)).keys[0]

    def change_pin(self) -> None:
        act = self.web.propose_act(self.alice, "change-pin")
        sealed = self.web.seal(p.HPKE_INFO_CHANGE, act.challenge, pin=self.alice.pin, new_pin=NEW_PIN)
        approval = assertion(self.alice.device, act.challenge)
        self.web.ask(p.ApproveKeyAct(act_id=act.act_id, assertion=approval, sealed_secrets=sealed))

    def reset_pin(self) -> str:
        act = self.web.ask(p.ProposePINReset(key_id=self.alice.key.key_id, user_id=self.alice.user_id))
        code = new_recovery_code()
        secrets = {"recovery_code": self.alice.recovery_code, "new_pin": NEW_PIN, "new_recovery_code": code}
        sealed = self.web.seal(p.HPKE_INFO_PIN_RESET, act.challenge, **secrets)
        approval = assertion(self.alice.device, act.challenge)
        self.web.ask(p.ApprovePINReset(act_id=act.act_id, assertion=approval, sealed_secrets=sealed))
        return code


@pytest.fixture
def older(tmp_path: Path) -> Iterator[Older]:
    made = Older(tmp_path)
    yield made
    made.rig.close()


def wrong_pin(older: Older) -> None:
    with pytest.raises(errors.WrongSecret):
        older.web.activate(older.alice, older.web.instruct(older.alice, digests(1)), pin="wrong horse 7")


def test_a_start_in_peace_and_one_after_a_crash_are_no_restoration(older: Older) -> None:
    wrong_pin(older)
    older.rig.reopen()
    wrong_pin(older)
    older.rig.sam.log.close()
    older.rig.sam.database.close()
    older.open()
    assert older.key().pin_tries_left == 8
    assert older.entries("database-restored") == []
    assert {entry["restored"] for entry in older.entries("boot")} == {False}


def test_wrong_tries_stand(older: Older) -> None:
    wrong_pin(older)
    older.remember()
    size = older.rig.sam.log.size
    for _ in range(5):
        wrong_pin(older)
    older.roll_back()
    assert older.key().pin_tries_left == 4
    (told,) = older.entries("database-restored")
    # The copy knows the `shutdown` before it; the `boot` after it is the first entry that it does not know.
    assert told["known"] == size - 1
    assert [entry["restored"] for entry in older.entries("boot")] == [False, False, True]
    older.rig.reopen()
    assert older.key().pin_tries_left == 4
    assert len(older.entries("database-restored")) == 1


def test_every_roll_back_is_counted_again_and_ends_in_a_locked_key(older: Older) -> None:
    older.remember()
    for _ in range(5):
        for _ in range(2):
            wrong_pin(older)
        older.roll_back()
    assert older.key().pin_tries_left == 0
    with pytest.raises(errors.Locked):
        older.web.approve(older.alice, digests(1))


def test_a_success_that_only_the_log_knows_counts_as_one(older: Older) -> None:
    for _ in range(3):
        wrong_pin(older)
    older.remember()
    older.web.approve(older.alice, digests(1))
    wrong_pin(older)
    older.roll_back()
    assert older.key().pin_tries_left == 9


def test_a_used_approval_is_not_used_again(older: Older) -> None:
    wanted = digests(3)
    sad = older.web.approve(older.alice, wanted)
    first = older.web.sign(sad, wanted[:1])
    older.remember()
    second = older.web.sign(sad, wanted[1:2])
    older.roll_back()
    for which in (wanted[1:2], wanted[2:]):
        with pytest.raises(errors.Refused):
            older.web.sign(sad, which)
    assert older.web.sign(sad, wanted[:1]) == first
    older.rig.sam.log.publish()
    check_invariants(older.rig.config.sam.log_folder, older.web.info.log_vkey, [first, second])
    assert older.entries("undelivered") == []


def test_what_was_withdrawn_or_waiting_stays_closed(older: Older) -> None:
    wanted = digests(1)
    approved = older.web.instruct(older.alice, wanted)
    sad = older.web.activate(older.alice, approved).sad
    waiting = older.web.instruct(older.alice, digests(1))
    older.remember()
    older.web.ask(p.Cancel(instruction_id=approved.instruction_id, user_id=older.alice.user_id))
    older.roll_back()
    with pytest.raises(errors.Refused):
        older.web.sign(sad, wanted)
    with pytest.raises(errors.Expired):
        older.web.activate(older.alice, waiting)
    fresh = digests(1)
    older.web.sign(older.web.approve(older.alice, fresh), fresh)


@pytest.mark.parametrize(("act", "state"), [("revoke", "revoked"), ("destroy", "destroyed"), ("suspend", "suspended")])
def test_a_key_that_was_stopped_signs_no_more(older: Older, act: str, state: str) -> None:
    """Neither with an approval from before, which that DB-2 has as good, nor with a new one."""
    wanted = digests(2)
    sad = older.web.approve(older.alice, wanted)
    older.web.sign(sad, wanted[:1])
    older.remember()
    older.web.act(older.alice, act, **({"reason": "keyCompromise"} if act == "revoke" else {}))
    older.roll_back()
    assert older.key().state == state
    with pytest.raises(errors.Refused):
        older.web.sign(sad, wanted[1:])
    with pytest.raises(errors.Conflict, match=state):
        older.web.instruct(older.alice, digests(1))
    if act != "suspend":
        with sqlite3.connect(older.database) as connection:
            query = "SELECT length(key_blob), (SELECT count(*) FROM key_slot) FROM signing_key"
            assert connection.execute(query).fetchall() == [(0, 0)]


def test_a_database_copied_in_the_middle_of_a_use_does_not_call_it_undelivered(older: Older) -> None:
    """A backup knows a use as reserved that was finished a moment later: its signature did leave."""
    wanted = digests(1)
    sad = older.web.approve(older.alice, wanted)
    path = older.rig.sam.handlers.line._path
    record, signed = path.reservations.record, []

    def copy_first(rows: Any) -> None:
        older.place.mkdir()
        source, target = sqlite3.connect(older.database), sqlite3.connect(older.place / older.database.name)
        source.backup(target)
        source.close()
        target.close()
        record(rows)

    object.__setattr__(path, "reservations", _Recording(path.reservations, copy_first))
    signed.append(older.web.sign(sad, wanted))
    older.roll_back()
    assert older.entries("undelivered") == []
    with pytest.raises(errors.Refused):
        older.web.sign(sad, wanted)
    older.rig.sam.log.publish()
    check_invariants(older.rig.config.sam.log_folder, older.web.info.log_vkey, signed)


class _Recording:
    """The real reservations, with something done before the answer is recorded."""

    def __init__(self, real: Any, record: Callable[[Any], None]) -> None:
        self.reserve, self.record = real.reserve, record


def test_a_replaced_pin_opens_nothing(older: Older) -> None:
    older.remember()
    older.change_pin()
    older.roll_back()
    for pin in (older.alice.pin, NEW_PIN):
        with pytest.raises(errors.Locked):
            older.web.activate(older.alice, older.web.instruct(older.alice, digests(1)), pin=pin)
    older.reset_pin()
    wanted = digests(1)
    instruction = older.web.instruct(older.alice, wanted)
    older.web.sign(older.web.activate(older.alice, instruction, pin=NEW_PIN).sad, wanted)


def test_a_replaced_recovery_code_opens_nothing_and_a_newer_archive_brings_the_key_back(older: Older) -> None:
    officers = [older.officer, another_officer(older.rig)]
    older.remember()
    older.reset_pin()
    (made,) = archive_key(older.web, officers)
    older.roll_back()
    with pytest.raises(errors.Refused):
        older.web.approve(older.alice, digests(1))
    with pytest.raises(errors.Refused):
        older.reset_pin()
    older.alice.pin = NEW_PIN
    restore_key(older.web, officers, older.alice, made.archive_id)
    wanted = digests(1)
    older.web.sign(older.web.approve(older.alice, wanted), wanted)


def test_acts_and_invitations_of_an_older_database_are_closed(older: Older) -> None:
    web = older.web
    officers = [older.officer, another_officer(older.rig)]
    names = tuple(officer.user_id for officer in officers)
    suspension = web.propose_act(older.alice, "suspend")
    invitation = web.invite(older.officer, name="Bob")
    token = older.rig.sam.handlers.officers.invite("Third officer", FIRST_ROLES)
    copying = web.ask(p.ProposeKeyArchive(officer_ids=names, key_id=older.alice.key.key_id))
    older.remember()
    web = older.web
    bob = web.enrol(invitation)
    older.roll_back()
    web = older.web
    with pytest.raises(errors.Expired):
        web.approve_act(suspension, older.alice.device)
    with pytest.raises(errors.Expired):
        web.enrol(invitation)
    with pytest.raises(errors.Expired):
        web.register_officer(token)
    with pytest.raises(errors.Expired):
        by_officers(web, copying, officers)
    assert web.ask(p.ListKeys(user_id=bob.user_id)).keys == ()


def test_killed_between_noticing_and_telling(
    fresh_sam: Callable[..., Any], alice: Signer, officer: Officer, tmp_path: Path
) -> None:
    sam = fresh_sam()
    sam.stop()
    save_database(sam.database, tmp_path / "older")
    sam.start()
    for _ in range(3):
        with pytest.raises(errors.WrongSecret):
            sam.web.activate(alice, sam.web.instruct(alice, digests(1)), pin="wrong horse 7")
    sam.stop()
    put_back(sam.database, tmp_path / "older")
    with pytest.raises(AssertionError, match="sam ended"):
        sam.start(NATSUIN_FAULT_AT="recovery.after_restored")
    sam.start()
    assert sam.web.ask(p.ListKeys(user_id=alice.user_id)).keys[0].pin_tries_left == 7
    sam.stop()
    told = [entry for entry in entries_of(sam.config.sam.log_folder) if entry["type"] == "database-restored"]
    assert len(told) in (1, 2)
    assert len({entry["known"] for entry in told}) == 1
