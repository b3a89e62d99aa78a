"""The log's writer is killed at every named place: the next start heals by itself and misses nothing acknowledged."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from conformance.log.go_checker import check_log_with_go
from natsuin.clock import SystemClock
from natsuin.signing_log import FAULT_POINTS, LogKey, LogLocked, Shard, create_log, verify_log, verify_receipt

ORIGIN = "sign.example.jp/log/2026"
SEED = bytes(range(32))

PROGRAM = """
import json, sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from natsuin.clock import SystemClock
from natsuin.signing_log import LogKey, Shard, commit

commit._SETTLE_ENTRIES = 100
base = Path(sys.argv[1])
private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
key = LogKey(private.public_key().public_bytes_raw(), private.sign)
log = Shard.open(base / "log", base / "state", origin="sign.example.jp/log/2026", key=key, clock=SystemClock())
print("open", flush=True)
number = log.size
for count in json.loads(sys.argv[2]):
    receipts = log.add_all([{"n": number + n, "text": "x" * 100} for n in range(count)])
    number += count
    for receipt in receipts:
        print(json.dumps([receipt.index, receipt.tlog_proof()]), flush=True)
    log.publish()
if sys.argv[3:] == ["wait"]:
    sys.stdin.read()
log.close()
"""
COUNTS = [1, 1, 5, 260, 3, 600, 1, 2]


def log_key() -> LogKey:
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    return LogKey(private.public_key().public_bytes_raw(), private.sign)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    create_log(tmp_path / "log", tmp_path / "state", origin=ORIGIN, key=log_key())
    return tmp_path


def open_log(base: Path) -> Shard:
    return Shard.open(base / "log", base / "state", origin=ORIGIN, key=log_key(), clock=SystemClock())


def run(base: Path, counts: list[int], *, fault: str = "") -> tuple[int, dict[int, str]]:
    """Run the writer; give its exit status and the receipts it handed out, by index."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(base), json.dumps(counts)],
        env={**os.environ, "NATSUIN_FAULT_AT": fault},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    # The last line may be cut: what was not received whole was not acknowledged.
    lines = [line for line in done.stdout.split("\n")[:-1] if line.startswith("[")]
    return done.returncode, dict(json.loads(line) for line in lines)


def assert_whole(base: Path, receipts: dict[int, str]) -> None:
    """The log opens, is valid, goes on, and holds every entry of `receipts` at its place, under every one of their
    trees.
    """
    log = open_log(base)
    entries = dict(log.entries())
    for index, text in receipts.items():
        proved = verify_receipt(text, log.vkey)
        assert (proved.index, proved.leaf) == (index, entries[index])
    assert sorted(entries) == list(range(log.size))
    assert log.add({"n": "after"}).index == len(entries)
    checkpoints = {text.partition("\n\n")[2] for text in receipts.values()}
    log.close()
    assert verify_log(base / "log", log.vkey).entries == len(entries) + 1
    newest = receipts[max(receipts)] if receipts else None
    assert check_log_with_go(base / "log", log.vkey, receipt=newest).size == len(entries) + 1
    for checkpoint in checkpoints:
        verify_log(base / "log", log.vkey, since=checkpoint)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("point", FAULT_POINTS)
def test_killed_at_every_point(base, point, times):
    status, receipts = run(base, COUNTS, fault=f"{point}:{times}")
    assert status == -signal.SIGKILL, "the point was not reached"
    assert_whole(base, receipts)


def test_killed_again_while_healing(base):
    run(base, [5, 300], fault="log.after_swap:2")
    for point in (
        "log.before_bundles:1",
        "log.file_written:2",
        "log.after_tiles:2",
        "log.before_publish",
        "log.before_settle",
    ):
        status, _ = run(base, [], fault=point)
        assert status == -signal.SIGKILL, point
    log = open_log(base)
    assert 5 < log.size <= 305
    log.close()
    assert_whole(base, {})


def test_a_power_cut_that_takes_every_file_since_the_last_settling(base):
    """What the operating system had not yet written is gone: the folder is as it was when the writer began."""
    _, first = run(base, [70])
    shutil.copytree(base / "log", base / "settled")
    status, second = run(base, [1, 2, 30, 1, 30, 1, 2], fault="log.after_publish:8")
    assert status == -signal.SIGKILL
    assert len(second) >= 60
    shutil.rmtree(base / "log")
    (base / "settled").rename(base / "log")
    assert_whole(base, {**first, **second})


def test_a_power_cut_that_leaves_empty_files(base):
    _, first = run(base, [70])
    before = {path for path in (base / "log").rglob("*") if path.is_file()} - {base / "log/checkpoint"}
    status, second = run(base, [1, 2, 30, 1, 30, 1, 2], fault="log.after_publish:8")
    assert status == -signal.SIGKILL
    for path in set((base / "log").rglob("*")) - before:
        if path.is_file():
            path.write_bytes(b"")
    assert_whole(base, {**first, **second})


def test_a_second_process_is_refused_until_the_first_is_gone(base):
    first = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(base), "[3]", "wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert first.stdout.readline() == "open\n"
        receipts = dict(json.loads(first.stdout.readline()) for _ in range(3))
        with pytest.raises(LogLocked):
            open_log(base)
    finally:
        first.kill()
        first.communicate()
    assert_whole(base, receipts)
