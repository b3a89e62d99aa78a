"""Acts of key backup: who approves them, when they end, and what happens to the key between one step and the next."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from natsuin import errors
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.clock import FixedClock
from natsuin.key_backup import Restorer, Shelf
from natsuin.sam import protocol as p
from natsuin.sam.process import open_sam
from rigs.key_copies import another_officer, archive_key, by_officers, by_signer, lose_key, propose_restore, restore_key
from rigs.sam_in_process import SamRig, people
from rigs.secret_changes import change_pin, reset_pin
from rigs.web_side import Officer, Signer, WebSide, assertion


@dataclass
class House:
    """An installation with two officers; people move in as they are needed."""

    rig: SamRig
    officers: list[Officer]

    @property
    def web(self) -> WebSide:
        return self.rig.web

    def person(self) -> Signer:
        return self.web.enrol(self.web.invite(self.officers[0]))

    def propose(self, signer: Signer) -> p.Act:
        names = tuple(officer.user_id for officer in self.officers)
        return self.web.ask(p.ProposeKeyArchive(officer_ids=names, key_id=signer.key.key_id))

    def kept(self, key_id: str) -> list[str]:
        return [one.archive_id for one in self.web.ask(p.ListKeyArchives(key_id=key_id)).archives]

    def lose(self, signer: Signer) -> None:
        self.rig.sam.close()
        lose_key(Path(self.rig.config.sam.database.removeprefix("sqlite:///")), signer.key.key_id)
        self.reopen()

    def reopen(self) -> None:
        self.rig.sam = open_sam(self.rig.config, stop=self.rig.stopped.append)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    rig = SamRig.make(tmp_path_factory.mktemp("sam"))
    officer, _ = people(rig.web, rig.token)
    yield House(rig, [officer, another_officer(rig)])
    rig.close()


def test_five_refused_approvals_end_an_act(house: House) -> None:
    stranger = house.person()
    act = house.propose(stranger)
    by_officers(house.web, act, house.officers[:1])
    for _ in range(5):
        with pytest.raises(errors.ApprovalRefused):
            by_signer(house.web, act, stranger)
    with pytest.raises(errors.AlreadyUsed, match="too often"):
        by_officers(house.web, act, house.officers[1:])
    assert house.kept(stranger.key.key_id) == []


def test_an_act_ends_after_a_day(house: House) -> None:
    act = house.propose(house.person())
    acts = house.rig.sam.handlers.backup_acts
    tomorrow = FixedClock(acts.foundation.clock.now() + timedelta(hours=24, seconds=1))
    late = replace(acts, foundation=replace(acts.foundation, clock=tomorrow))
    approval = p.ApproveKeyBackup(act_id=act.act_id, assertion=assertion(house.officers[0].device, act.challenge))
    with pytest.raises(errors.Expired):
        late.approve(approval)
    assert acts.approve(approval).waiting_for == (house.officers[1].user_id,)


def test_one_approves_as_oneself(house: House) -> None:
    signer = house.person()
    (made,) = archive_key(house.web, house.officers, signer.key.key_id)
    house.lose(signer)
    act = propose_restore(house.web, house.officers, signer, made.archive_id)
    one, other = house.officers

    def approve(device: Any, by: str) -> p.KeyBackupStep:
        sealed = house.web.seal(p.HPKE_INFO_RESTORE, act.challenge, pin=signer.pin)
        given = {"assertion": assertion(device, act.challenge), "sealed_pin": sealed, "by": by}
        return house.web.ask(p.ApproveKeyBackup(act_id=act.act_id, **given))

    with pytest.raises(errors.ApprovalRefused, match="not your passkey"):
        approve(one.device, other.user_id)
    with pytest.raises(errors.NotFound):
        approve(one.device, house.person().user_id)
    approve(one.device, one.user_id)
    approve(other.device, other.user_id)
    with pytest.raises(errors.ApprovalRefused, match="not your passkey"):
        approve(signer.device, one.user_id)
    assert approve(signer.device, signer.user_id).key is not None


def test_a_key_for_one_instruction_is_not_archived(house: House) -> None:
    signer = house.person()
    made = house.web.act(signer, "one-time", secrets={"pin": signer.pin}).made
    assert made is not None
    with pytest.raises(errors.Conflict, match="one instruction"):
        archive_key(house.web, house.officers, made.key_id)
    assert house.kept(made.key_id) == []


def test_a_key_changed_while_it_is_archived_leaves_no_copy(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy would open with the old PIN, and be called one of the present key."""
    signer, put = house.person(), Shelf.put

    def slow(self: Shelf, archive_id: str, content: bytes) -> None:
        put(self, archive_id, content)
        change_pin(house.web, signer, "battery staple 9")

    monkeypatch.setattr(Shelf, "put", slow)
    with pytest.raises(errors.Conflict, match="changed a moment ago"):
        archive_key(house.web, house.officers, signer.key.key_id)
    assert house.kept(signer.key.key_id) == []
    assert list(house.rig.sam.handlers.backup_acts.archives.shelf.unfinished()) == []


def test_two_copies_at_once_have_two_numbers(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    signer, put = house.person(), Shelf.put
    key_id = signer.key.key_id

    def slow(self: Shelf, archive_id: str, content: bytes) -> None:
        put(self, archive_id, content)
        monkeypatch.setattr(Shelf, "put", put)
        archive_key(house.web, house.officers, key_id)

    monkeypatch.setattr(Shelf, "put", slow)
    with pytest.raises(errors.Conflict, match="moment earlier"):
        archive_key(house.web, house.officers, key_id)
    assert [one.copy for one in house.web.ask(p.ListKeyArchives(key_id=key_id)).archives] == [1]


def test_a_file_that_a_crash_left_damaged_is_no_archive(house: House) -> None:
    signer = house.person()
    (made,) = archive_key(house.web, house.officers, signer.key.key_id)
    folder = house.rig.config.sam.archive_folder
    (file,) = folder.glob(f"{made.archive_id}*")
    house.rig.sam.close()
    file.rename(file.with_name(f"{file.name}.new"))
    file.with_name(f"{file.name}.new").write_bytes(b"half")
    house.reopen()
    assert list(folder.glob(f"{made.archive_id}*")) == []


def test_wrong_recovery_codes_count_on_after_a_restoration(house: House) -> None:
    signer = house.person()
    (made,) = archive_key(house.web, house.officers, signer.key.key_id)

    def wrong(left: int) -> None:
        secrets = {"code": new_recovery_code(), "new_code": new_recovery_code(), "new_pin": "battery staple 9"}
        with pytest.raises(errors.WrongSecret, match=f"{left} tries"):
            reset_pin(house.web, signer, by=signer.device, **secrets)

    wrong(9)
    wrong(8)
    house.lose(signer)
    restore_key(house.web, house.officers, signer, made.archive_id)
    wrong(7)


def test_two_restorations_at_once_are_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the second would write is older than what the first brought back: it waits, and finds nothing lost."""
    signer = house.person()
    (made,) = archive_key(house.web, house.officers, signer.key.key_id)
    house.lose(signer)
    prove = Restorer._prove  # the moment between proof and row
    second: list[Future[Any]] = []
    with ThreadPoolExecutor(1) as pool:

        def slow(self: Restorer, *given: Any) -> None:
            prove(self, *given)
            monkeypatch.setattr(Restorer, "_prove", prove)
            second.append(pool.submit(restore_key, house.web, house.officers, signer, made.archive_id))
            with pytest.raises(TimeoutError):
                second[0].result(0.5)

        monkeypatch.setattr(Restorer, "_prove", slow)
        restore_key(house.web, house.officers, signer, made.archive_id)
        with pytest.raises(errors.Conflict, match="there and whole"):
            second[0].result(60)
