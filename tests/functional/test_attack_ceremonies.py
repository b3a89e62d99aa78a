"""Ceremonies against whoever writes DB-2, kills them, or makes a mistake: no key is burnt, and nothing goes untold."""

from pathlib import Path

import pytest

from rigs.key_copies import archive_key, put_back, restore_key, save_database
from rigs.token_house import TokenHouse, named


@pytest.mark.parametrize("every_row", [True, False])
def test_a_wrapping_key_that_keys_lie_under_is_never_made_again(tmp_path: Path, *, every_row: bool) -> None:
    """Rows put back to the middle of a ceremony ask for its plan again, which destroyed what keys lie under. They do
    not say what the key is known by either, so that nothing goes on under it before the right rows are back."""
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
    right = house.sam.sql("SELECT * FROM wrapping_key")
    for row in middle:
        if every_row or row[0] == second:
            house.sam.sql("DELETE FROM wrapping_key WHERE wrapping_key = ?", row[0])
            house.sam.insert("wrapping_key", row)
    if every_row:
        house.sam.sql("DELETE FROM wrapping_key WHERE wrapping_key = ?", third)
    assert "making" in house.states().values()
    ended = house.run(plan)
    assert ended.returncode != 0
    assert f"what the wrapping key {second} is known by, and keys lie under it" in ended.stderr
    assert house.states() == {house.first: "former", second: "former", third: "present"}
    assert house.in_token() == {house.first, second, third}
    house.sam.sql("DELETE FROM wrapping_key")
    for row in right:
        house.sam.insert("wrapping_key", row)
    ended = house.run(plan)
    assert ended.returncode != 0
    assert "was made before" in ended.stderr
    house.sam.start()
    house.sign(signer, house.enrol())
    house.sam.stop()


def test_an_archive_that_a_database_put_back_forgot_keeps_its_wrapping_key(tmp_path: Path) -> None:
    """After a loss the file is all that there is of a key, and worth nothing without what the key was wrapped with."""
    house = TokenHouse("softhsm2", tmp_path)
    second = house.wrapping()
    house.sam.start()
    officers = [house.officer, house.another_officer()]
    house.sam.stop()
    save_database(house.sam.database, tmp_path / "before")
    house.sam.start()
    signer, ended = house.enrol(), house.enrol()
    (made,) = archive_key(house.sam.web, officers, signer.key.key_id)
    (useless,) = archive_key(house.sam.web, officers, ended.key.key_id)
    file = house.config.sam.archive_folder / f"{useless.archive_id}.natsuin-key"
    content = file.read_bytes()
    house.sam.web.act(ended, "destroy")
    house.sam.stop()
    put_back(house.sam.database, tmp_path / "before")
    file.write_bytes(content)
    house.wrapping()
    refused = house.run(house.retirement(second))
    assert refused.returncode != 0
    assert "0 living keys of signers and 1 archives" in refused.stderr
    assert "only files in sam.archive_folder" in refused.stderr
    house.sam.start()
    restore_key(house.sam.web, officers, signer, made.archive_id)
    house.sign(signer)
    house.sam.stop()
    assert house.under(signer) == second
