"""Proofs that anybody makes from the public files, in the library and with `natsuin log prove`; searching the log."""

import json
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

import pytest
from click.testing import CliRunner

from natsuin.cli.log import log
from natsuin.errors import NotFound, Refused
from natsuin.signing_log import (
    LogDamaged,
    PublicLog,
    UntrustedNote,
    commitment_to,
    disclose,
    open_checkpoint,
    parse_verifier_key,
    verify_consistency,
    verify_receipt,
)
from unit.signing_log.conftest import add_raw

SIZES = [1, 2, 3, 255, 256, 257, 600, 1000]


@pytest.fixture
def run():
    return lambda *arguments: CliRunner().invoke(log, list(map(str, arguments)))


@pytest.fixture
def history(place) -> tuple[str, list[str]]:
    """The log of 1,000 entries: its key, and its checkpoints at SIZES."""
    notes, vkey = [], ""
    for before, after in zip([0, *SIZES], SIZES, strict=False):
        vkey = place.fill(after - before, start=before)
        notes.append((place.folder / "checkpoint").read_text())
    return vkey, notes


def test_every_receipt_verifies_under_every_checkpoint(place, history):
    vkey, notes = history
    for note, size in zip(notes, SIZES, strict=True):
        with PublicLog(place.folder, vkey, checkpoint=note) as opened:
            assert opened.size == size
            for index in {0, size // 2, size - 1}:
                found = verify_receipt(opened.receipt(index).tlog_proof(), vkey)
                assert (found.index, found.size, json.loads(found.leaf)) == (index, size, {"n": index})
            with pytest.raises(NotFound):
                opened.receipt(size)


def test_every_two_checkpoints_are_consistent(place, history):
    vkey, notes = history
    key = parse_verifier_key(vkey)
    for number, newer in enumerate(notes):
        with PublicLog(place.folder, vkey, checkpoint=newer) as opened:
            for older in notes[: number + 1]:
                found, old = opened.consistency(older), open_checkpoint(older, key)
                new = open_checkpoint(found.new, key)
                assert (found.old, found.size) == (old.size, new.size)
                verify_consistency(old.size, new.size, old.root, new_root=new.root, proof=found.proof)
            for later in notes[number + 1 :]:
                with pytest.raises(LogDamaged):
                    opened.consistency(later)


def test_another_history_has_no_proof(place, history, tmp_path):
    from natsuin.signing_log.checkpoints import Checkpoint, sign_checkpoint

    vkey, _ = history
    fork = sign_checkpoint(Checkpoint(place.origin, 500, sha256(b"fork").digest()), place.key)
    with PublicLog(place.folder, vkey) as opened:
        with pytest.raises(LogDamaged, match="rewritten"):
            opened.consistency(fork)
        with pytest.raises(UntrustedNote):
            opened.consistency(fork.replace("\n500\n", "\n499\n"))
        assert list(opened.entries(998)) == [(998, b'{"n":998}'), (999, b'{"n":999}')]


def test_the_command_makes_receipts(place, history, run, tmp_path):
    vkey, _ = history
    result = run("prove", place.folder, "--vkey", vkey, "--index", 700, "--out", tmp_path / "proof")
    assert (result.exit_code, result.stdout) == (0, "")
    assert verify_receipt((tmp_path / "proof").read_text(), vkey).index == 700
    told = json.loads(run("prove", place.folder, "--vkey", vkey, "--index", 700, "--json").stdout)
    assert (told["index"], told["size"], told["entry"]) == (700, 1000, '{"n":700}')
    assert run("prove", place.folder, "--vkey", vkey, "--index", 1000).exit_code == 2
    assert run("prove", place.folder, "--vkey", vkey).exit_code == 2


def test_the_command_makes_consistency_proofs(place, history, run, tmp_path):
    vkey, notes = history
    (tmp_path / "old").write_text(notes[2])
    (tmp_path / "new").write_text(notes[6])
    result = run("prove", place.folder, "--vkey", vkey, "--old", tmp_path / "old", "--new", tmp_path / "new")
    head, _, checkpoint = result.stdout.partition("\n\n")
    first, *hashes = head.split("\n")
    assert (first, checkpoint) == ("old 3", notes[6])
    key = parse_verifier_key(vkey)
    old, new = open_checkpoint(notes[2], key), open_checkpoint(notes[6], key)
    verify_consistency(3, 600, old.root, new_root=new.root, proof=[b64decode(each) for each in hashes])
    told = json.loads(run("prove", place.folder, "--vkey", vkey, "--old", tmp_path / "old", "--json").stdout)
    assert (told["old"], told["size"]) == (3, 1000)
    backwards = run("prove", place.folder, "--vkey", vkey, "--old", tmp_path / "new", "--new", tmp_path / "old")
    assert (backwards.exit_code, backwards.stdout) == (1, "")
    (tmp_path / "junk").write_text("nonsense")
    for name in ("--old", "--new"):
        arguments = {"--old": tmp_path / "old", "--new": tmp_path / "new"} | {name: tmp_path / "junk"}
        given = [part for pair in arguments.items() for part in pair]
        assert run("prove", place.folder, "--vkey", vkey, *given).exit_code == 2


def test_a_damaged_log_proves_nothing(place, history, run):
    vkey, _ = history
    path = place.folder / "tile/entries/002"
    path.write_bytes(path.read_bytes()[:-1] + b"~")
    assert run("prove", place.folder, "--vkey", vkey, "--index", 700).exit_code == 1
    result = run("find", place.folder, "--vkey", vkey)
    assert result.exit_code == 1
    with PublicLog(place.folder, vkey) as opened, pytest.raises(Refused):
        opened.receipt(700)


SALT = bytes(range(32))
FIELDS = '{"instruction":"i-7","record_sha256":"RECORD","user":"u-1"}'


@pytest.fixture
def signing(place, tmp_path) -> str:
    """A log about two keys, one intent of which can be opened; its key."""
    record = json.dumps({"digests": ["AAAA", "BBBB"]})
    fields = FIELDS.replace("RECORD", sha256(record.encode()).hexdigest())
    tx = "0123456789abcdef0123456789abcdef"
    committed = {"tx": tx, "commitment": commitment_to(tx, SALT, fields.encode())}
    opened = place.open()
    entries: list[dict[str, object]] = [
        {"v": 1, "type": "boot", "time": 1_767_225_600_000, "tx": "a"},
        {
            "v": 1,
            "type": "intent",
            "time": 1_767_229_200_000,
            "key": "k1",
            **committed,
        },
        {"v": 1, "type": "outcome", "time": 1_767_229_201_000, "key": "k1"},
        {"v": 1, "type": "outcome", "time": 1_767_312_000_000, "key": "k2"},
        {"v": 1, "type": "\x1b[31mred", "time": -1, "key": "k3"},
        {"time": "never", "key": ["no"]},
    ]
    add_raw(opened, [json.dumps(entry).encode() for entry in entries])
    opened.close()
    evidence = {"record": record, "uses": [{"opening": disclose(tx, SALT, fields.encode())}]}
    (tmp_path / "openings").write_text(json.dumps(evidence))
    return opened.vkey


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([], [0, 1, 2, 3, 4, 5]),
        (["--key", "k1"], [1, 2]),
        (["--type", "outcome"], [2, 3]),
        (["--type", "outcome", "--key", "k2"], [3]),
        (["--tx", "a"], [0]),
        (["--after", "2026-01-01T01:00:00"], [1, 2, 3]),
        (["--after", "2026-01-01T10:00:00+0900"], [1, 2, 3]),
        (["--before", "2026-01-01T01:00:00"], [0, 4]),
        (["--after", "2026-01-01T00:30:00", "--before", "2026-01-02"], [1, 2]),
        (["--instruction", "i-7", "--openings", "FILE"], [1]),
        (["--instruction", "i-8", "--openings", "FILE"], []),
        (["--digest", "BBBB", "--openings", "FILE"], [1]),
        (["--digest", "CCCC", "--openings", "FILE"], []),
    ],
)
def test_what_is_found(place, signing, run, tmp_path, wanted, found):
    named = [str(tmp_path / "openings") if each == "FILE" else each for each in wanted]
    result = run("find", place.folder, "--vkey", signing, "--json", *named)
    assert result.exit_code == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["index"] for line in lines] == found
    if "--openings" in wanted and found:
        assert lines[0]["opened"]["user"] == "u-1"


def test_an_opening_that_was_changed_opens_nothing(place, signing, run, tmp_path):
    text = (tmp_path / "openings").read_text()
    (tmp_path / "openings").write_text(text.replace("i-7", "i-9"))
    arguments = ("find", place.folder, "--vkey", signing, "--json", "--openings", tmp_path / "openings")
    assert run(*arguments, "--instruction", "i-9").stdout == ""


def test_a_salt_that_was_made_longer_opens_nothing(place, signing, run, tmp_path):
    """HMAC takes a key and the same key with a zero byte after it for one."""
    evidence = json.loads((tmp_path / "openings").read_text())
    field = evidence["uses"][0]["opening"]["fields"]["instruction"]
    field["salt"] = urlsafe_b64encode(urlsafe_b64decode(field["salt"] + "=") + b"\0").decode().rstrip("=")
    (tmp_path / "openings").write_text(json.dumps(evidence))
    arguments = ("find", place.folder, "--vkey", signing, "--json", "--openings", tmp_path / "openings")
    result = run(*arguments, "--instruction", "i-7")
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_hostile_entry_cannot_play_with_the_terminal(place, signing, run):
    assert "\x1b" not in run("find", place.folder, "--vkey", signing).stdout


@pytest.mark.parametrize("content", ["nonsense", "[" * 100_000, "\xff", '{"tx":"!","fields":{}}'])
def test_openings_that_cannot_be_used(place, signing, run, tmp_path, content):
    (tmp_path / "openings").write_text(content, "latin-1")
    result = run("find", place.folder, "--vkey", signing, "--openings", tmp_path / "openings")
    assert (result.exit_code, result.stdout) == (2, "")
    assert isinstance(result.exception, SystemExit)
