"""Copies of keys: two officers make one, two officers and the signer bring a key back, and nobody fewer."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from natsuin import errors
from natsuin.sam import protocol as p
from natsuin.sam.process import open_sam
from natsuin.signing_log import verify_receipt
from rigs.invariants import check_invariants, entries_of
from rigs.key_copies import (
    another_officer,
    archive_key,
    by_officers,
    by_signer,
    damage_key,
    lose_key,
    propose_restore,
    put_back,
    restore_key,
    save_database,
)
from rigs.sam_in_process import SamRig, people
from rigs.web_side import Officer, Signer, WebSide, assertion, digests


@dataclass
class Case:
    """An installation with two officers and Alice."""

    rig: SamRig
    officers: list[Officer]
    alice: Signer

    @property
    def web(self) -> WebSide:
        return self.rig.web

    @property
    def database(self) -> Path:
        return Path(self.rig.config.sam.database.removeprefix("sqlite:///"))

    @property
    def folder(self) -> Path:
        return self.rig.config.sam.archive_folder

    def copy(self) -> p.KeyArchiveInformation:
        (made,) = archive_key(self.web, self.officers, self.alice.key.key_id)
        return made

    def kept(self) -> dict[str, str]:
        return {one.archive_id: one.state for one in self.web.ask(p.ListKeyArchives()).archives}

    def entries(self, kind: str) -> list[dict[str, Any]]:
        self.rig.sam.log.publish()
        return [entry for entry in entries_of(self.rig.config.sam.log_folder) if entry["type"] == kind]

    def stopped(self) -> Path:
        """DB-2 with nobody using it; `rig.sam` must be opened again."""
        self.rig.sam.close()
        return self.database


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    (tmp_path / "n").mkdir()
    rig = SamRig.make(tmp_path / "n")
    officer, alice = people(rig.web, rig.token)
    yield Case(rig, [officer, another_officer(rig)], alice)
    rig.close()


def reopen(case: Case) -> None:
    case.rig.sam = open_sam(case.rig.config, stop=case.rig.stopped.append)


def sign_again(case: Case) -> p.Signed:
    wanted = digests(1)
    return case.web.sign(case.web.approve(case.alice, wanted), wanted)


def test_a_lost_key_comes_back_and_signs(case: Case) -> None:
    before = sign_again(case)
    made = case.copy()
    assert (made.copy, made.state, made.here) == (1, "kept", True)
    lose_key(case.stopped(), case.alice.key.key_id)
    reopen(case)
    with pytest.raises(errors.NotFound):
        case.web.instruct(case.alice, digests(1))
    key = restore_key(case.web, case.officers, case.alice, made.archive_id)
    assert (key.key_id, key.user_id, key.state) == (case.alice.key.key_id, case.alice.user_id, "active")
    assert key.certificate == case.alice.key.certificate
    after = sign_again(case)
    case.rig.sam.log.publish()
    check_invariants(case.rig.config.sam.log_folder, case.web.info.log_vkey, [before, after])
    assert verify_receipt(before.receipt, case.web.info.log_vkey).origin
    assert [(e["key"], e["copy"], e["state"]) for e in case.entries("key-restored")] == [(key.key_id, 1, "active")]
    assert [e["sha256"] for e in case.entries("key-archived")] == [made.sha256.hex()]


def test_a_damaged_key_comes_back(case: Case) -> None:
    made = case.copy()
    damage_key(case.stopped(), case.alice.key.key_id)
    reopen(case)
    with pytest.raises(errors.Tampered):
        case.web.instruct(case.alice, digests(1))
    restore_key(case.web, case.officers, case.alice, made.archive_id)
    sign_again(case)


def test_a_key_that_is_whole_is_not_restored(case: Case) -> None:
    made = case.copy()
    with pytest.raises(errors.Conflict, match="there and whole"):
        propose_restore(case.web, case.officers, case.alice, made.archive_id)


def test_copies_are_few_and_listed(case: Case) -> None:
    made = [case.copy() for _ in range(3)]
    assert [one.copy for one in made] == [1, 2, 3]
    with pytest.raises(errors.Conflict, match="3 copies"):
        case.copy()
    listed = case.web.ask(p.ListKeyArchives()).archives
    assert {one.archive_id for one in listed} == {one.archive_id for one in made}
    assert {one.officers for one in listed} == {tuple(officer.user_id for officer in case.officers)}
    assert len(list(case.folder.iterdir())) == 3


def test_all_keys_at_once_and_only_those_without_a_copy(case: Case) -> None:
    bob = case.web.enrol(case.web.invite(case.officers[0], name="Bob"))
    case.copy()
    assert [one.key_id for one in archive_key(case.web, case.officers)] == [bob.key.key_id]
    assert archive_key(case.web, case.officers) == ()


def test_one_officer_is_not_enough(case: Case) -> None:
    """The attack: DB-2, the backup and one officer's passkey."""
    made = case.copy()
    lose_key(case.stopped(), case.alice.key.key_id)
    reopen(case)
    web, (one, other) = case.web, case.officers
    for names in ((one.user_id,), (one.user_id, one.user_id), (one.user_id, other.user_id, one.user_id), ()):
        with pytest.raises(errors.Malformed):
            web.ask(p.ProposeKeyRestore(officer_ids=names, archive_id=made.archive_id, user_id=case.alice.user_id))
        with pytest.raises(errors.Malformed):
            web.ask(p.ProposeKeyArchive(officer_ids=names, key_id=""))
    act = propose_restore(web, case.officers, case.alice, made.archive_id)
    by_officers(web, act, [one])
    with pytest.raises(errors.AlreadyUsed):
        by_officers(web, act, [one])
    with pytest.raises(errors.Forbidden, match="both officers"):
        by_signer(web, act, case.alice)
    bob = web.enrol(web.invite(one, name="Bob"))
    with pytest.raises(errors.Forbidden):
        by_officers(web, act, [Officer(other.user_id, bob.device)])
    assert web.ask(p.ListKeys(user_id=case.alice.user_id)).keys == ()
    assert {e["reason"] for e in case.entries("key-backup-refused")} >= {"already_used", "forbidden"}


def test_two_officers_without_the_signer_are_not_enough(case: Case) -> None:
    made = case.copy()
    lose_key(case.stopped(), case.alice.key.key_id)
    reopen(case)
    web = case.web
    act = propose_restore(web, case.officers, case.alice, made.archive_id)
    assert by_officers(web, act, case.officers).waiting_for == (case.alice.user_id,)
    with pytest.raises(errors.WrongSecret, match="9 tries"):
        by_signer(web, act, case.alice, pin="wrong horse 7")
    with pytest.raises(errors.AlreadyUsed):
        by_signer(web, act, case.alice)
    for left in range(8, -1, -1):
        act = propose_restore(web, case.officers, case.alice, made.archive_id)
        by_officers(web, act, case.officers)
        with pytest.raises(errors.WrongSecret, match=f"{left} tries"):
            by_signer(web, act, case.alice, pin="wrong horse 7")
    with pytest.raises(errors.Locked):
        propose_restore(web, case.officers, case.alice, made.archive_id)


def test_an_archive_goes_to_its_owner_only(case: Case) -> None:
    bob = case.web.enrol(case.web.invite(case.officers[0], name="Bob"))
    made = case.copy()
    lose_key(case.stopped(), case.alice.key.key_id)
    reopen(case)
    with pytest.raises(errors.Forbidden, match="another person"):
        propose_restore(case.web, case.officers, bob, made.archive_id)
    act = propose_restore(case.web, case.officers, case.alice, made.archive_id)
    by_officers(case.web, act, case.officers)
    with pytest.raises(errors.ApprovalRefused):
        by_signer(case.web, act, Signer(case.alice.user_id, bob.key, bob.device, bob.pin))


def test_the_archive_of_one_key_under_the_name_of_another(case: Case) -> None:
    bob = case.web.enrol(case.web.invite(case.officers[0], name="Bob"))
    (of_bob,) = archive_key(case.web, case.officers, bob.key.key_id)
    made = case.copy()
    lose_key(case.stopped(), case.alice.key.key_id)
    file, other = (case.folder / f"{one.archive_id}.natsuin-key" for one in (made, of_bob))
    content = other.read_bytes()
    reopen(case)
    for forged in (content, content.replace(bob.key.key_id.encode(), case.alice.key.key_id.encode())):
        file.write_bytes(forged.replace(bob.user_id.encode(), case.alice.user_id.encode()))
        with pytest.raises(errors.Tampered):
            propose_restore(case.web, case.officers, case.alice, made.archive_id)


@pytest.mark.parametrize("act", ["revoke", "destroy"])
def test_a_dead_key_stays_dead(case: Case, act: str, tmp_path: Path) -> None:
    """Also when DB-2 is put back to before its end, or to before the key was made, and the file was kept elsewhere."""
    save_database(case.stopped(), tmp_path / "before")
    reopen(case)
    bob = case.web.enrol(case.web.invite(case.officers[0], name="Bob"))
    (made,) = archive_key(case.web, case.officers, bob.key.key_id)
    file = case.folder / f"{made.archive_id}.natsuin-key"
    content = file.read_bytes()
    case.web.act(bob, act, **({"reason": "keyCompromise"} if act == "revoke" else {}))
    assert case.kept() == {made.archive_id: "ended"}
    assert not file.exists()
    file.write_bytes(content)
    with pytest.raises(errors.Conflict, match="stays so"):
        propose_restore(case.web, case.officers, bob, made.archive_id)
    put_back(case.stopped(), tmp_path / "before")
    for _ in range(2):
        reopen(case)
        with pytest.raises(errors.Conflict, match="stays so"):
            propose_restore(case.web, case.officers, bob, made.archive_id)
        case.stopped()
    reopen(case)


def test_an_archive_with_an_old_pin_brings_it_not_back(case: Case) -> None:
    made = case.copy()
    content = (case.folder / f"{made.archive_id}.natsuin-key").read_bytes()
    act = case.web.ask(p.ProposePINReset(key_id=case.alice.key.key_id, user_id=case.alice.user_id))
    sealed = case.web.seal(
        p.HPKE_INFO_PIN_RESET,
        act.challenge,
        recovery_code=case.alice.recovery_code,
        new_pin="battery staple 9",
        new_recovery_code=case.alice.recovery_code[::-1],
    )
    case.web.ask(
        p.ApprovePINReset(
            act_id=act.act_id, assertion=assertion(case.alice.device, act.challenge), sealed_secrets=sealed
        )
    )
    assert case.kept() == {made.archive_id: "superseded"}
    (case.folder / f"{made.archive_id}.natsuin-key").write_bytes(content)
    lose_key(case.stopped(), case.alice.key.key_id)
    reopen(case)
    with pytest.raises(errors.Conflict, match="replaced after"):
        propose_restore(case.web, case.officers, case.alice, made.archive_id)


def test_a_suspended_key_comes_back_suspended(case: Case) -> None:
    made = case.copy()
    case.web.act(case.alice, "suspend", officer=case.officers[0])
    lose_key(case.stopped(), case.alice.key.key_id)
    reopen(case)
    key = restore_key(case.web, case.officers, case.alice, made.archive_id)
    assert (key.state, key.suspended_by) == ("suspended", "officer")
