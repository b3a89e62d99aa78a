"""Opening a log: what heals, and what is refused, each for a reason of its own."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.errors import Conflict, NatsuinError, by_code
from natsuin.signing_log import (
    BadKey,
    CheckpointAhead,
    CheckpointDiverges,
    LastBundleDamaged,
    LogExists,
    LogKey,
    LogLocked,
    LogMissing,
    LoosePermissions,
    RightEdgeDamaged,
    StateBehind,
    StateDamaged,
    StateMissing,
    create_log,
    refusals,
    verify_log,
)
from natsuin.signing_log.checkpoints import Checkpoint, sign_checkpoint


def change(path: Path, position: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def edit(state: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(state)
    with connection:
        connection.execute(statement, values)
    connection.close()


def test_a_log_is_created_once(new_place):
    new_place.create()
    with pytest.raises(LogExists):
        new_place.create()
    new_place.state.unlink()
    with pytest.raises(LogExists):
        new_place.create()
    shutil.rmtree(new_place.folder)
    new_place.create()
    shutil.rmtree(new_place.folder)
    with pytest.raises(LogExists):
        new_place.create()


def test_a_log_is_created_in_an_empty_folder_that_is_there(new_place):
    new_place.folder.mkdir(mode=0o700)
    new_place.create()
    assert new_place.folder.stat().st_mode & 0o777 == 0o755
    assert verify_log(new_place.folder, new_place.open().vkey).entries == 0


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\n", "\ud800"])
def test_an_unusable_origin_is_refused(new_place, origin):
    with pytest.raises(BadKey):
        create_log(new_place.folder, new_place.state, origin=origin, key=new_place.key)
    assert not new_place.folder.exists()


def test_a_log_goes_on_where_it_ended(place):
    for start in (0, 255, 256, 257, 300):
        count = {0: 255, 255: 1, 256: 1, 257: 43, 300: 500}[start]
        vkey = place.fill(count, start=start)
    assert verify_log(place.folder, vkey).entries == 800


def test_opening_never_creates(new_place):
    with pytest.raises(LogMissing):
        new_place.open()
    new_place.folder.mkdir()
    with pytest.raises(StateMissing):
        new_place.open()
    assert list(new_place.folder.iterdir()) == []


def test_a_missing_record(place):
    place.fill(3)
    place.state.unlink()
    with pytest.raises(StateMissing):
        place.open()


def test_an_empty_or_foreign_record(place):
    edit(place.state, "DELETE FROM signed")
    with pytest.raises(StateMissing):
        place.open()
    place.state.write_bytes(b"not a database" * 100)
    with pytest.raises(StateDamaged):
        place.open()
    place.state.write_bytes(b"")
    with pytest.raises(StateDamaged):
        place.open()


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("UPDATE signed SET size = ?", 2),
        ("UPDATE signed SET root = ?", b"x" * 32),
        ("UPDATE signed SET note = ?", "nonsense"),
        ("INSERT INTO staged VALUES (1, ?)", b"\0\1a"),
        ("INSERT INTO staged VALUES (1, ?)", b"\0\1"),
    ],
)
def test_an_edited_record(place, statement, value):
    place.fill(3)
    edit(place.state, statement, value)
    with pytest.raises(StateDamaged):
        place.open()


def test_another_key_or_origin(place):
    place.fill(3)
    other = Ed25519PrivateKey.generate()
    with pytest.raises(StateDamaged):
        place.open(key=LogKey(other.public_key().public_bytes_raw(), other.sign))
    with pytest.raises(StateDamaged):
        place.open(origin="sign.example.jp/log/2027")


def test_a_second_writer(place):
    log = place.open()
    with pytest.raises(LogLocked):
        place.open()
    log.add({"n": 0})
    log.close()
    assert place.open().add({"n": 1}).index == 1


def test_a_record_that_another_process_holds(place, tmp_path):
    place.open()
    copy = tmp_path / "copy"
    shutil.copytree(place.folder, copy)
    place.folder = copy
    with pytest.raises(LogLocked) as refused:
        place.open()
    assert "stop it" in refused.value.hint


def test_a_missing_checkpoint(place):
    place.fill(3)
    (place.folder / "checkpoint").unlink()
    with pytest.raises(LogMissing):
        place.open()


def test_a_crash_before_the_first_publication_heals(place):
    (place.folder / "checkpoint").unlink()
    assert place.open().add({"n": 0}).index == 0


@pytest.mark.parametrize("content", [b"", b"\0" * 200, b"half a note\n\n"])
def test_a_checkpoint_that_a_power_cut_spoiled_is_published_again(place, content):
    vkey = place.fill(3)
    (place.folder / "checkpoint").write_bytes(content)
    place.open()
    assert verify_log(place.folder, vkey).entries == 3


def test_an_older_checkpoint_is_replaced_by_the_newest(place):
    place.fill(3)
    older = (place.folder / "checkpoint").read_bytes()
    vkey = place.fill(300, start=3)
    (place.folder / "checkpoint").write_bytes(older)
    place.open()
    assert verify_log(place.folder, vkey).entries == 303


def test_a_record_that_was_rolled_back(place, tmp_path):
    place.fill(3)
    shutil.copy(place.state, tmp_path / "older")
    place.fill(3, start=3)
    shutil.copy(tmp_path / "older", place.state)
    before = (place.folder / "checkpoint").read_bytes()
    with pytest.raises(CheckpointAhead):
        place.open()
    assert (place.folder / "checkpoint").read_bytes() == before


def test_a_record_and_checkpoint_that_were_rolled_back(place, tmp_path):
    place.fill(3)
    shutil.copy(place.state, tmp_path / "older")
    older = (place.folder / "checkpoint").read_bytes()
    place.fill(4700, start=3)
    shutil.copy(tmp_path / "older", place.state)
    (place.folder / "checkpoint").write_bytes(older)
    with pytest.raises(StateBehind):
        place.open()


@pytest.mark.parametrize("size", [2, 3])
def test_a_checkpoint_of_another_history(place, size):
    place.fill(3)
    fork = sign_checkpoint(Checkpoint(place.origin, size, b"x" * 32), place.key)
    (place.folder / "checkpoint").write_text(fork)
    with pytest.raises(CheckpointDiverges):
        place.open()


def test_a_checkpoint_of_another_log(place):
    place.fill(3)
    checkpoint = place.folder / "checkpoint"
    checkpoint.write_text(checkpoint.read_text().replace("\n3\n", "\n2\n"))
    with pytest.raises(CheckpointDiverges):
        place.open()


@pytest.mark.parametrize("name", ["tile/0/001.p/44", "tile/1/000.p/1"])
def test_a_damaged_right_edge(place, name):
    place.fill(300)
    change(place.folder / name)
    with pytest.raises(RightEdgeDamaged):
        place.open()
    (place.folder / name).write_bytes(b"short")
    with pytest.raises(RightEdgeDamaged):
        place.open()
    (place.folder / name).unlink()
    with pytest.raises(RightEdgeDamaged):
        place.open()


def test_a_truncated_or_rolled_back_folder(place, tmp_path):
    place.fill(3)
    shutil.copytree(place.folder, tmp_path / "older")
    place.fill(300, start=3)
    shutil.rmtree(place.folder)
    shutil.copytree(tmp_path / "older", place.folder)
    with pytest.raises(RightEdgeDamaged):
        place.open()


@pytest.mark.parametrize("size", [300, 512])
def test_a_damaged_last_bundle(place, size):
    place.fill(size)
    bundle = place.folder / ("tile/entries/001.p/44" if size == 300 else "tile/entries/001")
    change(bundle)
    with pytest.raises(LastBundleDamaged):
        place.open()
    bundle.write_bytes(b"\0")
    with pytest.raises(LastBundleDamaged):
        place.open()
    bundle.unlink()
    with pytest.raises(LastBundleDamaged):
        place.open()


def test_a_partial_bundle_may_have_given_way_to_the_full_one(place):
    place.fill(100)
    shutil.copytree(place.folder, place.folder.with_name("at100"))
    shutil.copy(place.state, place.state.with_name("state100"))
    place.fill(200, start=100)
    for name in ("tile/0/000", "tile/entries/000"):
        shutil.copy(place.folder / name, place.folder.with_name("at100") / name)
        shutil.rmtree(place.folder.with_name("at100") / f"{name}.p")
    place.folder, place.state = place.folder.with_name("at100"), place.state.with_name("state100")
    vkey = place.fill(5, start=100)
    assert verify_log(place.folder, vkey).entries == 105


@pytest.mark.parametrize("name", [".", "tile", "checkpoint", "tile/0", "tile/entries"])
def test_files_that_others_may_write(place, name):
    place.fill(3)
    (place.folder / name).chmod(0o775)
    with pytest.raises(LoosePermissions):
        place.open()


def test_a_record_that_others_may_read(place):
    place.state.chmod(0o640)
    with pytest.raises(LoosePermissions):
        place.open()


def test_a_refused_log_is_let_go(place):
    place.fill(3)
    change(place.folder / "tile/0/000.p/3")
    for _ in range(3):
        with pytest.raises(RightEdgeDamaged):
            place.open()
    change(place.folder / "tile/0/000.p/3")
    assert place.open().size == 3


def test_every_refusal_has_a_code_of_its_own():
    kinds = [
        kind for kind in vars(refusals).values() if isinstance(kind, type) and kind.__module__ == refusals.__name__
    ]
    assert len(kinds) > 20
    assert len({kind.code for kind in kinds}) == len(kinds)
    for kind in kinds:
        assert issubclass(kind, NatsuinError)
        assert by_code()[kind.code] is kind
    assert by_code()["conflict"] is Conflict
