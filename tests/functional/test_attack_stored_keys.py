"""Keys as they are stored, in rows of DB-2 and in archives: exchanged between people in every way that could make
sense, and changed bit by bit. Always an error of our own, never a signature (P1, P3)."""

import contextlib
import itertools
import random
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from natsuin import errors
from natsuin.algorithms import SignatureScheme
from natsuin.key_backup import ArchiveSeal
from natsuin.key_backup.archive import MAGIC
from natsuin.key_management import (
    MasterKey,
    Slot,
    key_creation,
    key_slot,
    open_slot,
    read_master_key,
    signing_key,
    unwrap_for_signer,
)
from natsuin.key_management.vaults import WrongSignature, load_public_key, verify_signature
from natsuin.sam import protocol as p
from rigs.key_copies import another_officer, archive_key, by_officers, by_signer, lose_key, propose_restore, restore_key
from rigs.sam_in_process import SamRig, people
from rigs.web_side import Officer, Signer, WebSide, assertion, digests

EXCHANGED = ("user_id", "public_key", "passkeys", "sign_counts", "key_blob", "certificate", "created_at", "seal")
"""Columns of `signing_key` in which two people's keys of one kind differ."""
SLOT = ("salt", "wrapped", "seal")
chosen = random.Random(20261123)  # noqa: S311  # the same bits each time


@dataclass
class Place:
    """A sam with two officers, Alice and Bob, and somebody who writes to its DB-2."""

    rig: SamRig
    officers: list[Officer]
    alice: Signer
    bob: Signer
    writer: sqlite3.Connection
    """Somebody else's, who does not wait for the disk."""

    @property
    def web(self) -> WebSide:
        return self.rig.web

    @property
    def database(self) -> Path:
        return Path(self.rig.config.sam.database.removeprefix("sqlite:///"))

    def row(self, table: str, signer: Signer, name: str = "pin") -> dict[str, Any]:
        which = f" AND name = '{name}'" if table == "key_slot" else ""
        query = f"SELECT * FROM {table} WHERE key_id = ?{which}"  # noqa: S608
        return dict(self.writer.execute(query, (signer.key.key_id,)).fetchone())

    @contextlib.contextmanager
    def changed(
        self, table: str, signer: Signer, values: Mapping[str, Any], name: str = "pin", *, reseal: bool = False
    ) -> Iterator[None]:
        """The signer's row has these values until the block ends. `reseal`: by somebody with the master key."""
        if not values:
            yield
            return
        before = self.row(table, signer, name)
        if reseal:
            sealer = self.rig.sam.handlers.keys.foundation.sealer
            values = sealer.sealed(key_slot if table == "key_slot" else signing_key, {**before, **values})
        self._write(table, values, before)
        try:
            yield
        finally:
            self._write(table, before, before)

    def _write(self, table: str, values: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        names = ", ".join(
            f"{name} = CAST(? AS TEXT)" if isinstance(row[name], str) else f"{name} = ?" for name in values
        )
        which = " AND name = ?" if table == "key_slot" else ""
        where = [row["key_id"], row["name"]] if which else [row["key_id"]]
        statement = f"UPDATE {table} SET {names} WHERE key_id = ?{which}"  # noqa: S608
        assert self.writer.execute(statement, [*values.values(), *where]).rowcount == 1


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    rig = SamRig.make(tmp_path_factory.mktemp("n"))
    officer, alice = people(rig.web, rig.token)
    bob = rig.web.enrol(rig.web.invite(officer, name="Bob"), pin="staple battery 3")
    writer = sqlite3.connect(rig.config.sam.database.removeprefix("sqlite:///"), isolation_level=None)
    writer.row_factory = sqlite3.Row
    writer.execute("PRAGMA synchronous = OFF")
    yield Place(rig, [officer, another_officer(rig)], alice, bob, writer)
    writer.close()
    rig.close()


def sign_as(place: Place, signer: Signer) -> bytes:
    """A signature that this person gets over a digest."""
    wanted = digests(1)
    made = place.web.sign(place.web.approve(signer, wanted), wanted)
    verify_signature(public_key(place, signer), wanted[0], made.signatures[0], SignatureScheme.ECDSA_SHA256)
    return made.signatures[0]


def public_key(place: Place, signer: Signer) -> Any:
    return load_public_key(place.row("signing_key", signer)["public_key"])


def subsets(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [some for size in range(1, len(names) + 1) for some in itertools.combinations(names, size)]


# Exchange.


def test_no_columns_of_two_peoples_keys_can_be_exchanged(place: Place) -> None:
    """All 255 choices, the seal with or without them. Bob would sign with Alice's key, or Alice's would serve him."""
    of_alice = place.row("signing_key", place.alice)
    for names in subsets(EXCHANGED):
        with place.changed("signing_key", place.bob, {name: of_alice[name] for name in names}):
            for signer in (place.bob, Signer(place.alice.user_id, place.bob.key, place.alice.device)):
                with pytest.raises(errors.Refused):
                    place.web.instruct(signer, digests(1))
    sign_as(place, place.bob)


@pytest.mark.parametrize(("source", "target"), [("pin", "pin"), ("recovery", "pin"), ("pin", "recovery")])
def test_no_slots_can_be_exchanged(place: Place, source: str, target: str) -> None:
    """Alice's way to her key in Bob's row, and one of Bob's own ways in the place of the other."""
    for owner in (place.alice, place.bob):
        foreign = place.row("key_slot", owner, source)
        mine = place.row("key_slot", place.bob, target)
        for names in subsets(SLOT):
            values = {name: foreign[name] for name in names}
            if all(mine[name] == values[name] for name in names):
                continue
            with place.changed("key_slot", place.bob, values, target), pytest.raises(errors.Tampered):
                use_slot(place, target)
    sign_as(place, place.bob)


def use_slot(place: Place, slot: str) -> None:
    web, bob = place.web, place.bob
    if slot == "pin":
        web.activate(bob, web.instruct(bob, digests(1)))
        return
    act = web.ask(p.ProposePINReset(key_id=bob.key.key_id, user_id=bob.user_id))
    secrets = {"recovery_code": bob.recovery_code, "new_pin": bob.pin, "new_recovery_code": bob.recovery_code[::-1]}
    sealed = web.seal(p.HPKE_INFO_PIN_RESET, act.challenge, **secrets)
    web.ask(p.ApprovePINReset(act_id=act.act_id, assertion=assertion(bob.device, act.challenge), sealed_secrets=sealed))


def test_not_even_with_the_master_key_does_bob_sign_as_alice(place: Place) -> None:
    """Seals made anew by somebody who holds the master key: the layers themselves tell whose key it is."""
    of_alice, slot = place.row("signing_key", place.alice), place.row("key_slot", place.alice)
    theirs = load_public_key(of_alice["public_key"])
    got = 0
    for names in subsets(("public_key", "key_blob", "passkeys", "certificate", "slot")):
        values = {name: of_alice[name] for name in names if name != "slot"}
        slots = {name: slot[name] for name in ("salt", "wrapped")} if "slot" in names else {}
        wanted = digests(1)
        with (
            place.changed("signing_key", place.bob, values, reseal=True),
            place.changed("key_slot", place.bob, slots, reseal=True),
        ):
            try:
                made = place.web.sign(place.web.approve(place.bob, wanted), wanted)
            except errors.Refused:
                continue
        got += 1
        # His own key, beside a certificate that is not its: a signature that nobody takes for hers.
        assert names == ("certificate",)
        with pytest.raises(WrongSignature):
            verify_signature(theirs, wanted[0], made.signatures[0], SignatureScheme.ECDSA_SHA256)
    assert got <= 1
    sign_as(place, place.bob)
    sign_as(place, place.alice)


# Flipped bits.


def flips(content: bytes, *, every_bit: bool) -> Iterator[bytes]:
    """`content` with one bit changed: each in turn, or one of each byte."""
    for byte in range(len(content)):
        for bit in range(8) if every_bit else [chosen.randrange(8)]:
            damaged = bytearray(content)
            damaged[byte] ^= 1 << bit
            yield bytes(damaged)


def flipped_values(row: Mapping[str, Any], *, every_bit: bool) -> Iterator[dict[str, Any]]:
    """Every column of a row with one bit changed; numbers as 32 bits."""
    for name, value in row.items():
        if isinstance(value, bytes):
            yield from ({name: flipped} for flipped in flips(value, every_bit=every_bit))
        elif isinstance(value, str):
            yield from ({name: flipped} for flipped in flips(value.encode(), every_bit=every_bit))
        else:
            yield from ({name: value ^ (1 << bit)} for bit in range(32))


@pytest.mark.parametrize("name", ["pin", "recovery"])
def test_every_bit_of_a_slot_is_guarded(place: Place, name: str) -> None:
    """Every bit of the whole row, but for the names by which it is found: those lead to no slot."""
    row = {
        column: value
        for column, value in place.row("key_slot", place.bob, name).items()
        if column in (*SLOT, "failures")
    }
    count = 0
    for values in flipped_values(row, every_bit=True):
        with place.changed("key_slot", place.bob, values, name), pytest.raises(errors.Tampered):
            read_slot(place, name)
        count += 1
    assert count >= 8 * (16 + 60 + 32)


def read_slot(place: Place, name: str) -> None:
    """As everything that uses a slot does."""
    foundation = place.rig.sam.handlers.keys.foundation
    with foundation.database.read() as connection:
        assert foundation.find(connection, key_slot, key_id=place.bob.key.key_id, name=name)


def test_a_flipped_bit_in_the_pins_slot_activates_nothing(place: Place) -> None:
    row = place.row("key_slot", place.bob)
    for values in flipped_values({name: row[name] for name in SLOT}, every_bit=False):
        with place.changed("key_slot", place.bob, values), pytest.raises(errors.Tampered):
            use_slot(place, "pin")
    sign_as(place, place.bob)


def test_a_flipped_bit_anywhere_in_a_keys_row_signs_nothing(place: Place) -> None:
    """Every bit of the encrypted key and of the seal, one of every other byte; before and after an approval."""
    row = place.row("signing_key", place.bob)
    wanted = digests(1)
    sad = place.web.approve(place.bob, wanted)
    row = place.row("signing_key", place.bob)
    guarded = {name: row.pop(name) for name in ("key_blob", "seal")}
    row.pop("key_id")
    changes = [*flipped_values(guarded, every_bit=True), *flipped_values(row, every_bit=False)]
    assert len(changes) > 3000
    for number, values in enumerate(changes):
        with place.changed("signing_key", place.bob, values):
            with pytest.raises(errors.NatsuinError):
                place.web.instruct(place.bob, wanted)
            if number % 64 == 0:
                with pytest.raises(errors.NatsuinError):
                    place.web.sign(sad, wanted)
    place.web.sign(sad, wanted)


def test_a_flipped_bit_under_a_new_seal_opens_nothing(place: Place) -> None:
    """By somebody with the master key: the provider's layer, the signer's and the vault's each find it."""
    row, slot = place.row("signing_key", place.bob), place.row("key_slot", place.bob)
    for flipped in itertools.islice(flips(row["key_blob"], every_bit=False), 0, None, 19):
        with (
            place.changed("signing_key", place.bob, {"key_blob": flipped}, reseal=True),
            pytest.raises(errors.Tampered),
        ):
            place.web.approve(place.bob, digests(1))
    for name in ("salt", "wrapped"):
        for flipped in itertools.islice(flips(slot[name], every_bit=False), 0, None, 11):
            with (
                place.changed("key_slot", place.bob, {name: flipped, "failures": 0}, reseal=True),
                pytest.raises(errors.WrongSecret),
            ):
                place.web.approve(place.bob, digests(1))
    sign_as(place, place.bob)


# Archives.


@dataclass
class Shelved:
    """The file of Carol's archived key on the shelf, its content, and what is told of it; the key itself is lost."""

    place: Place
    carol: Signer
    file: Path
    content: bytes
    made: p.KeyArchiveInformation


@pytest.fixture
def shelved(place: Place) -> Shelved:
    carol = place.web.enrol(place.web.invite(place.officers[0], name="Carol"))
    (made,) = archive_key(place.web, place.officers, carol.key.key_id)
    file = place.rig.config.sam.archive_folder / f"{made.archive_id}.natsuin-key"
    lose_key(place.database, carol.key.key_id)
    content = file.read_bytes()
    return Shelved(place, carol, file, content, made)


def test_every_bit_of_an_archive_is_guarded(shelved: Shelved) -> None:
    """Every bit of the whole file; one of each byte of the file on the shelf, asked for by two officers."""
    place, carol, file, content, made = shelved.place, shelved.carol, shelved.file, shelved.content, shelved.made
    seal = ArchiveSeal.from_master(read_master_key(place.rig.config.sam.master_key_file))
    for damaged in flips(content, every_bit=True):
        with pytest.raises((errors.Malformed, errors.Tampered)):
            seal.open(damaged)
    for damaged in flips(content, every_bit=False):
        file.write_bytes(damaged)
        with pytest.raises((errors.Malformed, errors.Tampered)):
            propose_restore(place.web, place.officers, carol, made.archive_id)
    file.write_bytes(content)
    restore_key(place.web, place.officers, carol, made.archive_id)
    sign_as(place, carol)


def test_parts_of_two_archives_make_none(shelved: Shelved) -> None:
    """Nor does an archive that is exchanged after the officers saw it change what they approved."""
    place, carol = shelved.place, shelved.carol
    (of_alice,) = archive_key(place.web, place.officers, place.alice.key.key_id)
    mine = shelved.content
    other = shelved.file.with_name(f"{of_alice.archive_id}.natsuin-key").read_bytes()
    length = int.from_bytes(mine[len(MAGIC) + 1 : len(MAGIC) + 5], "big")
    header_end = len(MAGIC) + 5 + length
    for cut in (len(MAGIC) + 5, header_end, header_end + 12, len(mine) - 16):
        for spliced in (mine[:cut] + other[cut:], other[:cut] + mine[cut:]):
            shelved.file.write_bytes(spliced)
            with pytest.raises((errors.Malformed, errors.Tampered)):
                propose_restore(place.web, place.officers, carol, shelved.made.archive_id)
    shelved.file.write_bytes(other)
    with pytest.raises(errors.Forbidden):
        propose_restore(place.web, place.officers, carol, shelved.made.archive_id)
    shelved.file.write_bytes(mine)
    act = propose_restore(place.web, place.officers, carol, shelved.made.archive_id)
    by_officers(place.web, act, place.officers)
    shelved.file.write_bytes(other)
    key = by_signer(place.web, act, carol).key
    assert key is not None
    assert key.key_id == carol.key.key_id
    sign_as(place, carol)


def test_database_backup_and_one_officer_open_no_key(shelved: Shelved) -> None:
    """What each theft beside DB-2, all archives and an officer's passkey lacks: master key without PIN, PIN without
    master key."""
    place, carol, content = shelved.place, shelved.carol, shelved.content
    master = read_master_key(place.rig.config.sam.master_key_file)
    # The PIN, and no master key.
    for guess in (MasterKey(bytes(32)), MasterKey(master.secret[::-1])):
        with pytest.raises(errors.Tampered, match="another master key"):
            ArchiveSeal.from_master(guess).open(content)
        forced = ArchiveSeal(ArchiveSeal.from_master(guess).secret, ArchiveSeal.from_master(master).provider)
        with pytest.raises(errors.Tampered):
            forced.open(content)
    # The master key, and no PIN: what is inside is closed by the signer's layer.
    archive = ArchiveSeal.from_master(master).open(content)
    vault = place.rig.sam.vaults
    with pytest.raises(errors.Tampered), vault.open(archive.blob, archive.key.binding):
        pass
    for slot_name, slot in archive.slots.items():
        for guess_at in ("", "wrong horse 7", place.alice.recovery_code):
            with pytest.raises(errors.WrongSecret):
                open_slot(slot_name, Slot(slot.salt, slot.wrapped), guess_at, archive.key.binding)
    # Both: so the refusals above are not for another reason.
    signer_key = open_slot("pin", archive.slots["pin"], carol.pin, archive.key.binding)
    with vault.open(unwrap_for_signer(archive.blob, signer_key, archive.key.binding), archive.key.binding) as opened:
        assert opened.public_key == archive.row["public_key"]


def test_a_key_with_the_id_of_another_is_never_stored(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two random ids clash, by a weak generator or by somebody's doing: the first key stays whole, and its owner's."""
    before = place.row("signing_key", place.alice), place.row("key_slot", place.alice)
    invitation = place.web.invite(place.officers[0], name="Heidi")
    with monkeypatch.context() as clashing:
        clashing.setattr(key_creation, "new_identifier", lambda: place.alice.key.key_id)
        with pytest.raises(errors.Conflict):
            place.web.enrol(invitation)
    assert (place.row("signing_key", place.alice), place.row("key_slot", place.alice)) == before
    sign_as(place, place.alice)
    sign_as(place, place.web.enrol(invitation))
