"""The statement of a key: complete, or found out. Made by the log's own code, judged by the program that has none."""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from natsuin import base64url
from natsuin.errors import NotFound
from natsuin.signing_log import ChainBroken, WholeLog, state_from_files, state_key
from natsuin.signing_log.merkle import leaf_hash
from natsuin.validation import check_statement as program
from natsuin.validation.check_statement import StatementReport, judge_statement
from unit.signing_log.conftest import LogPlace, add_raw

KEY = "ab" * 16
OTHER = "cd" * 16
TIME = 1_800_000_000_000


def use(number: int, key: str = KEY, *, count: int = 1) -> dict[str, Any]:
    return {"type": "intent", "time": TIME + number, "key": key, "tx": f"tx{number}", "count": count}


def outcome(number: int, intent: int, key: str = KEY, **changed: object) -> dict[str, Any]:
    told = {"type": "outcome", "time": TIME + number, "key": key, "tx": f"tx{number}", "intent": intent}
    return {**told, "result": "signed", "signatures": ["s"], **changed}


@pytest.fixture
def place(tmp_path: Path) -> LogPlace:
    """A log of some hundred entries: two keys that were used in turn, and other events."""
    made = LogPlace(tmp_path).create()
    log = made.open()
    log.add_all([{"type": "key-created", "time": TIME, "key": key} for key in (KEY, OTHER)])
    for number in range(3):
        log.add_all([{"type": "other", "n": n} for n in range(100)])
        for key in (OTHER, KEY):
            intent = log.add(use(number, key)).index
            log.add(outcome(number, intent, key))
    log.add({"type": "key-stated", "time": TIME + 99, "key": KEY})
    log.add({"type": "other"})
    log.close()
    return made


@pytest.fixture
def vkey(place: LogPlace) -> str:
    log = place.open()
    log.close()
    return log.vkey


@pytest.fixture
def statement(place: LogPlace, vkey: str) -> dict[str, Any]:
    with WholeLog.open(place.folder, vkey) as log:
        return dict(json.loads(state_from_files(log, KEY)))


def judged(statement: dict[str, Any], vkey: str, log: Path | None = None) -> StatementReport:
    return judge_statement(json.dumps(statement).encode(), vkey, log=log)


def codes(report: StatementReport) -> dict[str, str]:
    return {line.name: line.code for line in report.lines}


def test_a_whole_statement_holds(statement: dict[str, Any], vkey: str, place: LogPlace) -> None:
    report = judged(statement, vkey)
    assert report.overall == "valid"
    assert [line.status for line in report.lines] == ["good"] * 5 + ["absent"]
    assert len(report.uses) == 3
    whole = judged(statement, vkey, place.folder)
    assert [line.status for line in whole.lines] == ["good"] * 6
    assert "すべて" in whole.as_text("ja")
    assert json.loads(whole.as_json())["overall"] == "valid"


@pytest.mark.parametrize("hidden", range(8))
def test_a_hidden_entry_is_found(statement: dict[str, Any], vkey: str, hidden: int) -> None:
    del statement["entries"][hidden]
    report = judged(statement, vkey)
    assert report.overall != "valid"
    if hidden < 7:
        assert codes(report)["chain"] == "chain_gap"
    else:
        assert codes(report)["end"] == "end_open"


def test_a_hidden_tail_is_found_with_the_log(statement: dict[str, Any], vkey: str, place: LogPlace) -> None:
    statement["entries"] = statement["entries"][:3]
    assert codes(judged(statement, vkey, place.folder))["log"] == "log_more"


def test_somebody_elses_entries_are_found(statement: dict[str, Any], place: LogPlace, vkey: str) -> None:
    with WholeLog.open(place.folder, vkey) as log:
        others = json.loads(state_from_files(log, OTHER))["entries"]
    statement["entries"][1:3] = others[1:3]
    assert codes(judged(statement, vkey))["chain"] == "chain_other"


def test_exchanged_entries_are_found(statement: dict[str, Any], vkey: str) -> None:
    entries = statement["entries"]
    entries[1], entries[2] = entries[2], entries[1]
    assert judged(statement, vkey).overall == "not_valid"


def rewritten(statement: dict[str, Any], place: int, change: Callable[[dict[str, Any]], None]) -> None:
    told = json.loads(statement["entries"][place]["entry"])
    change(told)
    statement["entries"][place]["entry"] = json.dumps(told, sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize("name", ["key", "key_number", "key_previous", "type", "time", "tx", "intent", "signatures"])
def test_a_changed_entry_is_not_in_the_log(statement: dict[str, Any], vkey: str, name: str) -> None:
    rewritten(statement, 2, lambda told: told.update({name: "changed"}))
    assert codes(judged(statement, vkey))["inclusion"] == "inclusion_wrong"


@pytest.mark.parametrize(
    "damage",
    [
        lambda told: told["entries"][3].update(index=told["entries"][3]["index"] + 1),
        lambda told: told["entries"][3].update(index=10**9),
        lambda told: told["entries"][3]["proof"].reverse(),
        lambda told: told["entries"][3]["proof"].pop(),
        lambda told: told["entries"][3]["proof"].append(told["entries"][3]["proof"][0]),
        lambda told: told.update(checkpoint=told["checkpoint"].replace("\n3", "\n4", 1)),
        lambda told: told.update(checkpoint=told["checkpoint"].replace("sign.example", "evil.example", 1)),
        lambda told: told.update(key=OTHER),
        lambda told: told.update(entries=[]),
    ],
)
def test_any_other_change_is_found(
    statement: dict[str, Any], vkey: str, damage: Callable[[dict[str, Any]], None]
) -> None:
    before = json.dumps(statement)
    damage(statement)
    assert json.dumps(statement) != before
    assert judged(statement, vkey).overall == "not_valid"


def test_another_logs_key_opens_nothing(statement: dict[str, Any], tmp_path: Path) -> None:
    other = LogPlace(tmp_path / "other", seed=bytes(32))
    (tmp_path / "other").mkdir()
    log = other.create().open()
    log.close()
    report = judged(statement, log.vkey)
    assert codes(report)["checkpoint"] == "checkpoint_unsigned"
    assert report.overall == "not_valid"


def test_uses_must_be_announced_and_reported(place: LogPlace, vkey: str) -> None:
    """What the log's own code would never write, signed by the log all the same."""
    log = place.open()
    log.add(use(7, count=2))
    log.add({"type": "key-stated", "time": TIME, "key": KEY})
    log.publish()
    with WholeLog.open(place.folder, vkey) as public:
        open_use = json.loads(state_from_files(public, KEY))
    assert codes(judged(open_use, vkey))["uses"] == "use_open"
    log.add(outcome(7, 1, signatures=["a", "b"]))
    log.publish()
    with WholeLog.open(place.folder, vkey) as public:
        other_intent = json.loads(state_from_files(public, KEY))
    assert codes(judged(other_intent, vkey))["uses"] == "use_unannounced"


def test_more_signatures_than_announced_are_found(place: LogPlace, vkey: str) -> None:
    log = place.open()
    intent = log.add(use(7)).index
    log.add(outcome(7, intent, signatures=["a", "b"]))
    log.publish()
    with WholeLog.open(place.folder, vkey) as public:
        told = json.loads(state_from_files(public, KEY))
    assert codes(judged(told, vkey))["uses"] == "use_count"


def test_a_second_chain_is_found_in_the_log(place: LogPlace, vkey: str) -> None:
    """A writer that hides a use by beginning a second chain: the statement alone cannot see it, the log shows it."""
    log = place.open()
    log._writer._committer._chains = type(log._writer._committer._chains)(lambda _: None)
    log.add(use(7))
    log.publish()
    log.close()
    with WholeLog.open(place.folder, vkey) as public:
        indices = [i for i, content in public.entries() if json.loads(content).get("key") == KEY]
        told = json.loads(state_key(KEY, public, indices[:-1]))
    assert judged(told, vkey).overall == "valid"
    assert codes(judged(told, vkey, place.folder))["log"] == "log_more"


def raw_entries(place: LogPlace, *contents: bytes) -> None:
    """Put any bytes into the log, as a writer could whose code was changed."""
    add_raw(place.open(), list(contents))


@pytest.mark.parametrize(
    "hidden",
    [
        b'{"key" :"%s","type":"intent"}' % KEY.encode(),
        b'\xef\xbb\xbf{"key":"%s","type":"intent"}' % KEY.encode(),
        b'{"key":"%s","type":"intent","n":1.5}' % KEY.encode(),
        b'{"key":"other","key":"%s"}' % KEY.encode(),
        b'{"key":"%s","n":%s}' % (KEY.encode(), b"[" * 20_000 + b"]" * 20_000),
        b'{"key":"%s"}' % "".join(f"\\u{ord(letter):04x}" for letter in KEY).encode(),
    ],
)
def test_a_use_that_hides_in_other_bytes_is_found_in_the_log(
    place: LogPlace, statement: dict[str, Any], vkey: str, hidden: bytes
) -> None:
    """Entries that say the same in bytes that are not canonical. (The evidence of such a use is good nowhere.)"""
    raw_entries(place, hidden)
    line = next(line for line in judged(statement, vkey, place.folder).lines if line.name == "log")
    assert line.status != "good"


def test_a_statement_holds_no_entry_in_other_bytes(place: LogPlace, statement: dict[str, Any], vkey: str) -> None:
    last = json.loads(statement["entries"][-1]["entry"])
    previous = base64url.encode(leaf_hash(statement["entries"][-1]["entry"].encode()))
    again = {**last, "key_number": last["key_number"] + 1, "key_previous": previous}
    raw_entries(place, json.dumps(again).encode())
    with WholeLog.open(place.folder, vkey) as log:
        receipt = log.receipt(log.size - 1)
        told = json.loads(state_key(KEY, log, [entry["index"] for entry in statement["entries"]]))
    proof = [base64.b64encode(each).decode() for each in receipt.proof]
    told["entries"].append({"index": receipt.index, "entry": receipt.leaf.decode(), "proof": proof})
    report = judged(told, vkey)
    assert codes(report)["inclusion"] == "inclusion"
    assert codes(report)["chain"] == "malformed"


def test_what_follows_the_statement_in_the_log_is_told(place: LogPlace, statement: dict[str, Any], vkey: str) -> None:
    """A statement that was closed for the future is no excuse for what came after it."""
    log = place.open()
    log.add(outcome(9, log.add(use(9)).index))
    log.publish()
    assert judged(statement, vkey).overall == "valid"
    report = judged(statement, vkey, place.folder)
    assert (report.overall, codes(report)["log"]) == ("cannot_tell", "log_later")


def test_times_that_fall_are_told(place: LogPlace, vkey: str) -> None:
    log = place.open()
    log.add({"type": "key-stated", "time": TIME - 3_600_000, "key": KEY})
    log.publish()
    with WholeLog.open(place.folder, vkey) as public:
        report = judged(json.loads(state_from_files(public, KEY)), vkey)
    assert (report.overall, codes(report)["chain"]) == ("cannot_tell", "chain_time")


def test_an_older_copy_of_the_log_cannot_tell_unless_it_contradicts(
    place: LogPlace, statement: dict[str, Any], vkey: str, tmp_path: Path
) -> None:
    copy = tmp_path / "older"
    shutil.copytree(place.folder, copy)
    log = place.open()
    log.add({"type": "key-stated", "time": TIME + 100, "key": KEY})
    log.publish()
    with WholeLog.open(place.folder, vkey) as public:
        newer = json.loads(state_from_files(public, KEY))
    report = judged(newer, vkey, copy)
    assert (report.overall, codes(report)["log"]) == ("cannot_tell", "log_older")
    hidden = newer | {"entries": newer["entries"][1:]}
    assert codes(judged(hidden, vkey, copy))["log"] == "log_more"


@pytest.mark.parametrize("key", ["x\x1b[2J\n[ok] no entry is missing\n=> VALID\x1b[8m", "\u202eid", "a\x00b"])
def test_a_hostile_name_rules_no_terminal(statement: dict[str, Any], vkey: str, key: str) -> None:
    statement["key"] = key
    told = judged(statement, vkey).as_text("en")
    assert all(letter.isprintable() for letter in told.replace("\n", ""))
    assert "\n=> VALID" not in told


def test_a_statement_about_an_unknown_key_is_not_made(place: LogPlace, vkey: str) -> None:
    with WholeLog.open(place.folder, vkey) as public, pytest.raises(NotFound):
        state_from_files(public, "ef" * 16)


def test_a_broken_chain_is_not_stated(place: LogPlace, vkey: str) -> None:
    with WholeLog.open(place.folder, vkey) as public:
        places = [place for place, content in public.entries() if json.loads(content).get("key") == KEY]
        with pytest.raises(ChainBroken):
            state_key(KEY, public, places[1:])


@pytest.mark.parametrize("file", ["000", "001.p"])
def test_a_damaged_copy_is_found(
    statement: dict[str, Any], vkey: str, place: LogPlace, tmp_path: Path, file: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(place.folder, copy)
    target = copy / "tile" / "entries" / file
    if target.is_dir():
        shutil.rmtree(target)
        assert codes(judged(statement, vkey, copy))["log"] == "log_missing"
        return
    content = bytearray(target.read_bytes())
    content[40] ^= 1
    target.write_bytes(content)
    assert codes(judged(statement, vkey, copy))["log"] in ("log_other", "log_damaged", "log_differs")
    target.write_bytes(content[:100])
    assert codes(judged(statement, vkey, copy))["log"] == "log_damaged"


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format":"natsuin-key-statement/v1"}',
        b'{"format":"natsuin-key-statement/v1","key":1,"checkpoint":"","entries":[]}',
        b'{"format":"natsuin-key-statement/v1","key":"","checkpoint":"","entries":[1]}',
        b'{"format":"natsuin-key-statement/v1","key":"","checkpoint":"","entries":[{"index":1e9}]}',
        b'{"format":"natsuin-key-statement/v1","key":"","checkpoint":"","entries":[{"index":true,"entry":"","proof":[]}]}',
        b'{"format":"natsuin-key-statement/v2"}',
        b'{"format":"a","format":"a"}',
    ],
)
def test_junk_is_no_statement(junk: bytes, vkey: str) -> None:
    with pytest.raises(ValueError, match="statement"):
        judge_statement(junk, vkey)


@pytest.mark.parametrize("bad", ["", "a+b", "a+b+c", "a+00000000+AAAA", "sign+00000000+" + "A" * 44])
def test_a_bad_verifier_key_is_named(statement: dict[str, Any], bad: str) -> None:
    with pytest.raises(ValueError, match=r"verifier key|padding|base64"):
        judged(statement, bad)


def test_the_file_alone_suffices(statement: dict[str, Any], vkey: str, place: LogPlace, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    script = shutil.copy(program.__file__, alone)
    (alone / "statement.json").write_text(json.dumps(statement))
    (alone / "log.vkey").write_text(vkey + "\n")
    shutil.copytree(place.folder, alone / "log")
    code = "import runpy, sys; sys.modules['natsuin'] = None; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    given = ["statement.json", "--vkey", "log.vkey", "--log", "log", "--lang", "ja"]
    command = [sys.executable, "-I", "-c", code, str(script), *given]
    done = subprocess.run(command, cwd=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "有効" in done.stdout
    del statement["entries"][4]
    (alone / "statement.json").write_text(json.dumps(statement))
    done = subprocess.run(command, cwd=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "無効" in done.stdout
