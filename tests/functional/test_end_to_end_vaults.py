"""`natsuin demo --vault ...`: the whole main job in each kind of token."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from natsuin.cli.demo.tokens import KINDS
from natsuin.config import load
from rigs.invariants import entries_of

NSS = ("CKA_LOCAL", "wraps-unextractable", "copies-with-CKA_EXTRACTABLE", "copies-with-CKA_DECRYPT")


@pytest.mark.parametrize("kind", KINDS)
def test_the_demonstration_signs_with_a_key_in_a_token(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "d"
    command = [sys.executable, "-m", "natsuin.cli", "demo", "--vault", kind, "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"vault pkcs11: {kind}" in done.stdout
    evidence = json.loads((folder / "evidence.json").read_text())
    assert evidence["key"]["backend"] == "pkcs11"
    entries = entries_of(load(folder / "config.toml").sam.log_folder)
    assert {entry["backend"] for entry in entries if entry["type"] in {"genesis", "boot", "key-created"}} == {"pkcs11"}
    weak = {tuple(entry["token"]["weaknesses"]) for entry in entries if entry["type"] == "boot"}
    assert weak == ({()} if kind == "softhsm2" else {NSS})
