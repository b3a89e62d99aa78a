"""Who checks a log, evidence or a statement can ask for a quorum of witnesses, with every tool there is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.clock import SystemClock
from natsuin.signing_log import (
    LogKey,
    Shard,
    WholeLog,
    cosign,
    create_log,
    make_verifier_key,
    parse_note,
    state_from_files,
    with_cosignatures,
)
from natsuin.validation import check_statement
from natsuin.validation.check_evidence import NoteKey, Verdict, open_checkpoint, read_evidence

TIME = 1767225600
KEY_ID = "ab" * 16


def key_of(seed: bytes) -> LogKey:
    private = Ed25519PrivateKey.from_private_bytes(seed * 32)
    return LogKey(private.public_key().public_bytes_raw(), private.sign)


@pytest.fixture
def witnessed(tmp_path: Path) -> tuple[Path, str, list[str]]:
    """A log whose checkpoint two of three witnesses cosigned: its folder, its key, and the witnesses' keys."""
    folder, key = tmp_path / "log", key_of(b"l")
    create_log(folder, tmp_path / "state", origin="log.example", key=key)
    log = Shard.open(folder, tmp_path / "state", origin="log.example", key=key, clock=SystemClock())
    log.add_all([{"key": KEY_ID, "n": n, "type": "t", "time": n} for n in range(3)])
    log.close()
    note = (folder / "checkpoint").read_text()
    text = parse_note(note.encode()).text
    made = [cosign(text, f"w{n}.example", key_of(b"%d" % n), seconds=TIME + n) for n in range(3)]
    (folder / "checkpoint").write_text(with_cosignatures(note, made[:2]))
    return folder, str(make_verifier_key("log.example", key.public)), [str(each.witness) for each in made]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


def verify(place: tuple[Path, str, list[str]], witnesses: list[str], *more: str) -> "subprocess.CompletedProcess[str]":
    named = [part for each in witnesses for part in ("--witness", each)]
    return run("-m", "natsuin.cli", "log", "verify", str(place[0]), "--vkey", place[1], *named, *more)


def test_the_command_asks_for_a_quorum_and_says_who_and_when(witnessed):
    keys = witnessed[2]
    assert verify(witnessed, []).returncode == 0
    done = verify(witnessed, keys, "--quorum", "2")
    assert done.returncode == 0
    assert "cosigned by w0.example at 2026-01-01 00:00:00Z" in done.stdout
    assert "w2.example" not in done.stdout
    told = json.loads(verify(witnessed, keys[:2], "--json").stdout)
    assert told["cosigned"] == [{"name": f"w{n}.example", "time": TIME + n} for n in range(2)]
    for few in (verify(witnessed, keys), verify(witnessed, keys[2:]), verify(witnessed, keys, "--quorum", "3")):
        assert few.returncode == 2
        assert "must have" in few.stderr
    assert verify(witnessed, keys, "--quorum", "4").returncode == 2
    assert verify(witnessed, [keys[0], keys[0]], "--quorum", "2").returncode == 2
    assert verify(witnessed, [witnessed[1]]).returncode == 2


def test_a_forged_cosignature_makes_the_log_invalid_for_who_asks(witnessed):
    folder = witnessed[0]
    head, _, line = (folder / "checkpoint").read_text()[:-1].rpartition(" ")
    place = 30
    forged = line[:place] + ("A" if line[place] != "A" else "B") + line[place + 1 :]
    (folder / "checkpoint").write_text(f"{head} {forged}\n")
    assert verify(witnessed, witnessed[2][:1]).returncode == 0
    assert verify(witnessed, witnessed[2][:2], "--quorum", "1").returncode == 1


def test_the_stand_alone_checkers_count_as_the_command_does(witnessed, tmp_path: Path):
    folder, vkey, keys = witnessed
    note = (folder / "checkpoint").read_text()
    log, witnesses = NoteKey.parse(vkey), [NoteKey.parse(each) for each in keys]
    times: dict[str, int] = {}
    assert open_checkpoint(note, log, witnesses, 2, times)[0] == 3
    assert times == {"w0.example": TIME, "w1.example": TIME + 1}
    for quorum in (3, None):
        with pytest.raises(Verdict, match="checkpoint_unwitnessed"):
            open_checkpoint(note, log, witnesses, quorum)
    for wrong, quorum in (([vkey], None), ([keys[0], keys[0]], None), (keys, 4), (keys, 0)):
        with pytest.raises(ValueError, match=r"witness"):
            read_evidence(b"{}", vkey, [], witnesses=wrong, quorum=quorum)

    with WholeLog.open(folder, vkey) as public:
        (tmp_path / "statement.json").write_bytes(state_from_files(public, KEY_ID))
    copied = tmp_path / "check_statement.py"
    copied.write_bytes(Path(str(check_statement.__file__)).read_bytes())
    named = [part for each in keys for part in ("--witness", each)]
    command = [str(copied), str(tmp_path / "statement.json"), "--vkey", vkey, "--json", *named]
    line = {each["name"]: each for each in json.loads(run(*command, "--quorum", "2").stdout)["lines"]}["witnesses"]
    assert line["status"] == "good"
    assert "w0.example (2026-01-01 00:00:00Z); w1.example" in line["text_en"]
    line = {each["name"]: each for each in json.loads(run(*command).stdout)["lines"]}["witnesses"]
    assert line["status"] == "unknown"
    assert run(*command, "--quorum", "4").returncode == 2


def test_proofs_and_copies_carry_the_cosignatures_on(witnessed, tmp_path: Path):
    folder, vkey, _ = witnessed
    done = run("-m", "natsuin.cli", "log", "prove", str(folder), "--vkey", vkey, "--index", "1")
    assert done.stdout.endswith((folder / "checkpoint").read_text())
    assert done.stdout.count("— w") == 2
