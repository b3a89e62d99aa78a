"""Ceremonies of the token's wrapping key, through the command: another one is made, keys under both sign, the old one
is emptied by renewals and destroyed (docs/ceremonies.md#the-wrapping-key-in-a-token)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from natsuin.cli.demo.tokens import KINDS
from rigs.token_house import TokenHouse, named


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
