"""kill -9 while a key is made or destroyed that lives in the token: the next start leaves no object that nobody knows,
and what the log says has ended is gone from the token too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from natsuin.cli.demo.tokens import KINDS, make_trial_token
from natsuin.key_management import MasterKey, PKCS11Vault
from natsuin.sam import protocol as p
from natsuin.sam.vaults import token_settings
from rigs.sam_in_process import make_installation
from rigs.sam_process import ConnectionLost, SamProcess
from rigs.web_side import Officer, digests


class Place:
    """An installation with a token, and the process that runs it."""

    def __init__(self, kind: str, folder: Path) -> None:
        (folder / "n").mkdir()
        section = make_trial_token(kind, folder / "token").vault_section()
        self.config, self.token = make_installation(folder / "n", vault=section)
        self.sam = SamProcess(folder / "n")

    def objects(self) -> tuple[int, set[str]]:
        """How many there are in the token, and the ids of the resident keys; while sam is stopped."""
        vault = PKCS11Vault(MasterKey(bytes(32)), token_settings(self.config, MasterKey(bytes(32))), lambda _: None)
        held = vault.resident_keys()
        counted = vault.count_objects(), {key.identifier for key in held.keys} | set(held.halves)
        vault.close()
        return counted


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    made = Place(request.param, tmp_path)
    yield made
    made.sam.kill()


def test_killed_after_the_token_made_a_key(place: Place) -> None:
    officer, invitation = invited(place)
    empty = place.objects()
    place.sam.start(NATSUIN_FAULT_AT="creation.after_made")
    with pytest.raises(ConnectionLost):
        place.sam.web.enrol(invitation)
    place.sam.wait_for_death()
    assert place.objects()[0] == empty[0] + 2
    place.sam.start()
    place.sam.stop()
    assert place.objects() == empty
    place.sam.start()
    assert place.sam.sql("SELECT * FROM resident_key") == []
    # The invitation is still good, and the same person gets a key that works.
    seal = place.sam.web.enrol(invitation)
    wanted = digests(1)
    place.sam.web.sign(place.sam.web.approve(seal, wanted), wanted)
    assert officer.user_id != seal.user_id


def test_killed_between_the_entry_of_the_end_and_the_token(place: Place) -> None:
    _, invitation = invited(place)
    empty = place.objects()
    place.sam.start(NATSUIN_FAULT_AT="key_move.after_entry")
    seal = place.sam.web.enrol(invitation)
    with pytest.raises(ConnectionLost):
        place.sam.web.act(seal, "destroy")
    place.sam.wait_for_death()
    assert place.objects()[1] == {seal.key.key_id}
    place.sam.start()
    assert place.sam.web.ask(p.ListKeys(user_id=seal.user_id)).keys[0].state == "destroyed"
    place.sam.stop()
    assert place.objects() == empty


def invited(place: Place) -> tuple[Officer, p.Invitation]:
    """An officer, and an invitation to a resident key; sam is stopped again."""
    place.sam.start()
    officer = place.sam.web.register_officer(place.token)
    invitation = place.sam.web.invite(officer, resident=True)
    place.sam.stop()
    return officer, invitation
