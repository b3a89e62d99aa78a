"""The token fails in the middle of a ceremony: nothing is lost, nothing half-made counts, and the same plan goes on."""

from pathlib import Path

import pytest

from rigs.token_house import TokenHouse, named, natsuin
from rigs.tokens import FaultyToken, make_faulty

RSA_GENERATION = "0x0"
"""CKM_RSA_PKCS_KEY_PAIR_GEN: a token without it is tried out faster at each start."""


@pytest.fixture
def faulty_house(shim: Path, tmp_path: Path) -> tuple[FaultyToken, TokenHouse]:
    """Its token does as it is told."""
    faulty = make_faulty(shim, tmp_path, FAULTY_HIDDEN=RSA_GENERATION)
    return faulty, TokenHouse("softhsm2", tmp_path / "house", token=faulty.token)


def broken_off(house: TokenHouse, plan: Path) -> None:
    """The command says that it is not finished."""
    ended = house.run(plan)
    assert ended.returncode == 69, ended.stderr
    assert "run the same plan again" in ended.stderr


def start_refused(house: TokenHouse, why: str) -> None:
    refused = natsuin("sam", "--config", str(house.folder / "n" / "config.toml"))
    assert refused.returncode != 0
    assert why in refused.stderr


def calls_before(faulty: FaultyToken, house: TokenHouse, plan: Path, name: str) -> int:
    """How often a ceremony calls a function before it has come to the custodians."""
    before = faulty.calls(name)
    assert house.run(plan, []).returncode != 0
    return faulty.calls(name) - before


def test_a_token_fails_while_wrapping_keys_are_made_and_destroyed(
    faulty_house: tuple[FaultyToken, TokenHouse],
) -> None:
    faulty, house = faulty_house
    plan = house.plan("wrapping")
    second = named(plan)
    wraps = calls_before(faulty, house, plan, "C_WrapKey")
    # 0x30: the device failed; 0x32: it was removed. After the key is made it is tried on itself, then with a new key,
    # then with the key by which it is known again.
    for order in (
        "C_GenerateKey return 0x30 once",
        "C_GenerateKey die - once",
        f"C_WrapKey die - once after {wraps + 2}",
    ):
        faulty.order(order)
        broken_off(house, plan)
        assert faulty.obeyed, order
        assert house.states() == {house.first: "present", second: "making"}
    faulty.order(f"C_WrapKey return 0x32 once after {wraps + 1}")
    assert house.run(plan).returncode == 79, "it is not what it must be, and taken back"
    assert faulty.obeyed
    assert house.states() == {house.first: "present"}
    assert house.in_token() == {house.first}
    house.done(plan)
    house.sam.start()
    new = house.enrol()
    assert house.under(new) == second
    house.sign(new)
    house.sam.web.act(new, "destroy")
    house.sam.stop()
    third = house.wrapping()
    plan = house.retirement(second)
    destroys = calls_before(faulty, house, plan, "C_DestroyObject")
    faulty.order(f"C_DestroyObject return 0x32 once after {destroys}")
    broken_off(house, plan)
    assert faulty.obeyed
    start_refused(house, f"the wrapping key {second} is still being retired")
    assert house.in_token() == {house.first, second, third}
    house.done(plan)
    assert house.states() == {house.first: "former", second: "destroyed", third: "present"}
    assert house.in_token() == {house.first, third}
    assert len(house.entries("wrapping-key-made")) == 2
    assert len(house.entries("wrapping-key-destroyed")) == 1


def test_a_token_that_is_away_while_the_master_key_changes(faulty_house: tuple[FaultyToken, TokenHouse]) -> None:
    """The rotation itself needs no token, and comes to its end; its shares wait for a `split`."""
    faulty, house = faulty_house
    house.sam.start()
    signer = house.enrol()
    house.sam.stop()
    plan = house.plan("rotate")
    assert house.run(plan, NATSUIN_FAULT_AT="rotation.after_batch:2").returncode == -9
    faulty.order("C_GetSlotList return 0x32 -")
    ended = house.run(plan)
    assert ended.returncode == 69, ended.stderr
    assert "hold a ceremony `split` with the same custodians" in ended.stderr
    faulty.behave()
    house.sam.start()
    house.sign(signer)
    house.sam.stop()
    assert [entry["kind"] for entry in house.entries("ceremony")] == ["split", "rotate"]
