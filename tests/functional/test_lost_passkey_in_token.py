"""A lost passkey of somebody whose keys are in a token: one that lives there, and one that is wrapped out of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from natsuin import errors
from natsuin.cli.demo.tokens import KINDS, make_trial_token
from natsuin.key_management import PKCS11Vault
from rigs.lost_passkeys import Town, complete, founded
from rigs.web_side import Signer, digests


@pytest.fixture(params=KINDS)
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    (tmp_path / "n").mkdir()
    section = make_trial_token(request.param, tmp_path / "token").vault_section()
    with founded(tmp_path / "n", vault=section) as made:
        yield made


def token_of(town: Town) -> PKCS11Vault:
    token = town.rig.sam.vaults.token
    assert token is not None
    return token


def sign(town: Town, signer: Signer) -> None:
    wanted = digests(1)
    town.web.sign(town.web.approve(signer, wanted), wanted)


@pytest.mark.parametrize("resident", [True, False])
def test_whoever_proves_the_pin_goes_on_with_the_same_key(town: Town, resident: bool) -> None:
    signer = town.person(resident=resident)
    sign(town, signer)
    objects = token_of(town).count_objects()
    again = complete(town.web, town.waited(signer).token, signer)
    assert again.key.key_id == signer.key.key_id
    assert again.key.backend == ("pkcs11-resident" if resident else "pkcs11")
    sign(town, again)
    with pytest.raises(errors.ApprovalRefused):
        sign(town, signer)
    assert token_of(town).count_objects() == objects


def test_a_key_that_nobody_proves_is_destroyed_in_the_token(town: Town) -> None:
    signer = town.person(resident=True)
    before = token_of(town).count_objects()
    secrets = {"proofs": [], "given_up": [signer.key.key_id], "new_pin": "battery staple 9"}
    again = complete(town.web, town.waited(signer).token, signer, **secrets)
    assert again.key.key_id != signer.key.key_id
    assert again.key.backend == "pkcs11", "what is made instead does not live in the token"
    town.rig.sam.housekeeping.round()
    assert [key.identifier for key in token_of(town).resident_keys().keys if signer.key.key_id in key.identifier] == []
    assert token_of(town).count_objects() == before - 2
    sign(town, again)
    with pytest.raises(errors.NatsuinError):
        sign(town, signer)
