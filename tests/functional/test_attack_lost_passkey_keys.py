"""Keys that are missing, or appear, while a lost passkey is replaced bring the lost one back in no way (P1)."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from natsuin import errors
from natsuin.cli.demo.encoding import new_recovery_code
from natsuin.key_management import Completions, KeyMaker
from natsuin.key_management.key_creation import KeyWish
from natsuin.sam import protocol as p
from natsuin.sam.process import open_sam
from rigs.key_copies import archive_key, lose_key, propose_restore, put_back, restore_key, save_database
from rigs.lost_passkeys import (
    Town,
    complete,
    founded,
    further_key,
    proof,
)
from rigs.web_side import PIN

WRONG_PIN = "wrong horse 77"


@pytest.fixture
def own_town(tmp_path: Path) -> Iterator[Town]:
    """For attacks that harm all of a sam."""
    with founded(tmp_path) as made:
        yield made


@pytest.mark.parametrize("rolled_back", [False, True])
def test_an_archive_of_a_key_that_was_missing_revives_no_lost_passkey(
    own_town: Town, tmp_path: Path, rolled_back: bool
) -> None:
    signer = own_town.person()
    (archive,) = archive_key(own_town.web, own_town.officers, signer.key.key_id)
    step = own_town.waited(signer)
    own_town.rig.sam.close()
    older = tmp_path / "older"
    lose_key(database_of(own_town), signer.key.key_id)
    save_database(database_of(own_town), older)
    own_town.rig.sam = open_sam(own_town.rig.config, clock=own_town.host.watched(), stop=own_town.rig.stopped.append)
    again = complete(own_town.web, step.token, signer, proofs=[], new_pin="battery staple 9")
    if rolled_back:
        # Nothing in DB-2 knows of the completion any more: the log does.
        own_town.rig.sam.close()
        put_back(database_of(own_town), older)
    else:
        assert again.key.key_id != signer.key.key_id
        own_town.rig.sam.close()
    own_town.rig.sam = open_sam(own_town.rig.config, clock=own_town.host.watched(), stop=own_town.rig.stopped.append)
    with pytest.raises(errors.Conflict, match="replaced after this archive"):
        restore_key(own_town.web, own_town.officers, signer, archive.archive_id)


def test_an_archive_that_the_database_forgot_revives_no_lost_passkey(own_town: Town) -> None:
    """The row of the archive is gone at completion too, and comes back later: the row of the replacement decides."""
    signer = own_town.person()
    (archive,) = archive_key(own_town.web, own_town.officers, signer.key.key_id)
    step = own_town.waited(signer)
    lose_key(database_of(own_town), signer.key.key_id)
    with sqlite3.connect(database_of(own_town)) as connection:
        connection.execute("CREATE TABLE aside AS SELECT * FROM key_archive")
        connection.execute("DELETE FROM key_archive")
    complete(own_town.web, step.token, signer, proofs=[], new_pin="battery staple 9")
    with sqlite3.connect(database_of(own_town)) as connection:
        connection.execute("INSERT INTO key_archive SELECT * FROM aside")
        connection.execute("DROP TABLE aside")
    with pytest.raises(errors.Conflict, match="lost passkeys were replaced after this archive"):
        propose_restore(own_town.web, own_town.officers, signer, archive.archive_id)


# --- Keys that appear meanwhile ---------------------------------------------------------------------------------------


def test_a_key_that_appears_while_it_is_completed_is_not_left_with_the_lost_passkey(
    own_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an import or a renewal ends while the person's secrets are being proved."""
    signer = own_town.person()
    step = own_town.waited(signer)
    opened: list[str] = []
    prove = Completions._prove

    def slow(self: Completions, plan: Any, message: p.CompleteReplacement) -> Any:
        proved = prove(self, plan, message)
        if not opened:
            opened.append(further_key(own_town, signer, PIN, new_recovery_code()))
        return proved

    monkeypatch.setattr(Completions, "_prove", slow)
    with pytest.raises(errors.Conflict, match="another key"):
        complete(own_town.web, step.token, signer)
    # No try was lost, and the next time all keys are named.
    proofs = [proof(key_id, PIN) for key_id in (signer.key.key_id, opened[0])]
    complete(own_town.web, step.token, signer, proofs=proofs)
    keys = own_town.web.ask(p.ListKeys(user_id=signer.user_id)).keys
    assert all(signer.key.passkeys[0] not in key.passkeys for key in keys)
    assert len(keys) == 2


def test_a_key_suspended_while_it_is_completed_stays_so_and_costs_no_try(
    own_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the row of before would be written back, and the thief's key would sign on."""
    signer = own_town.person()
    step = own_town.waited(signer)
    prove = Completions._prove

    def slow(self: Completions, plan: Any, message: p.CompleteReplacement) -> Any:
        proved = prove(self, plan, message)
        monkeypatch.undo()
        own_town.web.act(signer, "suspend", officer=own_town.officers[0])
        return proved

    monkeypatch.setattr(Completions, "_prove", slow)
    with pytest.raises(errors.Conflict, match="changed a moment ago"):
        complete(own_town.web, step.token, signer)
    with sqlite3.connect(database_of(own_town)) as connection:
        assert connection.execute("SELECT refusals FROM passkey_replacement").fetchall() == [(0,)]
    complete(own_town.web, step.token, signer)
    assert [key.state for key in own_town.web.ask(p.ListKeys(user_id=signer.user_id)).keys] == ["suspended"]


def test_a_renewal_under_way_brings_no_lost_passkey_back(own_town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = own_town.person()
    step = own_town.waited(signer)
    make = KeyMaker.make

    def slow(self: KeyMaker, wish: KeyWish) -> Any:
        made = make(self, wish)
        monkeypatch.undo()
        complete(own_town.web, step.token, signer)
        return made

    monkeypatch.setattr(KeyMaker, "make", slow)
    with pytest.raises(errors.Conflict, match="changed a moment ago"):
        own_town.web.act(signer, "renew", secrets={"pin": PIN, "recovery_code": signer.recovery_code})
    (key,) = own_town.web.ask(p.ListKeys(user_id=signer.user_id)).keys
    assert signer.key.passkeys[0] not in key.passkeys


def database_of(town: Town) -> Path:
    return Path(town.rig.config.sam.database.removeprefix("sqlite:///"))
