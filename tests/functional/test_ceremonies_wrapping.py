"""Ceremonies of the token's wrapping key, through the command: another one is made, keys under both sign, the old one
is emptied by renewals and destroyed (docs/ceremonies.md#the-wrapping-key-in-a-token)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from natsuin import errors
from natsuin.cli.demo.tokens import KINDS
from rigs.key_copies import archive_key, propose_restore, put_back, save_database
from rigs.token_house import NAMES, TokenHouse, named, natsuin
from rigs.tokens import in_token

_FOREIGN = """
stays = {{Attribute.TOKEN: True}}
session.generate_key(KeyType.AES, 256, id=bytes.fromhex("{}"), label="natsuin wrapping key", store=True, template=stays)
"""


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
    assert transcript.startswith("Ceremony of the wrapping key: wrapping\n")
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


def test_another_installations_wrapping_key_is_never_taken_for_a_remainder(tmp_path: Path) -> None:
    """Two installations in one token: a plan that names the other's key, killed early and run again, destroyed it."""
    house = TokenHouse("softhsm2", tmp_path)
    plan = house.plan("wrapping")
    in_token(house.settings, _FOREIGN.format(named(plan)))
    for environment in ({"NATSUIN_FAULT_AT": "wrapping.after_row"}, {}):
        refused = house.run(plan, **environment)
        assert refused.returncode > 0, "it was refused before anything was done"
        assert "not on record here" in refused.stderr
        assert house.in_token() == {house.first, named(plan)}
        assert house.states() == {house.first: "present"}
    second = house.wrapping()
    assert house.in_token() == {house.first, named(plan), second}


def test_a_row_changed_outside_stops_a_start(tmp_path: Path) -> None:
    house = TokenHouse("softhsm2", tmp_path)
    house.wrapping()
    house.sam.sql("UPDATE wrapping_key SET state = 'former' WHERE state = 'present'")
    house.sam.sql("UPDATE wrapping_key SET state = 'present' WHERE wrapping_key = ?", house.first)
    refused = natsuin("sam", "--config", str(tmp_path / "n" / "config.toml"))
    assert refused.returncode != 0
    assert "wrapping_key" in refused.stderr
    # Without any row the first key does not become the present one again.
    house.sam.sql("DELETE FROM wrapping_key")
    refused = natsuin("sam", "--config", str(tmp_path / "n" / "config.toml"))
    assert refused.returncode != 0
    assert "the record of the token's wrapping keys is empty" in refused.stderr


def test_a_former_wrapping_key_is_emptied_by_renewals_and_destroyed(tmp_path: Path) -> None:
    house = TokenHouse("softhsm2", tmp_path)
    second = house.wrapping()
    house.sam.start()
    signer, other = house.enrol(), house.enrol()
    house.sam.stop()
    third = house.wrapping()
    objects = house.objects()
    for refused, why in (
        (house.first, "keys of the service itself lie under it"),
        (second, "2 living keys of signers and 0 archives lie under"),
        (third, "is present, and only a former one ends"),
        ("0" * 32, "is not on record"),
    ):
        ended = house.run(house.retirement(refused))
        assert ended.returncode != 0
        assert why in ended.stderr
    assert house.states() == {house.first: "former", second: "former", third: "present"}
    assert house.objects() == objects
    assert re.search(rf"{second} +former +[0-9-]+ +2\n", house.listed())
    assert re.search(rf"{third} +present +[0-9-]+ +0\n", house.listed())

    house.sam.start()
    renewed = house.sam.web.renew(signer)
    assert house.under(renewed) == third
    house.sam.web.act(other, "destroy")
    house.sam.stop()
    plan = house.retirement(second)
    assert "the token destroyed it" in house.done(plan)
    assert house.in_token() == {house.first, third}
    assert house.states()[second] == "destroyed"
    assert house.objects() == objects - 1
    (entry,) = house.entries("wrapping-key-destroyed")
    assert entry["wrapping_key"] == second
    assert house.entries("ceremony")[-1]["kind"] == "retire-wrapping"
    assert "was destroyed before" in house.done(plan)
    assert len(house.entries("wrapping-key-destroyed")) == 1
    house.sam.start()
    house.sign(renewed)
    house.sam.stop()
    house.check()


@pytest.mark.parametrize("point", ["after_retiring", "after_destruction", "after_retired_entry"])
def test_a_killed_retirement_goes_on(tmp_path: Path, point: str) -> None:
    house = TokenHouse("softhsm2", tmp_path)
    second, third = house.wrapping(), house.wrapping()
    plan = house.retirement(second)
    save_database(house.sam.database, tmp_path / "before")
    assert house.run(plan, NATSUIN_FAULT_AT=f"wrapping.{point}").returncode == -9
    if point != "after_retired_entry":
        refused = natsuin("sam", "--config", str(tmp_path / "n" / "config.toml"))
        assert refused.returncode != 0
        assert f"the wrapping key {second} is still being retired" in refused.stderr
    house.done(plan)
    assert house.states() == {house.first: "former", second: "destroyed", third: "present"}
    assert house.in_token() == {house.first, third}
    # A database from before the retirement learns from the log what the token holds no more.
    put_back(house.sam.database, tmp_path / "before")
    house.sam.start()
    house.sign(house.enrol())
    house.sam.stop()
    assert house.states() == {house.first: "former", second: "destroyed", third: "present"}


def test_only_custodians_of_the_present_master_key_touch_a_wrapping_key(tmp_path: Path) -> None:
    house = TokenHouse("softhsm2", tmp_path)
    second, third = house.wrapping(), house.wrapping()
    older = house.shares
    words = [word for name in NAMES for word in ("--custodian", name)]
    foreign = TokenHouse("softhsm2", tmp_path / "elsewhere").shares
    house.rotate()
    assert house.shares != older
    for plan in (house.plan("wrapping"), house.retirement(second)):
        for strangers in (older[:2], foreign[:2]):
            ended = house.run(plan, strangers)
            assert ended.returncode != 0
            assert "another master key than the present one" in ended.stderr
        for few in ([house.shares[0], older[1]], house.shares[:1], []):
            assert house.run(plan, few).returncode != 0
    assert house.states() == {house.first: "former", second: "former", third: "present"}
    assert house.in_token() == {house.first, second, third}
    for wrong in ((), ("--wrapping-key", "XYZ"), ("--wrapping-key", second.upper())):
        assert natsuin("ceremony", "plan", "--kind", "retire-wrapping", *words, *wrong).returncode == 2
    house.done(house.retirement(second))
    assert house.in_token() == {house.first, third}


def test_a_start_misses_a_former_wrapping_key_and_keys_under_an_unknown_one(tmp_path: Path) -> None:
    house = TokenHouse("softhsm2", tmp_path)
    second = house.wrapping()
    house.sam.start()
    signer = house.enrol()
    house.sam.stop()
    third = house.wrapping()
    row = house.sam.sql("SELECT * FROM wrapping_key WHERE wrapping_key = ?", second)[0]
    house.sam.sql("DELETE FROM wrapping_key WHERE wrapping_key = ?", second)
    refused = natsuin("sam", "--config", str(tmp_path / "n" / "config.toml"))
    assert refused.returncode != 0
    assert f"keys lie under the wrapping key {second}, of which the record knows nothing" in refused.stderr
    house.sam.insert("wrapping_key", row)
    house.sam.start()
    house.sign(signer)
    house.sam.stop()
    destroy = f"""
for item in session.get_objects({{Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.ID: bytes.fromhex("{second}")}}):
    item.destroy()
"""
    in_token(house.settings, destroy)
    assert house.in_token() == {house.first, third}
    refused = natsuin("sam", "--config", str(tmp_path / "n" / "config.toml"))
    assert refused.returncode != 0
    assert f"holds 0 wrapping keys with the id {second}" in refused.stderr


def test_an_archive_under_a_destroyed_wrapping_key_is_refused(tmp_path: Path) -> None:
    """While it could be restored, its wrapping key is not destroyed; one that the record forgot is refused later."""
    house = TokenHouse("softhsm2", tmp_path)
    second = house.wrapping()
    house.sam.start()
    signer = house.enrol()
    officers = [house.officer, house.another_officer()]
    (made,) = archive_key(house.sam.web, officers, signer.key.key_id)
    house.sam.stop()
    house.wrapping()
    ended = house.run(house.retirement(second))
    assert "1 living keys of signers and 1 archives" in ended.stderr
    # Whoever takes both rows away, beside sam, and puts them back later.
    key_row = house.sam.sql("SELECT * FROM signing_key WHERE key_id = ?", signer.key.key_id)[0]
    house.sam.sql("DELETE FROM signing_key WHERE key_id = ?", signer.key.key_id)
    ended = house.run(house.retirement(second))
    assert "0 living keys of signers and 1 archives" in ended.stderr
    row = house.sam.sql("SELECT * FROM key_archive WHERE archive_id = ?", made.archive_id)[0]
    house.sam.sql("DELETE FROM key_archive WHERE archive_id = ?", made.archive_id)
    ended = house.run(house.retirement(second))
    assert "0 living keys of signers and 1 archives" in ended.stderr
    file = house.config.sam.archive_folder / f"{made.archive_id}.natsuin-key"
    elsewhere = file.rename(tmp_path / "elsewhere")
    house.done(house.retirement(second))
    house.sam.insert("key_archive", row)
    elsewhere.rename(file)
    house.sam.start()
    with pytest.raises(errors.Conflict, match=f"the wrapping key {second} of the token"):
        propose_restore(house.sam.web, officers, signer, made.archive_id)
    house.sam.stop()
    # The living row that is put back is out of service, alone: sam starts, and everybody else signs.
    house.sam.insert("signing_key", key_row)
    house.sam.start()
    with pytest.raises(errors.Tampered, match=f"holds 0 wrapping keys with the id {second}"):
        house.sign(signer)
    house.sign(house.enrol())
    assert "key_put_back" in house.sam.words()
    house.sam.stop()
