"""`natsuin backup` on an installation whose sam is signing: what it finds, refuses and leaves."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from natsuin import errors
from natsuin.cli.backup.examination import examine_files
from natsuin.cli.backup.manifest import describe, read_manifest, write_manifest
from natsuin.sam import protocol as p
from natsuin.signing_log import verify_log
from natsuin.storage import create_database, open_database, upgrade_schema
from natsuin.validation.check_statement import judge_statement
from rigs.invariants import check_invariants, entries_of
from rigs.key_copies import archive_key
from rigs.key_envelopes import ImportingAuthority
from rigs.sam_process import SamProcess
from rigs.web_side import Officer, Signer, digests


@dataclass
class Case:
    """A running sam with two officers, and the folder where backups go."""

    sam: SamProcess
    officers: list[Officer]
    backups: Path

    def natsuin(self, *words: str | Path, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "natsuin.cli", *map(str, words)], capture_output=True, text=True, timeout=240
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def config(self) -> Path:
        return self.sam.folder / "config.toml"

    @property
    def master(self) -> Path:
        return self.sam.folder / "sam/master.key"

    def create(self) -> Path:
        said = self.natsuin("backup", "create", "--config", self.config, "--to", self.backups, "--clear")
        return Path(said.splitlines()[0])

    def check(self, backup: Path, code: int = 0) -> str:
        return self.natsuin("backup", "check", backup, "--master-key", self.master, code=code)


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path is short enough for that of a socket inside it."""
    return tmp_path_factory.mktemp("s")


@pytest.fixture
def case(fresh_sam: Callable[..., SamProcess], officer: Officer, tmp_path: Path) -> Iterator[Case]:
    sam = fresh_sam()
    sam.stop()
    create_database(sam.config.web.database, name="web")
    database = open_database(sam.config.web.database, name="web")
    upgrade_schema(database, "web")
    database.close()
    made = Case(sam, [officer], tmp_path / "backups")
    said = made.natsuin("officer", "invite", "--config", made.config, "--name", "Second officer")
    sam.start()
    made.officers.append(sam.web.register_officer(said.split("#")[1].split()[0]))
    yield made
    sam.kill()


def test_a_backup_while_signing_holds_everything_and_loses_nothing(case: Case, alice: Signer, short: Path) -> None:
    archive_key(case.sam.web, case.officers)
    received: list[p.Signed] = []
    done = threading.Event()

    def keep_signing() -> None:
        while not done.is_set():
            wanted = digests(1)
            received.append(case.sam.web.sign(case.sam.web.approve(alice, wanted), wanted))

    busy = threading.Thread(target=keep_signing)
    busy.start()
    backup = case.create()
    done.set()
    busy.join()
    assert "2 keys and 2 key archives open" in case.check(backup)
    case.sam.stop()
    target = short / "a"
    case.natsuin(
        "backup", "restore", backup, "--dir", target, "--master-key", case.master,
        "--log", case.sam.config.sam.log_folder,
    )  # fmt: skip
    again = SamProcess(target).start()
    try:
        wanted = digests(1)
        received.append(again.web.sign(again.web.approve(alice, wanted), wanted))
        vkey = again.web.info.log_vkey
        kept = {one.key_id for one in again.web.ask(p.ListKeyArchives()).archives if one.here}
        assert alice.key.key_id in kept
    finally:
        again.stop()
    check_invariants(target / "log", vkey, received)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rotated_log_is_backed_up_and_restored_with_all_its_shards(
    case: Case, alice: Signer, short: Path, when: str
) -> None:
    def sign(sam: SamProcess) -> None:
        wanted = digests(1)
        sam.web.sign(sam.web.approve(alice, wanted), wanted)

    sign(case.sam)
    early = case.create() if when == "before" else None
    case.sam.stop()
    case.natsuin("log", "rotate", "--config", case.config, "--name", "2027")
    case.sam.start()
    sign(case.sam)
    backup = early or case.create()
    case.check(backup)
    sign(case.sam)
    case.sam.stop()
    log = case.sam.config.sam.log_folder
    checkpoint = log / "shards/2027/checkpoint"
    restore = ("backup", "restore", backup, "--master-key", case.master)
    case.natsuin(*restore, "--dir", short / "b", "--newest-checkpoint", checkpoint, code=65)
    case.natsuin(*restore, "--dir", short / "a", "--log", log)
    again = SamProcess(short / "a").start()
    try:
        sign(again)
        again.web.ask(p.Health())
        statement = again.web.ask(p.StateKey(user_id=alice.user_id, key_id=alice.key.key_id)).statement
        report = judge_statement(statement, again.web.info.log_vkey, log=again.config.sam.log_folder)
        assert (report.overall, len(report.uses)) == ("valid", 4), report.as_text("en")
    finally:
        again.stop()


def test_wrong_tries_since_the_backup_stand_after_a_restoration(case: Case, alice: Signer, short: Path) -> None:
    backup = case.create()
    for _ in range(4):
        with pytest.raises(errors.WrongSecret):
            case.sam.web.activate(alice, case.sam.web.instruct(alice, digests(1)), pin="wrong horse 7")
    case.sam.stop()
    log = case.sam.config.sam.log_folder
    restore = ("backup", "restore", backup, "--master-key", case.master)
    case.natsuin(*restore, "--dir", short / "a", "--log", log)
    again = SamProcess(short / "a").start()
    try:
        assert again.web.ask(p.ListKeys(user_id=alice.user_id)).keys[0].pin_tries_left == 6
    finally:
        again.stop()


def test_approvals_open_at_the_backup_are_closed_even_if_the_log_knows_nothing_newer(
    case: Case, alice: Signer, short: Path
) -> None:
    wanted = digests(1)
    sad = case.sam.web.approve(alice, wanted)
    backup = case.create()
    case.sam.stop()
    case.natsuin("backup", "restore", backup, "--dir", short / "a", "--master-key", case.master, "--nothing-newer")
    again = SamProcess(short / "a").start()
    try:
        with pytest.raises(errors.Refused):
            again.web.sign(sad, wanted)
        fresh = digests(1)
        again.web.sign(again.web.approve(alice, fresh), fresh)
    finally:
        again.stop()
    types = [entry["type"] for entry in entries_of(short / "a/log")]
    assert types.count("database-restored") == 1


def test_the_master_key_is_in_no_backup(case: Case) -> None:
    backup = case.create()
    secret = case.master.read_bytes()
    assert not [path for path in backup.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert {path.stat().st_mode & 0o077 for path in (backup, backup / "databases")} == {0}


def test_every_damage_is_found(case: Case) -> None:
    archive_key(case.sam.web, case.officers)
    backup = case.create()
    names = [path for path in sorted(backup.rglob("*")) if path.is_file() and path.name != "manifest.json"]
    assert {"config.toml", "web.sqlite", "sam.sqlite", "checkpoint"} <= {path.name for path in names}
    for path in names:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        whole = path.read_bytes()
        path.write_bytes(content)
        found = examine_files(backup, read_manifest(backup), progress=lambda *_: None)
        assert f"{path.relative_to(backup)} is changed" in found.problems
        path.write_bytes(whole)
    case.natsuin("backup", "check", backup)
    names[0].unlink()
    assert "is missing" in case.natsuin("backup", "check", backup, code=1)


def test_a_forged_manifest_is_found_and_not_restored(case: Case, short: Path) -> None:
    """Whoever can write where backups lie exchanges DB-1 and makes the hashes fit."""
    backup = case.create()
    database = backup / "databases/web.sqlite"
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE mine (a)")
    connection.close()
    write_manifest(backup, msgspec.structs.replace(read_manifest(backup), files=describe(backup)))
    case.natsuin("backup", "check", backup)
    assert "was not made with this master key" in case.check(backup, code=1)
    restore = ("backup", "restore", backup, "--dir", short / "a", "--master-key", case.master)
    assert "not made with this master key" in case.natsuin(*restore, "--nothing-newer", code=65)
    assert not (short / "a").exists()


def test_an_archive_that_was_exchanged_is_found(case: Case, alice: Signer, bob: Signer) -> None:
    first, second = archive_key(case.sam.web, case.officers)
    folder = case.sam.config.sam.archive_folder
    place = folder / f"{first.archive_id}.natsuin-key"
    place.write_bytes((folder / f"{second.archive_id}.natsuin-key").read_bytes())
    backup = case.create()
    assert f"{place.name} holds another archive" in case.check(backup, code=1)
    said = case.natsuin("backup", "rehearse", backup, "--config", case.config, code=1)
    assert "PROBLEM" in said
    told = case.natsuin("backup", "list", case.backups, "--config", case.config)
    assert "never rehearsed" in told
    assert "The last backup was made just now" in told


def test_no_link_or_pipe_has_root_read_wait_or_write_for_others(case: Case, tmp_path: Path) -> None:
    """The attack: whoever took over sam owns its folders, and root makes the backups."""
    folder = case.sam.config.sam.archive_folder
    folder.mkdir(exist_ok=True)
    place = folder / f"{'0123456789abcdef' * 2}.natsuin-key"
    secret = tmp_path / "secret"
    secret.write_text("of root")
    for put in (os.mkfifo, lambda place: place.symlink_to(secret), _write_huge):
        put(place)
        assert "is no key archive" in case.natsuin(*_create(case), "--clear", code=73)
        assert list(case.backups.iterdir()) == []
        place.unlink()
    (case.sam.folder / "backup-made.json.new").symlink_to(secret)
    case.create()
    assert secret.read_text() == "of root"


def _write_huge(place: Path) -> None:
    place.touch()
    os.truncate(place, 1 << 40)


def test_files_that_the_configuration_names_and_no_backup_holds_are_named(case: Case, short: Path) -> None:
    """A stranger restored an installation that takes in keys, and it did not start: the authorities were not there."""
    case.sam.stop()
    with case.config.open("a") as opened:
        opened.write('\n[keys]\nimport_from = "authorities.pem"\n')
    authorities = ImportingAuthority().certificate.public_bytes(Encoding.PEM)
    (case.sam.folder / "authorities.pem").write_bytes(authorities)
    case.sam.start()
    backup = case.create()
    case.sam.stop()
    said = case.natsuin(
        "backup", "restore", backup, "--dir", short / "a", "--master-key", case.master, "--nothing-newer"
    )
    lines = [line.strip() for line in said.split("no backup holds")[1].splitlines() if line.startswith("    ")]
    assert lines[0] == f"keys.import_from: {short / 'a/authorities.pem'}"
    assert lines[1].startswith("natsuin serve")
    (short / "a/authorities.pem").write_bytes(authorities)
    again = SamProcess(short / "a").start()
    again.stop()


def test_restoring_over_something_is_refused(case: Case) -> None:
    backup = case.create()
    before = case.config.read_bytes()
    restore = ("backup", "restore", backup, "--dir", case.sam.folder, "--master-key", case.master, "--nothing-newer")
    assert "not an empty folder" in case.natsuin(*restore, code=73)
    assert case.config.read_bytes() == before


def test_an_encrypted_backup_opens_with_its_identity_only(case: Case, tmp_path: Path) -> None:
    said = case.natsuin("backup", "key", tmp_path / "identity")
    case.natsuin("backup", "key", tmp_path / "identity", code=73)
    wrong = case.natsuin(
        "backup", "check", case.create(), "--identity", case.master, "--master-key", case.master, code=78
    )
    assert "natsuin backup key" in wrong
    case.natsuin("backup", "key", tmp_path / "other")
    create = ("backup", "create", "--config", case.config, "--to", case.backups)
    case.natsuin(*create, code=78)
    case.natsuin(*create, "--recipient", "age1nobody", code=65)
    backup = Path(case.natsuin(*create, "--recipient", said.split("recipient: ")[1].split()[0]).splitlines()[0])
    inside = [path.name for path in backup.iterdir()]
    assert {"config.toml.age", "manifest.json", "log"} <= set(inside)
    assert all(path.suffix == ".age" for path in (backup / "databases").iterdir())
    check = ("backup", "check", backup, "--master-key", case.master)
    case.natsuin(*check, code=78)
    case.natsuin(*check, "--identity", tmp_path / "other", code=65)
    assert "2 keys" in case.natsuin(*check, "--identity", tmp_path / "identity")
    verify_log(backup / "log", case.sam.web.info.log_vkey)


def test_an_interrupted_backup_leaves_none(case: Case) -> None:
    """The log is damaged, so the copy does not verify."""
    case.sam.stop()
    # Earlier widths of the same bundle may still lie there, and are nothing to the newest checkpoint.
    tiles = [file for file in (case.sam.config.sam.log_folder / "tile/entries").rglob("*") if file.is_file()]
    tile = max(tiles, key=lambda file: file.stat().st_size)
    shutil.copy2(tile, case.backups.with_name("saved"))
    tile.write_bytes(b"\0\1x")
    case.natsuin("backup", "create", "--config", case.config, "--to", case.backups, "--clear", code=65)
    assert list(case.backups.iterdir()) == []
    assert not [path for path in case.sam.folder.iterdir() if path.name.startswith(".backup-")]
    assert "There is no backup" in case.natsuin("backup", "list", case.backups)


def test_a_killed_command_leaves_nothing_in_the_clear(case: Case, tmp_path: Path) -> None:
    """Killed with SIGKILL while decrypted copies lie there: they are gone in moments, without another command."""
    case.natsuin("backup", "key", tmp_path / "identity")
    recipient = case.natsuin("backup", "key", tmp_path / "other").partition("recipient: ")[2].split()[0]
    backup = Path(case.natsuin(*_create(case), "--recipient", recipient).splitlines()[0])
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    check = ("backup", "check", backup, "--master-key", case.master, "--identity", tmp_path / "other")
    for words in (check, (*_create(case), "--clear")):
        environment = {"NATSUIN_FAULT_AT": "backup.in_the_clear", "TMPDIR": str(scratch)}
        command = [sys.executable, "-m", "natsuin.cli", *map(str, words)]
        killed = subprocess.run(command, capture_output=True, timeout=240, env={**os.environ, **environment})
        assert killed.returncode == -9
        deadline = time.monotonic() + 60
        while left := [*scratch.iterdir(), *case.sam.folder.glob(".backup-*")]:
            assert time.monotonic() < deadline, left
            time.sleep(0.05)


def _create(case: Case) -> tuple[str | Path, ...]:
    return ("backup", "create", "--config", case.config, "--to", case.backups)


def test_what_a_halt_of_the_host_left_is_removed_by_the_next_command(case: Case) -> None:
    left = case.sam.folder / ".backup-left"
    left.mkdir()
    (left / ".in-use").touch()
    (left / "db2.sqlite").write_bytes(b"in the clear")
    case.natsuin(*_create(case), "--clear")
    assert not left.exists()
