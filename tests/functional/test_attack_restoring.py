"""Two officers and a thief of the passkey bring a lost key back, to guess its PIN more often than ten times (P3)."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from natsuin.errors import Locked, NatsuinError, WrongSecret
from natsuin.sam import protocol as p
from natsuin.sam.process import open_sam
from rigs.invariants import entries_of
from rigs.key_copies import another_officer, archive_key, by_officers, by_signer, lose_key, propose_restore
from rigs.sam_in_process import SamRig, people
from rigs.web_side import Officer, Signer

AT_ONCE = 16


@pytest.fixture
def robbed(tmp_path: Path) -> Iterator[tuple[SamRig, list[Officer], Signer, str]]:
    """A sam whose DB-2 lost the key of Alice, and the id of its archive."""
    rig = SamRig.make(tmp_path)
    officer, alice = people(rig.web, rig.token)
    officers = [officer, another_officer(rig)]
    (made,) = archive_key(rig.web, officers, alice.key.key_id)
    rig.sam.close()
    lose_key(Path(rig.config.sam.database.removeprefix("sqlite:///")), alice.key.key_id)
    rig.sam = open_sam(rig.config, stop=rig.stopped.append)
    yield rig, officers, alice, made.archive_id
    rig.close()


def all_at_once(rig: SamRig, alice: Signer, acts: list[p.Act], pin: str) -> Counter[str]:
    """What came of approving every act at one instant."""

    def attempt(act: p.Act) -> str:
        try:
            by_signer(rig.web, act, alice, pin=pin)
        except NatsuinError as error:
            return error.code
        return "restored"

    with ThreadPoolExecutor(len(acts)) as pool:
        return Counter(pool.map(attempt, acts))


def ready(rig: SamRig, officers: list[Officer], alice: Signer, archive_id: str, count: int) -> list[p.Act]:
    acts = [propose_restore(rig.web, officers, alice, archive_id) for _ in range(count)]
    for act in acts:
        by_officers(rig.web, act, officers)
    return acts


def test_many_restorations_at_once_have_ten_tries_together(
    robbed: tuple[SamRig, list[Officer], Signer, str],
) -> None:
    rig, officers, alice, archive_id = robbed
    came = all_at_once(rig, alice, ready(rig, officers, alice, archive_id, AT_ONCE), "wrong horse 7")
    assert came == {"wrong_secret": 10, "locked": AT_ONCE - 10}
    with pytest.raises(Locked):
        propose_restore(rig.web, officers, alice, archive_id)
    rig.sam.log.publish()
    told = [one for one in entries_of(rig.config.sam.log_folder) if one["type"] == "secret-refused"]
    assert len(told) == 10


def test_two_restorations_at_once_bring_it_back_once(robbed: tuple[SamRig, list[Officer], Signer, str]) -> None:
    rig, officers, alice, archive_id = robbed
    came = all_at_once(rig, alice, ready(rig, officers, alice, archive_id, 4), alice.pin)
    assert came == {"restored": 1, "key_not_lost": 3}
    rig.sam.log.publish()
    assert [one["type"] for one in entries_of(rig.config.sam.log_folder)].count("key-restored") == 1


class Killed(BaseException):
    """Nothing in sam catches it, as nothing catches a SIGKILL."""


def killed(*_: object) -> None:
    raise Killed


def test_stopping_sam_while_a_pin_is_checked_gains_no_guess(
    robbed: tuple[SamRig, list[Officer], Signer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, officers, alice, archive_id = robbed
    acts = ready(rig, officers, alice, archive_id, 12)
    with monkeypatch.context() as patched:
        patched.setattr("natsuin.key_backup.restoring.open_slot", killed)
        for act in acts[:9]:
            with pytest.raises(Killed):
                by_signer(rig.web, act, alice, pin="wrong horse 7")
    rig.reopen()
    with pytest.raises(WrongSecret, match="0 tries"):
        by_signer(rig.web, acts[9], alice, pin="wrong horse 7")
    with pytest.raises(Locked):
        by_signer(rig.web, acts[10], alice)


def test_a_success_ends_what_tries_of_before_left(
    robbed: tuple[SamRig, list[Officer], Signer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, officers, alice, archive_id = robbed
    dying, right, again = ready(rig, officers, alice, archive_id, 3)
    with monkeypatch.context() as patched:
        patched.setattr("natsuin.key_backup.restoring.open_slot", killed)
        with pytest.raises(Killed):
            by_signer(rig.web, dying, alice)
    assert by_signer(rig.web, right, alice).key
    rig.sam.close()
    lose_key(Path(rig.config.sam.database.removeprefix("sqlite:///")), alice.key.key_id)
    rig.sam = open_sam(rig.config, stop=rig.stopped.append)
    with pytest.raises(WrongSecret, match="9 tries"):
        by_signer(rig.web, again, alice, pin="wrong horse 7")
