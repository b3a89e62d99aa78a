"""Ceremonies that are killed and whose plan, or whose custodians, are gone when they should go on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rigs.ceremonies import Room
from rigs.invariants import check_invariants
from rigs.sam_process import SamProcess
from rigs.token_house import TokenHouse, named, natsuin
from rigs.web_side import Signer, digests


@pytest.fixture
def room(fresh_sam: Callable[..., SamProcess], tmp_path: Path) -> Room:
    sam = fresh_sam()
    sam.stop()
    return Room(sam, tmp_path)


def starts_and_signs(room: Room, signer: Signer) -> None:
    room.sam.start()
    web, wanted = room.sam.web, digests(1)
    received = [web.sign(web.approve(signer, wanted), wanted)]
    check_invariants(room.sam.config.sam.log_folder, web.info.log_vkey, received)
    room.sam.stop()


def test_a_rotation_goes_on_by_another_plan_with_other_custodians(room: Room, alice: Signer) -> None:
    """Of those whom the lost plan named, nobody has a share yet: they are named by the plan that ends it."""
    assert room.hold("rotate", fault="rotation.after_batch:3").returncode == -9
    following = room.key_files()["master.key.next"]
    given = room.done("rotate", names=("Ito", "Kato"))
    assert room.key_files() == {"master.key": following}
    first, second = room.plans
    assert room.told() == [("rotate", second, first)]
    starts_and_signs(room, alice)
    room.sam.config.sam.master_key_file.unlink()
    room.done("recover", *given)
    assert room.key_files() == {"master.key": following}


def test_a_rotation_whose_custodians_are_lost_half_way_is_taken_back(room: Room, alice: Signer) -> None:
    lost = room.done("split")
    before = room.key_files()
    assert room.hold("abandon").returncode != 0, "nothing is under way"
    assert room.key_files() == before
    assert room.hold("rotate", *lost[:2], fault="rotation.after_batch:3").returncode == -9
    begun = room.plans[-1]
    # Neither fewer than two of the old ones, nor new shares made on the side, are enough to go on.
    refused = room.hold("rotate", lost[0])
    assert refused.returncode != 0
    refused = room.hold("split")
    assert "a change of the master key is not finished" in refused.stderr
    assert "`abandon`" in refused.stderr
    # Taking it back is killed twice, each time with its plan.
    assert room.hold("abandon", fault="rotation.after_batch:2").returncode == -9
    assert set(room.key_files()) == {"master.key", "master.key.next", "master.key.untold"}
    assert room.hold("abandon", fault="rotation.after_abandon").returncode == -9
    taken_back = room.plans[-1]
    starts_and_signs(room, alice)
    assert room.key_files() == before
    assert room.told()[1:] == [("abandon", taken_back, begun)]
    anew = room.done("split", names=("Ito", "Kato"))
    room.done("rotate", *anew)
    assert room.key_files()["master.key"] != before["master.key"]
    starts_and_signs(room, alice)


def test_a_rotation_that_ended_before_its_shares_were_handed_out(room: Room, alice: Signer) -> None:
    """Fewer than two of the new custodians have a share, and the old shares are worth nothing any more."""
    old = room.done("split")
    assert room.hold("rotate", *old[:2], fault="rotation.after_replace").returncode == -9
    after = room.key_files()["master.key"]
    refused = room.hold("rotate", *old[:2])
    assert refused.returncode != 0
    assert "a ceremony `split` makes new ones first" in refused.stderr
    assert room.key_files() == {"master.key": after}
    anew = room.done("split", names=("Ito", "Kato"))
    room.sam.config.sam.master_key_file.unlink()
    room.done("recover", *anew)
    assert room.key_files() == {"master.key": after}
    starts_and_signs(room, alice)


def test_a_change_taken_back_may_still_go_forward(room: Room, alice: Signer) -> None:
    """Until the end of either there are both keys, and rows under each."""
    assert room.hold("rotate", fault="rotation.after_batch:4").returncode == -9
    following = room.key_files()["master.key.next"]
    assert room.hold("abandon", fault="rotation.after_batch:2").returncode == -9
    room.done("rotate")
    assert room.key_files() == {"master.key": following}
    assert room.told() == [("rotate", room.plans[2], room.plans[0])]
    starts_and_signs(room, alice)


def refused_start(house: TokenHouse) -> str:
    refused = natsuin("sam", "--config", str(house.folder / "n" / "config.toml"))
    assert refused.returncode != 0
    return refused.stderr


def test_a_wrapping_key_is_finished_without_its_plan_and_without_its_custodians(tmp_path: Path) -> None:
    house = TokenHouse("softhsm2", tmp_path)
    plan = house.plan("wrapping")
    second = named(plan)
    assert house.run(plan, NATSUIN_FAULT_AT="wrapping.after_token").returncode == -9
    plan.unlink()
    assert f"ceremony plan --kind wrapping --wrapping-key {second}" in refused_start(house)
    assert second in house.listed()
    # Their shares are gone as well: others get some, and what is half-way waits.
    house.share("split")
    assert house.states()[second] == "making"
    again = house.plan("wrapping", "--wrapping-key", second)
    house.done(again)
    assert house.states() == {house.first: "former", second: "present"}
    assert [entry["kind"] for entry in house.entries("ceremony")] == ["split", "wrapping", "split", "wrapping"]
    third = house.wrapping()
    retirement = house.retirement(second)
    assert house.run(retirement, NATSUIN_FAULT_AT="wrapping.after_destruction").returncode == -9
    retirement.unlink()
    assert f"ceremony plan --kind retire-wrapping --wrapping-key {second}" in refused_start(house)
    house.done(house.plan("retire-wrapping", "--wrapping-key", second, **{"yearly change": "its plan is lost"}))
    assert house.states() == {house.first: "former", second: "destroyed", third: "present"}
    assert house.in_token() == {house.first, third}
    house.sam.start()
    house.sign(house.enrol())
    house.sam.stop()
