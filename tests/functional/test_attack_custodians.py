"""Fewer custodians than are needed, with whatever they add of their own, get no master key."""

import contextlib
import dataclasses
import hashlib
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from shamir_mnemonic import Share, generate_mnemonics

from natsuin.key_backup import SharesRefused
from natsuin.key_backup.custodians import combine, threshold_of
from rigs.sam_process import SamProcess


def natsuin(*words: str, typed: str = "", fault: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "natsuin.cli", *words]
    environment = {**os.environ, "NATSUIN_FAULT_AT": fault} if fault else None
    return subprocess.run(command, input=typed, capture_output=True, text=True, check=False, env=environment)


def ceremony(
    sam: SamProcess, kind: str, folder: Path, typed: str = "", *, threshold: int = 2, fault: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run one, to be killed at `fault`; its shares go to `folder`."""
    folder.mkdir(exist_ok=True)
    wishes = [word for name in ("Takahashi", "Suzuki", "Sato") for word in ("--custodian", name)]
    plan = folder / f"{kind}.toml"
    plan.write_text(
        natsuin("ceremony", "plan", "--kind", kind, *wishes, "--threshold", str(threshold)).stdout.replace(
            "Write why.", "a test"
        )
    )
    words = ["--plan-sha256", hashlib.sha256(plan.read_bytes()).hexdigest()]
    words += ["--shares-to", str(folder), "--transcript-to", str(folder)]
    config = str(sam.folder / "config.toml")
    return natsuin("ceremony", "run", "--config", config, str(plan), *words, typed=typed, fault=fault)


def shares(folder: Path) -> list[str]:
    texts = [file.read_text() for file in sorted(folder.glob("share-*.txt"))]
    return [" ".join(re.findall(r"^ ?\d+ ([a-z]+)$", text, re.MULTILINE)) for text in texts]


def forged(genuine: str) -> list[str]:
    """Shares that somebody makes who has one: of its set, with its checksum, and another value or number."""
    share = Share.from_mnemonic(genuine)
    values = (secrets.token_bytes(len(share.value)), bytes(len(share.value)), share.value)
    other = (share.index + 1) % 3
    return [dataclasses.replace(share, index=other, value=value).mnemonic() for value in values]


def test_a_minority_gets_nothing_with_forged_older_or_foreign_shares(
    fresh_sam: Callable[..., SamProcess], tmp_path: Path
) -> None:
    sam = fresh_sam()
    sam.stop()
    assert ceremony(sam, "split", tmp_path / "older").returncode == 0
    assert ceremony(sam, "split", tmp_path / "newer").returncode == 0
    older, newer = shares(tmp_path / "older"), shares(tmp_path / "newer")
    key_file = sam.config.sam.master_key_file
    before = key_file.read_bytes()
    key_file.unlink()
    own = generate_mnemonics(1, [(2, 3)], secrets.token_bytes(32))[0]
    minorities = [
        [newer[0], newer[0]],
        [newer[0], older[1]],
        *([newer[0], other] for other in forged(newer[0])),
        [newer[0], own[1]],
        own[:2],
    ]
    for minority in minorities:
        done = ceremony(sam, "recover", tmp_path / "recover", "\n".join(minority) + "\n")
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        assert not key_file.exists()
    done = ceremony(sam, "recover", tmp_path / "recover", "\n".join(newer[1:]) + "\n")
    assert done.returncode == 0, done.stderr
    assert key_file.read_bytes() == before
    # After a change of the key, a majority of the older set has a key that opens nothing here.
    assert ceremony(sam, "rotate", tmp_path / "rotated", "\n".join(newer[1:]) + "\n").returncode == 0
    key_file.unlink()
    done = ceremony(sam, "recover", tmp_path / "recover", "\n".join(newer[1:]) + "\n")
    assert done.returncode != 0
    assert not key_file.exists()
    done = ceremony(sam, "recover", tmp_path / "recover", "\n".join(shares(tmp_path / "rotated")[:2]) + "\n")
    assert done.returncode == 0, done.stderr


def typing(*words: str) -> str:
    return "".join(f"{share}\n" for share in words)


def key_files(sam: SamProcess) -> dict[str, bytes]:
    """The master key's file and whatever a rotation leaves beside it."""
    file = sam.config.sam.master_key_file
    return {path.name: path.read_bytes() for path in file.parent.glob("master.key*")}


def test_a_rotation_wants_the_custodians_of_the_present_key(
    fresh_sam: Callable[..., SamProcess], tmp_path: Path
) -> None:
    sam = fresh_sam()
    sam.stop()
    # Nobody has shares of the key that `natsuin init` made: its rotation makes the first that custodians have.
    assert ceremony(sam, "rotate", tmp_path / "first").returncode == 0
    first, before = shares(tmp_path / "first"), key_files(sam)
    own = generate_mnemonics(1, [(2, 3)], secrets.token_bytes(32))[0]
    refused = [(), first[:1], [first[0], first[0]], [first[0], forged(first[0])[0]], own[:2]]
    for minority in refused:
        done = ceremony(sam, "rotate", tmp_path / "none", typing(*minority))
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        assert key_files(sam) == before
    assert "another master key than the present one" in done.stderr
    # One that was killed goes on under the same custodians alone.
    killed = ceremony(sam, "rotate", tmp_path / "second", typing(*first[1:]), fault="rotation.after_batch:1")
    assert killed.returncode == -9
    half = key_files(sam)
    assert half["master.key"] == before["master.key"]
    assert "master.key.next" in half
    for minority in (first[:1], own[:2]):
        assert ceremony(sam, "rotate", tmp_path / "none", typing(*minority)).returncode != 0
        assert key_files(sam) == half
    done = ceremony(sam, "rotate", tmp_path / "second", typing(*first[1:]))
    assert done.returncode == 0, done.stderr
    after = key_files(sam)
    assert after == {"master.key": half["master.key.next"]}
    # Shares of the older key are worth nothing from then on.
    assert ceremony(sam, "rotate", tmp_path / "none", typing(*first[:2])).returncode != 0
    assert key_files(sam) == after
    assert shares(tmp_path / "none") == []


def test_with_too_few_custodians_a_split_comes_first(fresh_sam: Callable[..., SamProcess], tmp_path: Path) -> None:
    """And how many shares a rotation asks for is the present set's number, not that of the new one."""
    sam = fresh_sam()
    sam.stop()
    assert ceremony(sam, "split", tmp_path / "lost").returncode == 0
    assert ceremony(sam, "split", tmp_path / "anew", threshold=3).returncode == 0
    anew, before = shares(tmp_path / "anew"), key_files(sam)
    assert ceremony(sam, "rotate", tmp_path / "rotated", typing(*anew[:2])).returncode != 0
    assert key_files(sam) == before
    done = ceremony(sam, "rotate", tmp_path / "rotated", typing(*anew))
    assert done.returncode == 0, done.stderr
    assert key_files(sam) != before
    (transcript,) = (tmp_path / "rotated").glob("ceremony-*.txt")
    assert "shares gave the master key that is replaced" in transcript.read_text()
    assert not any(share in done.stdout + done.stderr for share in anew)


def test_a_claim_that_fewer_are_needed_gives_nothing() -> None:
    """A share rewritten so that it says that one is enough gives its own value at most, never the key."""
    master = secrets.token_bytes(32)
    (genuine,) = generate_mnemonics(1, [(2, 3)], master)
    lowered = dataclasses.replace(Share.from_mnemonic(genuine[0]), member_threshold=1).mnemonic()
    assert threshold_of(lowered) == 1
    assert threshold_of(genuine[0]) == 2
    assert combine(genuine[:2]).secret == master
    with contextlib.suppress(SharesRefused):
        assert combine([lowered]).secret != master
    for few in (genuine[:1], [genuine[0], lowered]):
        with pytest.raises(SharesRefused):
            combine(few)
