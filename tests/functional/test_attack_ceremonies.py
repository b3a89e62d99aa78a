"""Ceremonies against whoever writes DB-2, kills them, or makes a mistake: no key is burnt, and nothing goes untold."""

from pathlib import Path

import pytest

from rigs.token_house import TokenHouse, named


@pytest.mark.parametrize("every_row", [True, False])
def test_a_wrapping_key_that_keys_lie_under_is_never_made_again(tmp_path: Path, *, every_row: bool) -> None:
    """Rows put back to the middle of a ceremony ask for its plan again, which destroyed what keys lie under."""
    house = TokenHouse("softhsm2", tmp_path)
    plan = house.plan("wrapping")
    assert house.run(plan, NATSUIN_FAULT_AT="wrapping.after_row").returncode == -9
    middle = house.sam.sql("SELECT * FROM wrapping_key")
    house.done(plan)
    second = named(plan)
    house.sam.start()
    signer = house.enrol()
    house.sam.stop()
    third = house.wrapping()
    for row in middle:
        if every_row or row[0] == second:
            house.sam.sql("DELETE FROM wrapping_key WHERE wrapping_key = ?", row[0])
            house.sam.insert("wrapping_key", row)
    if every_row:
        house.sam.sql("DELETE FROM wrapping_key WHERE wrapping_key = ?", third)
    assert "making" in house.states().values()
    ended = house.run(plan)
    assert ended.returncode != 0
    assert "was made before" in ended.stderr
    assert house.states() == {house.first: "former", second: "former", third: "present"}
    house.sam.start()
    house.sign(signer, house.enrol())
    house.sam.stop()
