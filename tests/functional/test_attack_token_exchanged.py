"""The token is exchanged, or its wrapping key: another one under the same label and the same CKA_ID, made just as
Natsuin makes it, so that nothing but what lies under it tells them apart (docs/hsm.md#at-each-start)."""

import shutil
from pathlib import Path

import pytest

from natsuin import errors
from rigs.token_house import TokenHouse, natsuin
from rigs.tokens import eventually, in_token, make_faulty
from rigs.web_side import Signer

_EXCHANGE = """
from natsuin.key_management.hsm.wrapping_key import destroy_wrapping_key, make_wrapping_key
for identifier in arguments:
    destroy_wrapping_key(session, bytes.fromhex(identifier))
    make_wrapping_key(session, bytes.fromhex(identifier))
"""
OTHER = "is another one than it was"


def exchange(house: TokenHouse, identifier: str) -> None:
    """Whoever has the PIN destroys a wrapping key and has the token make another one under its name."""
    in_token(house.settings, _EXCHANGE, identifier)


def start_refused(house: TokenHouse, why: str = OTHER) -> None:
    refused = natsuin("sam", "--config", str(house.folder / "n" / "config.toml"))
    assert refused.returncode == 79, refused.stderr
    assert why in refused.stderr


def keys_on_record(house: TokenHouse) -> int:
    return int(house.sam.sql("SELECT count(*) FROM signing_key")[0][0])


def signs(house: TokenHouse, signer: Signer) -> bool:
    """Whether the token can be used again."""
    try:
        house.sign(signer)
    except errors.Unavailable:
        return False
    return True


class Shelf:
    """The files of a token in software: put another token in its place, and this one back."""

    def __init__(self, house: TokenHouse) -> None:
        self.place, self.kept = house.folder / "token" / "tokens", house.folder / "shelf"
        self.copy(self.place, self.kept)

    @staticmethod
    def copy(source: Path, to: Path) -> None:
        shutil.copytree(source, to, dirs_exist_ok=True)

    def put_back(self) -> None:
        shutil.rmtree(self.place)
        self.copy(self.kept, self.place)


def test_another_wrapping_key_under_the_same_name_takes_no_key(shim: Path, tmp_path: Path) -> None:
    """Not while it runs, where a session that did not use the wrapping key yet would find the other one by its name;
    not at a start; and not where a former one alone was exchanged. With the right token all goes on."""
    token = make_faulty(shim, tmp_path, FAULTY_HIDDEN="0x0").token
    house = TokenHouse("softhsm2", tmp_path, token=token)
    second = house.wrapping()
    house.sam.start()
    signer = house.enrol()
    keys, shelf = keys_on_record(house), Shelf(house)
    exchange(house, second)
    with pytest.raises(errors.Unavailable):
        house.enrol()
    with pytest.raises(errors.Unavailable):
        house.sign(signer)
    assert keys_on_record(house) == keys
    assert OTHER in house.sam.words()
    shelf.put_back()
    eventually(lambda: signs(house, signer))
    house.sam.stop()
    exchange(house, house.first)
    start_refused(house)
    shelf.put_back()
    assert house.states() == {house.first: "former", second: "present"}
    house.sam.start()
    house.sign(signer)
    house.sam.stop()
    assert keys_on_record(house) == keys
    assert not house.entries("key-suspended")
