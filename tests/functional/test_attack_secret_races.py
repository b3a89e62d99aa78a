"""Two changes of one key's secrets that were approved one after the other and reach sam together: the later one to be
written must not undo the earlier, nor leave a PIN that opens nothing."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from natsuin import errors
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.key_management import Keys, StoredKey
from rigs.sam_in_process import SamRig, people
from rigs.secret_changes import add_passkey, change_pin, reset_pin, sign
from rigs.web_side import Officer, Signer, WebSide

NEW_PIN = "battery staple 9"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamRig]:
    made = SamRig.make(tmp_path_factory.mktemp("sam"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def officer(rig: SamRig) -> Officer:
    return people(rig.web, rig.token)[0]


@pytest.fixture
def alice(rig: SamRig, officer: Officer) -> Signer:
    return rig.web.enrol(rig.web.invite(officer))


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has something happen once, when the next secret was found right and nothing is written yet."""

    def have(happen: Callable[[], object]) -> None:
        left, open_signer_key = [happen], Keys.open_signer_key

        def slow(self: Keys, key: StoredKey, slot_name: str, secret: str) -> bytes:
            opened = open_signer_key(self, key, slot_name, secret)
            if left:
                left.pop()()
            return opened

        monkeypatch.setattr(Keys, "open_signer_key", slow)

    return have


Meanwhile = Callable[[Callable[[], object]], None]


def kinds_since(rig: SamRig, size: int) -> list[str]:
    """The types of the entries since the log had this size, of those that tell of other secrets."""
    found = [leaf for _, leaf in rig.sam.log.entries(size)]
    sought = ("pin-changed", "pin-reset", "passkeys-changed")
    return [kind for leaf in found for kind in sought if f'"{kind}"'.encode() in leaf]


def require_old_pin_refused(web: WebSide, alice: Signer) -> None:
    with pytest.raises(errors.WrongSecret):
        sign(web, alice, alice.device)


def test_a_pin_changed_while_a_passkey_is_added_stays(rig: SamRig, alice: Signer, meanwhile: Meanwhile) -> None:
    size = rig.sam.log.size
    meanwhile(lambda: change_pin(rig.web, alice, NEW_PIN))
    with pytest.raises(errors.Conflict, match="a moment ago"):
        add_passkey(rig.web, alice)
    require_old_pin_refused(rig.web, alice)
    sign(rig.web, replace(alice, pin=NEW_PIN), alice.device)
    assert kinds_since(rig, size) == ["pin-changed"]


def test_a_passkey_added_while_the_pin_is_changed_leaves_a_pin_that_opens(
    rig: SamRig, alice: Signer, meanwhile: Meanwhile
) -> None:
    size = rig.sam.log.size
    meanwhile(lambda: add_passkey(rig.web, alice))
    with pytest.raises(errors.Conflict, match="a moment ago"):
        change_pin(rig.web, alice, NEW_PIN)
    sign(rig.web, alice, alice.device)
    assert kinds_since(rig, size) == ["passkeys-changed"]


def test_a_pin_reset_while_another_is_chosen_stays(rig: SamRig, alice: Signer, meanwhile: Meanwhile) -> None:
    code = new_recovery_code()
    size = rig.sam.log.size
    meanwhile(
        lambda: reset_pin(rig.web, alice, code=alice.recovery_code, new_pin=NEW_PIN, new_code=code, by=alice.device)
    )
    with pytest.raises(errors.Conflict, match="a moment ago"):
        change_pin(rig.web, alice, "a third PIN 3")
    require_old_pin_refused(rig.web, alice)
    sign(rig.web, replace(alice, pin=NEW_PIN), alice.device)
    assert kinds_since(rig, size) == ["pin-reset"]


def test_a_pin_changed_while_it_is_reset_stays(rig: SamRig, alice: Signer, meanwhile: Meanwhile) -> None:
    size = rig.sam.log.size
    meanwhile(lambda: change_pin(rig.web, alice, NEW_PIN))
    with pytest.raises(errors.Conflict, match="a moment ago"):
        reset_pin(
            rig.web,
            alice,
            code=alice.recovery_code,
            new_pin="a third PIN 3",
            new_code=new_recovery_code(),
            by=alice.device,
        )
    sign(rig.web, replace(alice, pin=NEW_PIN), alice.device)
    assert kinds_since(rig, size) == ["pin-changed"]
