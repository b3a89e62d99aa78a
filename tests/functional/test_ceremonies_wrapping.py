"""Ceremonies of the token's wrapping key, through the command: another one is made, keys under both sign, the old one
is emptied by renewals and destroyed (docs/ceremonies.md#the-wrapping-key-in-a-token)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from natsuin.cli.demo.tokens import KINDS
from rigs.token_house import TokenHouse, named, natsuin


@pytest.fixture(params=KINDS)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TokenHouse]:
    made = TokenHouse(request.param, tmp_path)
    yield made
    made.sam.kill()


def test_keys_under_the_old_and_the_new_wrapping_key_sign(house: TokenHouse) -> None:
    house.sam.start()
    old = house.enrol()
    running = house.run(house.plan("wrapping"))
    assert running.returncode != 0
    assert "sam is running" in running.stderr
    house.sam.stop()
    objects = house.objects()
    plan = house.plan("wrapping")
    transcript = house.done(plan)
    second = named(plan)
    assert second in transcript
    assert house.shares[0] not in transcript
    assert house.states() == {house.first: "former", second: "present"}
    assert house.in_token() == {house.first, second}
    assert house.objects() == objects + 1
    house.sam.start()
    new = house.enrol()
    assert house.under(old) == house.first
    assert house.under(new) == second
    house.sign(old, new, old)
    house.sam.stop()
    (entry,) = house.entries("wrapping-key-made")
    assert (entry["wrapping_key"], entry["replaced"]) == (second, house.first)
    assert house.entries("ceremony")[-1]["kind"] == "wrapping"
    # The same plan, once more, makes nothing.
    assert "was made before" in house.done(plan)
    assert house.objects() == objects + 1
    assert len(house.entries("wrapping-key-made")) == 1
    house.check()


@pytest.mark.parametrize("point", ["after_row", "after_token", "after_entry", "after_replaced"])
def test_a_killed_ceremony_goes_on(tmp_path: Path, point: str) -> None:
    house = TokenHouse("softhsm2", tmp_path)
    plan = house.plan("wrapping")
    minority = house.run(plan, [house.shares[0], house.shares[0]])
    assert minority.returncode != 0
    assert house.in_token() == {house.first}
    killed = house.run(plan, NATSUIN_FAULT_AT=f"wrapping.{point}")
    assert killed.returncode == -9
    if point in ("after_row", "after_token"):
        refused = natsuin("sam", "--config", str(tmp_path / "n" / "config.toml"))
        assert refused.returncode != 0
        assert named(plan) in refused.stderr
        assert "not finished" in refused.stderr
        other = house.run(house.plan("wrapping"))
        assert other.returncode != 0
    house.done(plan)
    assert house.states() == {house.first: "former", named(plan): "present"}
    assert house.in_token() == {house.first, named(plan)}
    house.sam.start()
    house.sign(house.enrol())
    house.sam.stop()


def test_a_row_changed_outside_stops_a_start(tmp_path: Path) -> None:
    house = TokenHouse("softhsm2", tmp_path)
    house.wrapping()
    house.sam.sql("UPDATE wrapping_key SET state = 'former' WHERE state = 'present'")
    house.sam.sql("UPDATE wrapping_key SET state = 'present' WHERE wrapping_key = ?", house.first)
    refused = natsuin("sam", "--config", str(tmp_path / "n" / "config.toml"))
    assert refused.returncode != 0
    assert "wrapping_key" in refused.stderr
