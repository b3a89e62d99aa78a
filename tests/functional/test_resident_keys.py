"""Organisation seals that live in the token: the same path as every other key, from an officer's approval to the log;
and what somebody with DB-2 or the token's PIN cannot do with them unnoticed (docs/hsm.md#resident-keys)."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from natsuin import errors
from natsuin.algorithms import KeyAlgorithm
from natsuin.cli.demo.tokens import KINDS, make_trial_token
from natsuin.key_backup.archiving import ResidentNotArchived
from natsuin.key_management import PKCS11Vault, VaultRefused, WrongSignature, signing_key, unwrap_for_signer
from natsuin.key_management.hsm.refusals import ResidentKeyMissing
from natsuin.key_management.wrapping import wrap_for_signer
from natsuin.sam import protocol as p
from rigs.invariants import check_invariants, entries_of
from rigs.sam_in_process import SamRig
from rigs.tokens import in_token
from rigs.web_side import Officer, Signer, WebSide, digests

RESIDENT = "pkcs11-resident"
DELETE = """
for item in session.get_objects({Attribute.ID: arguments[0].encode()}):
    item.destroy()
"""
SECOND = """
session.generate_keypair(
    KeyType.RSA, 3072, id=arguments[0].encode(), label="natsuin resident key", store=True,
)
"""


@dataclass
class House:
    """A sam with a token, an officer, and what left it."""

    rig: SamRig
    officer: Officer
    received: list[p.Signed]

    @property
    def web(self) -> WebSide:
        return self.rig.web

    @property
    def token(self) -> PKCS11Vault:
        assert self.rig.sam.vaults.token is not None
        return self.rig.sam.vaults.token

    def seal(self, name: str = "例示株式会社 経理部") -> Signer:
        return self.web.enrol(self.web.invite(self.officer, name=name, resident=True))

    def sign(self, signer: Signer) -> p.Signed:
        wanted = digests(2)
        signed = self.web.sign(self.web.approve(signer, wanted), wanted)
        self.received.append(signed)
        return signed

    def here(self) -> set[str]:
        return {key.identifier for key in self.token.resident_keys().keys}

    def with_pin(self, script: str, *arguments: str) -> None:
        """What somebody does who has the token's PIN. The new worker sees it as after a restart."""
        in_token(self.token._line._settings, script, *arguments)
        self.rig.reopen()

    def entries(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in entries_of(self.rig.config.sam.log_folder) if entry["type"] == kind]

    def state(self, signer: Signer) -> str:
        keys = self.web.ask(p.ListKeys(user_id=signer.user_id)).keys
        return next(key.state for key in keys if key.key_id == signer.key.key_id)

    def sql(self, statement: str, *values: Any) -> list[Any]:
        with sqlite3.connect(self.rig.config.sam.database.removeprefix("sqlite:///")) as connection:
            return connection.execute(statement, values).fetchall()

    def exchange(self, columns: tuple[str, ...], one: str, other: str) -> None:
        """Each of the two keys gets these columns of the other's row."""
        for column in columns:
            query = f"SELECT {column} FROM signing_key WHERE key_id = ?"  # noqa: S608
            hers, his = self.sql(query, one)[0][0], self.sql(query, other)[0][0]
            for key_id, value in ((one, his), (other, hers)):
                self.sql(f"UPDATE signing_key SET {column} = ? WHERE key_id = ?", value, key_id)  # noqa: S608


@pytest.fixture(scope="module", params=KINDS)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("h")
    (folder / "n").mkdir()
    rig = SamRig.make(folder / "n", vault=make_trial_token(request.param, folder / "token").vault_section())
    made = House(rig, rig.web.register_officer(rig.token), [])
    yield made
    check_invariants(rig.config.sam.log_folder, rig.web.info.log_vkey, made.received)
    assert rig.stopped == []
    rig.close()


def test_the_record_the_key_and_the_log_say_that_it_is_resident(house: House) -> None:
    before = house.token.count_objects()
    act = house.web.propose(house.officer, resident=True)
    assert json.loads(act.record)["resident"] is True
    assert json.loads(house.web.propose(house.officer).record)["resident"] is False
    invitation = house.web.invite(house.officer, resident=True)
    assert house.web.ask(p.OpenInvitation(token=invitation.token)).resident is True
    seal = house.web.enrol(invitation)
    assert seal.key.backend == RESIDENT
    assert house.token.count_objects() == before + 2
    assert house.here() == {seal.key.key_id}
    assert [e["backend"] for e in house.entries("key-created") if e["key"] == seal.key.key_id] == [RESIDENT]
    wanted = digests(1)
    instruction = house.web.instruct(seal, wanted)
    house.received.append(house.web.sign(house.web.activate(seal, instruction).sad, wanted))
    evidence = house.web.ask(p.Evidence(instruction_id=instruction.instruction_id, user_id=seal.user_id))
    assert json.loads(evidence.document)["key"]["backend"] == RESIDENT
    house.web.act(seal, "destroy")
    assert house.token.count_objects() == before


def test_sam_asks_for_the_signers_pin_as_for_every_key(house: House) -> None:
    seal = house.seal()
    with pytest.raises(errors.WrongSecret):
        house.web.activate(seal, house.web.instruct(seal, digests(1)), pin="wrong-pin-593")
    with pytest.raises(errors.NatsuinError):
        house.web.sign(bytes(32), digests(1))
    house.sign(seal)


def test_the_whole_life(house: House) -> None:
    before = house.token.count_objects()
    seal = house.seal()
    house.web.act(seal, "suspend", officer=house.officer)
    with pytest.raises(errors.Conflict):
        house.web.instruct(seal, digests(1))
    house.web.act(seal, "resume", officer=house.officer)
    house.sign(seal)
    renewing = house.web.propose_act(seal, "renew")
    assert json.loads(renewing.record)["resident"] is True
    renewed = house.web.renew(seal)
    assert renewed.key.backend == RESIDENT
    assert seal.key.key_id not in house.here()
    assert renewed.key.key_id in house.here()
    house.sign(renewed)
    house.web.act(renewed, "revoke", officer=house.officer, reason="keyCompromise")
    assert house.token.count_objects() == before
    assert house.sql("SELECT * FROM resident_key WHERE key_id IN (?, ?)", seal.key.key_id, renewed.key.key_id) == []


def test_an_owner_alone_puts_nothing_into_the_token(house: House) -> None:
    """Whether a key lives in the token is the officer's decision: renewing an ordinary key makes an ordinary one."""
    ordinary = house.web.enrol(house.web.invite(house.officer))
    assert ordinary.key.backend == "pkcs11"
    assert json.loads(house.web.propose_act(ordinary, "renew").record)["resident"] is False
    here = house.here()
    assert house.web.renew(ordinary).key.backend == "pkcs11"
    once = house.web.act(house.seal(), "one-time", secrets={"pin": ordinary.pin})
    assert once.made is not None
    assert once.made.backend == "pkcs11"
    assert len(house.here()) == len(here) + 1


def test_no_copy_of_it_is_made(house: House) -> None:
    seal = house.seal()
    archives = house.rig.sam.handlers.backup_acts.archives
    with pytest.raises(ResidentNotArchived):
        archives.make(seal.key.key_id, (house.officer.user_id,), "an act")
    assert seal.key.key_id not in archives.without_one()


@pytest.mark.parametrize("columns", [("key_blob",), ("key_blob", "public_key", "certificate", "seal")])
def test_references_of_two_owners_exchanged(house: House, columns: tuple[str, ...]) -> None:
    alice, bob = house.seal("Alice"), house.seal("Bob")
    names = (alice.key.key_id, bob.key.key_id)
    sad = house.web.approve(alice, wanted := digests(1))
    house.exchange(columns, *names)
    try:
        for attempt in (lambda: house.web.sign(sad, wanted), lambda: house.sign(bob)):
            with pytest.raises(errors.Tampered):
                attempt()
        # Housekeeping destroys nothing on the word of rows that are not genuine.
        house.rig.sam.housekeeping.round()
        assert set(names) <= house.here()
    finally:
        house.exchange(columns, *names)


@pytest.mark.parametrize("layer", ["row", "provider", "signer"])
def test_references_exchanged_by_somebody_with_the_master_key(house: House, layer: str) -> None:
    """Who can make seals and the provider's layer still lacks what binds a reference to its owner."""
    alice, bob = house.seal("Alice"), house.seal("Bob")
    foundation = house.rig.sam.handlers.keys.foundation
    keys = house.rig.sam.handlers.keys
    sad = house.web.approve(bob, wanted := digests(1))
    with foundation.database.read() as connection:
        hers = keys.get(connection, alice.key.key_id, alice.user_id)
        his = keys.get(connection, bob.key.key_id, bob.user_id)
    blob = hers.row["key_blob"]
    if layer != "row":
        blob = foundation.provider.close(foundation.provider.open(blob, hers.binding), his.binding)
    if layer == "signer":
        # With Alice's PIN as well, her reference under Bob's signer key, as he would have to have it.
        reference = unwrap_for_signer(
            foundation.provider.open(hers.row["key_blob"], hers.binding),
            keys.open_signer_key(hers, "pin", alice.pin),
            hers.binding,
        )
        forged = wrap_for_signer(reference, keys.open_signer_key(his, "pin", bob.pin), his.binding)
        blob = foundation.provider.close(forged, his.binding)
    with foundation.database.write() as connection:
        assert foundation.update(connection, signing_key, his.row, key_blob=blob)
    with pytest.raises(errors.Tampered):
        house.web.sign(sad, wanted)


def test_an_ordinary_key_called_resident_and_a_resident_one_called_ordinary(house: House) -> None:
    seal, ordinary = house.seal(), house.web.enrol(house.web.invite(house.officer))
    for who, backend in ((seal, "pkcs11"), (ordinary, RESIDENT)):
        sad = house.web.approve(who, wanted := digests(1))
        house.sql("UPDATE signing_key SET backend = ? WHERE key_id = ?", backend, who.key.key_id)
        with pytest.raises(errors.Tampered):
            house.web.sign(sad, wanted)
        house.sql("UPDATE signing_key SET backend = ? WHERE key_id = ?", who.key.backend, who.key.key_id)


def test_a_key_that_somebody_deleted_in_the_token(house: House) -> None:
    seal = house.seal()
    house.with_pin(DELETE, seal.key.key_id)
    found = [entry for entry in house.entries("resident-key-finding") if entry["key"] == seal.key.key_id]
    assert [entry["finding"] for entry in found] == ["missing"]
    with pytest.raises(ResidentKeyMissing):
        house.sign(seal)
    outcome = [entry for entry in house.entries("outcome") if entry["key"] == seal.key.key_id][-1]
    assert (outcome["result"], outcome["reason"]) == ("failed", "vault_resident_key_missing")
    house.rig.sam.housekeeping.round()
    assert len([e for e in house.entries("resident-key-finding") if e["key"] == seal.key.key_id]) == 1
    # Its owner can end it all the same.
    assert house.web.act(seal, "destroy").key.state == "destroyed"


def test_another_key_in_its_place_is_found_by_the_self_check(house: House) -> None:
    seal = house.seal()
    house.token.destroy_resident(seal.key.key_id)
    with house.token.generate_resident(KeyAlgorithm.P_256, seal.key.key_id):
        pass
    with pytest.raises(WrongSignature):
        house.sign(seal)
    assert house.state(seal) == "suspended"


def test_a_second_object_with_the_same_id_stops_its_use(house: House) -> None:
    seal = house.seal()
    house.with_pin(SECOND, seal.key.key_id)
    # NSS lets the second take the first one's place; that one may leave the token, so it is not used either.
    with pytest.raises((ResidentKeyMissing, VaultRefused), match=r"holds 2|CKA_EXTRACTABLE"):
        house.sign(seal)
    # What is destroyed takes whatever goes by its name along.
    house.web.act(seal, "destroy")
    assert seal.key.key_id not in house.here()


def test_what_nobody_knows_is_told_once_and_left_alone(house: House) -> None:
    with house.token.generate_resident(KeyAlgorithm.P_256, "somebody's"):
        pass
    house.rig.sam.housekeeping.round()
    house.rig.sam.housekeeping.round()
    (entry,) = house.entries("resident-key-unknown")
    assert "somebody" not in str(entry)
    assert "somebody's" in house.here()
    house.token.destroy_resident("somebody's")


def test_a_key_that_ended_stays_dead_in_the_token_too(house: House) -> None:
    """The token is put back to a backup of its own from before the end."""
    seal = house.seal()
    house.web.act(seal, "destroy")
    with house.token.generate_resident(KeyAlgorithm.P_256, seal.key.key_id):
        pass
    house.rig.sam.housekeeping.round()
    assert seal.key.key_id not in house.here()


def test_a_server_without_a_token_makes_none(tmp_path: Path) -> None:
    rig = SamRig.make(tmp_path)
    officer = rig.web.register_officer(rig.token)
    with pytest.raises(errors.Refused) as refused:
        rig.web.propose(officer, resident=True)
    assert refused.value.code == "resident_not_offered"
    rig.close()
