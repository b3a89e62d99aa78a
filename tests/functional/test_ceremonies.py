"""Ceremonies of the master key, through the command: split, recover, rotate, and a rotation that is killed."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from natsuin import errors
from natsuin.key_management import MasterKey, ProviderLayer
from natsuin.key_management.keys import key_binding
from natsuin.storage import open_database
from rigs.invariants import check_invariants, entries_of
from rigs.sam_process import SamProcess
from rigs.web_side import Signer, digests

NAMES = ("山田 太郎", "Suzuki", "Sato")


def natsuin(*words: str, typed: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "natsuin.cli", *words],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def plan(folder: Path, kind: str) -> tuple[Path, str]:
    wishes = [word for name in NAMES for word in ("--custodian", name)]
    printed = natsuin("ceremony", "plan", "--kind", kind, *wishes).stdout
    file = folder / f"{kind}.toml"
    file.write_text(printed.replace("Write why.", "yearly change"))
    import hashlib

    return file, hashlib.sha256(file.read_bytes()).hexdigest()


def run(sam: SamProcess, kind: str, typed: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    folder = sam.folder / "ceremony"
    folder.mkdir(exist_ok=True)
    file, digest = plan(folder, kind)
    config = str(sam.folder / "config.toml")
    words = ["--plan-sha256", digest, "--shares-to", str(folder), "--transcript-to", str(folder)]
    return natsuin("ceremony", "run", "--config", config, str(file), *words, typed=typed, **environment)


def shares(sam: SamProcess) -> list[str]:
    """The newest set of shares that a ceremony wrote, in order."""
    files = sorted((sam.folder / "ceremony").glob("share-*.txt"), key=lambda file: (file.stat().st_mtime_ns, file.name))
    texts = [file.read_text() for file in files[-len(NAMES) :]]
    return [" ".join(re.findall(r"^ ?\d+ ([a-z]+)$", text, re.MULTILINE)) for text in texts]


def sign(sam: SamProcess, signer: Signer) -> None:
    web, wanted = sam.web, digests(1)
    received = [web.sign(web.approve(signer, wanted), wanted)]
    check_invariants(sam.config.sam.log_folder, web.info.log_vkey, received)


def test_split_and_recover(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    sam = fresh_sam()
    refused = run(sam, "split")
    assert refused.returncode != 0
    assert "sam is running" in refused.stderr
    assert "Stop" in refused.stderr
    assert list((sam.folder / "ceremony").glob("share-*")) == [], "shares without an entry in the log"
    sam.stop()
    done = run(sam, "split")
    assert done.returncode == 0, done.stderr
    kept = shares(sam)
    assert [len(words.split()) for words in kept] == [33, 33, 33]
    assert all(file.stat().st_mode & 0o077 == 0 for file in (sam.folder / "ceremony").glob("share-*.txt"))

    key_file = sam.config.sam.master_key_file
    before = key_file.read_bytes()
    key_file.unlink()
    minority = run(sam, "recover", typed=f"{kept[0]}\n{kept[0]}\n")
    assert minority.returncode != 0
    assert not key_file.exists()
    done = run(sam, "recover", typed=f"not a share\n{kept[2]}\n{kept[0]}\n")
    assert done.returncode == 0, done.stderr
    assert key_file.read_bytes() == before
    assert key_file.stat().st_mode & 0o777 == 0o600
    sam.start()
    sign(sam, alice)
    told = [entry for entry in entries_of(sam.config.sam.log_folder) if entry["type"] == "ceremony"]
    assert [entry["kind"] for entry in told] == ["split", "recover"]
    transcripts = [file.read_text() for file in (sam.folder / "ceremony").glob("ceremony-*.txt")]
    assert len(transcripts) == 2
    for text in transcripts:
        assert all(name in text for name in NAMES)
        assert not any(words in text for words in kept)


def test_a_share_that_was_shown_is_in_the_log(fresh_sam: Callable[..., SamProcess]) -> None:
    """Whoever breaks off with the first share on the screen has it."""
    sam = fresh_sam()
    sam.stop()
    file, digest = plan(sam.folder, "split")
    words = ("ceremony", "run", "--config", str(sam.folder / "config.toml"), str(file), "--plan-sha256", digest)
    broken_off = natsuin(*words, "--transcript-to", str(sam.folder), typed="\n")
    assert broken_off.returncode != 0
    assert re.search(r"33 [a-z]{4,}", broken_off.stdout)
    told = [entry for entry in entries_of(sam.config.sam.log_folder) if entry["type"] == "ceremony"]
    assert [(entry["kind"], entry["plan_sha256"]) for entry in told] == [("split", digest)]


@pytest.mark.parametrize("option", ["--shares-to", "--transcript-to"])
def test_a_folder_that_takes_no_files_costs_no_key(fresh_sam: Callable[..., SamProcess], option: str) -> None:
    """A rotation whose shares could not be written left a new master key without any."""
    sam = fresh_sam()
    sam.stop()
    file, digest = plan(sam.folder, "rotate")
    before = sam.config.sam.master_key_file.read_bytes()
    places = {"--shares-to": str(sam.folder), "--transcript-to": str(sam.folder), option: "/proc"}
    words = ("ceremony", "run", "--config", str(sam.folder / "config.toml"), str(file), "--plan-sha256", digest)
    refused = natsuin(*words, *(word for place in places.items() for word in place))
    assert refused.returncode != 0
    assert "Nothing was done" in refused.stderr
    assert sam.config.sam.master_key_file.read_bytes() == before


def test_rotation_puts_everything_under_the_new_key(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    sam = fresh_sam()
    wanted = digests(2)
    sad = sam.web.approve(alice, wanted)
    first = sam.web.sign(sad, wanted[:1])
    sam.stop()
    key_file = sam.config.sam.master_key_file
    old = MasterKey(key_file.read_bytes())
    done = run(sam, "rotate")
    assert done.returncode == 0, done.stderr
    new = MasterKey(key_file.read_bytes())
    assert new.secret != old.secret
    assert not key_file.with_name("master.key.next").exists()
    row = key_row(sam, alice)
    with pytest.raises(errors.Tampered):
        ProviderLayer.from_master(old).open(row["key_blob"], key_binding(row))
    ProviderLayer.from_master(new).open(row["key_blob"], key_binding(row))
    # Opening sam for the shares tells of the rotation; the end of the ceremony does not tell of it again.
    assert [entry["kind"] for entry in entries_of(sam.folder / "log") if entry["type"] == "ceremony"] == ["rotate"]
    sam.start()
    # An approval from before is still good for what it approved, and what was answered is answered again.
    assert sam.web.sign(sad, wanted[:1]) == first
    sam.web.sign(sad, wanted[1:])
    sign(sam, alice)
    sam.stop()
    key_file.write_bytes(old.secret)
    refused = natsuin("sam", "--config", str(sam.folder / "config.toml"))
    assert refused.returncode != 0
    assert "does not belong to this database" in refused.stderr
    key_file.unlink()
    done = run(sam, "recover", typed="\n".join(shares(sam)[1:]) + "\n")
    assert done.returncode == 0, done.stderr
    sam.start()
    sign(sam, alice)


@pytest.mark.parametrize("batch", [1, 3, 6])
def test_a_killed_rotation_goes_on(fresh_sam: Callable[..., SamProcess], alice: Signer, batch: int) -> None:
    sam = fresh_sam()
    sign(sam, alice)
    sam.stop()
    killed = run(sam, "rotate", NATSUIN_FAULT_AT=f"rotation.after_batch:{batch}")
    assert killed.returncode == -9
    refused = natsuin("sam", "--config", str(sam.folder / "config.toml"))
    assert refused.returncode != 0
    assert "not finished" in refused.stderr
    # A backup of both halves would open with neither key.
    words = ("backup", "create", "--config", str(sam.folder / "config.toml"), "--to", str(sam.folder / "b"), "--clear")
    refused = natsuin(*words)
    assert refused.returncode != 0
    assert "not finished" in refused.stderr
    assert not (sam.folder / "b").exists()
    done = run(sam, "rotate")
    assert done.returncode == 0, done.stderr
    sam.start()
    sign(sam, alice)


@pytest.mark.parametrize("point", ["rotation.after_replace", "rotation.told"])
def test_a_rotation_killed_at_its_end_is_told_once(
    fresh_sam: Callable[..., SamProcess], alice: Signer, point: str
) -> None:
    sam = fresh_sam()
    sam.stop()
    assert run(sam, "rotate", NATSUIN_FAULT_AT=point).returncode == -9
    for _ in range(2):
        sam.start()
        sign(sam, alice)
        sam.stop()
        told = [entry for entry in entries_of(sam.folder / "log") if entry["type"] == "ceremony"]
        assert [entry["kind"] for entry in told] == ["rotate"]
    assert sorted(file.name for file in sam.config.sam.master_key_file.parent.glob("master.key*")) == ["master.key"]


def test_a_master_key_is_whole_or_not_there(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    """Killed while a key's file is written, a ceremony goes on; half a key would stop it, and sam, for good."""
    sam = fresh_sam()
    sam.stop()
    assert run(sam, "rotate", NATSUIN_FAULT_AT="rotation.key_written").returncode == -9
    key_file = sam.config.sam.master_key_file
    assert not key_file.with_name("master.key.next").exists()
    done = run(sam, "rotate")
    assert done.returncode == 0, done.stderr
    kept, whole = shares(sam), key_file.read_bytes()
    key_file.unlink()
    typed = f"{kept[0]}\n{kept[2]}\n"
    assert run(sam, "recover", typed=typed, NATSUIN_FAULT_AT="rotation.key_written").returncode == -9
    assert not key_file.exists()
    done = run(sam, "recover", typed=typed)
    assert done.returncode == 0, done.stderr
    assert key_file.read_bytes() == whole
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in key_file.parent.glob("master.key*")] == ["master.key"]
    sam.start()
    sign(sam, alice)


def test_a_rotation_is_not_carried_out_twice_at_once(fresh_sam: Callable[..., SamProcess]) -> None:
    sam = fresh_sam()
    refused = run(sam, "rotate")
    assert refused.returncode != 0
    assert "Stop the service" in refused.stderr
    sam.stop()
    assert run(sam, "rotate", NATSUIN_FAULT_AT="rotation.after_batch:1").returncode == -9
    following = sam.config.sam.master_key_file.with_name("master.key.next")
    with following.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = run(sam, "rotate")
    assert refused.returncode != 0
    assert "going on already" in refused.stderr
    assert run(sam, "rotate").returncode == 0


def test_a_start_that_is_overtaken_by_a_rotation_is_refused(fresh_sam: Callable[..., SamProcess]) -> None:
    """sam has looked for a rotation, and not yet taken the log, when the rotation begins."""
    sam = fresh_sam()
    sam.stop()
    key_file = sam.config.sam.master_key_file
    content = key_file.read_bytes()
    key_file.unlink()
    os.mkfifo(key_file, 0o600)
    words = [sys.executable, "-m", "natsuin.cli", "sam", "--config", str(sam.folder / "config.toml")]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as starting:
        # Opening to write waits for who reads: sam, at the place that is to be tried.
        with key_file.open("wb") as given:
            key_file.with_name("master.key.next").write_bytes(bytes(32))
            given.write(content)
        try:
            _, told = starting.communicate(timeout=60)
        finally:
            starting.kill()
    assert starting.returncode != 0
    assert "a change of the master key is not finished" in told


def test_a_row_changed_outside_stops_a_rotation(fresh_sam: Callable[..., SamProcess], alice: Signer) -> None:
    sam = fresh_sam()
    sam.stop()
    sam.sql("UPDATE signing_key SET state = 'suspended' WHERE key_id = ?", alice.key.key_id)
    refused = run(sam, "rotate")
    assert refused.returncode != 0
    assert "signing_key" in refused.stderr


def test_another_plan_is_not_run(fresh_sam: Callable[..., SamProcess]) -> None:
    sam = fresh_sam()
    sam.stop()
    file, _ = plan(sam.folder, "rotate")
    before = shutil.copy(sam.config.sam.master_key_file, sam.folder / "before")
    config = str(sam.folder / "config.toml")
    done = natsuin("ceremony", "run", "--config", config, str(file), typed="00000000\n")
    assert done.returncode != 0
    assert "not the plan" in done.stderr
    assert sam.config.sam.master_key_file.read_bytes() == Path(before).read_bytes()


def key_row(sam: SamProcess, signer: Signer) -> dict[str, object]:
    import sqlalchemy as sa

    from natsuin.key_management import signing_key

    database = open_database(sam.config.sam.database, name="sam")
    with database.read() as connection:
        query = sa.select(signing_key).where(signing_key.c.key_id == signer.key.key_id)
        row = dict(connection.execute(query).mappings().one())
    database.close()
    return row
