"""Statements made to harm whoever checks them: their memory, their time, their terminal."""

import json
import os
import tracemalloc
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.signing_log import LogKey, make_verifier_key
from natsuin.signing_log.checkpoints import Checkpoint, sign_checkpoint
from natsuin.signing_log.merkle import leaf_hash
from natsuin.validation.check_statement import FORMAT, is_statement, judge_statement, main

VKEY = str(make_verifier_key("log.example", bytes(32)))
HEAD = f'{{"format":"{FORMAT}","key":"k","checkpoint":"x","entries":'.encode()
BOMBS = {
    "empty objects": HEAD + b"[" + b"{}," * 2_000_000 + b"1]}",
    "empty lists": HEAD + b"[" + b"[]," * 2_000_000 + b"1]}",
    "small texts": HEAD + b"[" + b'"ab",' * 2_000_000 + b"1]}",
    "names": HEAD + b"{" + b'"":0,' * 2_000_000 + b'"":1}}',
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_a_small_file_does_not_become_a_large_one_in_memory(content: bytes) -> None:
    tracemalloc.start()
    try:
        assert not is_statement(content)
        with pytest.raises(ValueError, match="form"):
            judge_statement(content, VKEY)
        assert tracemalloc.get_traced_memory()[1] < len(content)
    finally:
        tracemalloc.stop()


def test_a_forged_statement_cannot_speak_to_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Anybody can make a log with a key of their own, and name it as they like; the trusted log's checkpoint is
    public."""
    trusted, forged = (Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)) for seed in (1, 2))
    name = "\x9b2J\u202e\u2066ok"
    keys = [LogKey(each.public_key().public_bytes_raw(), each.sign) for each in (trusted, forged)]
    vkeys = [
        str(make_verifier_key(origin, key.public)) for origin, key in zip(("log.example", name), keys, strict=True)
    ]
    content = json.dumps(
        {"type": "rotated", "vkey": vkeys[1]}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    entry = {"index": 0, "entry": content, "proof": []}
    root = leaf_hash(content.encode())
    notes = [
        sign_checkpoint(Checkpoint(origin, 1, root), key)
        for origin, key in zip(("log.example", name), keys, strict=True)
    ]
    told = {
        "format": FORMAT,
        "key": name,
        "checkpoint": notes[1],
        "entries": [],
        "earlier": [{"checkpoint": notes[0], "entries": [], "vkey": vkeys[0], "last": entry, "next": entry}],
    }
    (tmp_path / "file").write_text(json.dumps(told))
    for more in ([], ["--json"], ["--lang", "ja"]):
        assert main([str(tmp_path / "file"), "--vkey", vkeys[0], *more]) == 1
        printed = capsys.readouterr().out
        assert all(letter.isprintable() or letter == "\n" for letter in printed), ascii(printed)
    assert "202e" in printed


@pytest.mark.parametrize(
    "member",
    ['"key":"\\ud800"', '"key":["k"]', '"entries":[{"index":1e400}]', '"checkpoint":"\\ud800\\n"', '"earlier":{"a":1}'],
)
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_odd_values_end_in_words(member: str, more: list[str], tmp_path: Path) -> None:
    told = {"format": FORMAT, "key": "k", "checkpoint": "x", "entries": []}
    content = json.dumps(told)[:-1] + "," + member + "}"
    for text in (content, "{" + f'"format":"{FORMAT}",' + member + "}"):
        (tmp_path / "file").write_text(text)
        assert main([str(tmp_path / "file"), "--vkey", VKEY, *more]) in (1, 2)


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
    key = LogKey(private.public_key().public_bytes_raw(), private.sign)
    note = sign_checkpoint(Checkpoint("log.example", 1, bytes(32)), key)
    told = {"format": FORMAT, "key": "k", "checkpoint": note, "entries": []}
    os.mkfifo(tmp_path / "checkpoint")
    vkey = str(make_verifier_key("log.example", key.public))
    report = judge_statement(json.dumps(told).encode(), vkey, log=tmp_path)
    assert {line.name: line.code for line in report.lines}["log"] == "log_missing"
