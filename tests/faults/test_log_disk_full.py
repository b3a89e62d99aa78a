"""The disk fills up while the log is written: nothing is acknowledged that is not there, and space makes it go on."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.clock import SystemClock
from natsuin.errors import NatsuinError, StorageFailed
from natsuin.signing_log import LogKey, Receipt, Shard, create_log, verify_log, verify_receipt

ORIGIN = "sign.example.jp/log/2026"


def log_key() -> LogKey:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    return LogKey(private.public_key().public_bytes_raw(), private.sign)


def open_log(folder: Path, state: Path, told: list[NatsuinError]) -> Shard:
    return Shard.open(folder, state, origin=ORIGIN, key=log_key(), clock=SystemClock(), on_fatal=told.append)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 512 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("Only root may mount a small disk; the limit on file sizes is tested without it.")
    yield disk
    subprocess.run(["umount", disk], check=True)


def write_until_it_fails(log: Shard) -> list[Receipt]:
    receipts = []
    for n in range(2000):
        try:
            receipts += log.add_all([{"n": n, "text": "x" * 500, "part": part} for part in range(3)])
            log.publish()
        except StorageFailed:
            assert receipts
            return receipts
    pytest.fail("The disk never filled up.")


def assert_all_there(log: Shard, receipts: list[Receipt]) -> None:
    entries = dict(log.entries())
    for receipt in receipts:
        verify_receipt(receipt.tlog_proof(), log.vkey)
        assert entries[receipt.index] == receipt.leaf


def write_while_it_is_full(folder: Path, state: Path) -> list[Receipt]:
    """Open again and again: it says that the disk is full when opened or at an entry, and never pretends."""
    receipts = []
    for n in range(200):
        try:
            log = open_log(folder, state, [])
        except StorageFailed:
            return receipts
        try:
            receipts.append(log.add({"n": n, "text": "x" * 5000}))
        except StorageFailed:
            return receipts
        finally:
            log.close()
    pytest.fail("The full disk took everything.")


@pytest.mark.parametrize("full", ["log", "state"])
def test_a_full_disk(small_disk, tmp_path, full):
    folder = (small_disk if full == "log" else tmp_path) / "log"
    state = (small_disk if full == "state" else tmp_path) / "state"
    create_log(folder, state, origin=ORIGIN, key=log_key())
    told: list[NatsuinError] = []
    log = open_log(folder, state, told)
    receipts = write_until_it_fails(log)
    assert [type(error) for error in told] == [StorageFailed]
    if full == "log":
        assert "the disk is full" in told[0].message
    with pytest.raises(StorageFailed):
        log.add({"n": "refused"})
    log.close()
    receipts += write_while_it_is_full(folder, state)
    subprocess.run(["mount", "-o", "remount,size=16m", small_disk], check=True)
    log = open_log(folder, state, told)
    assert_all_there(log, receipts)
    assert log.add({"n": "after"}).index == log.size - 1
    log.close()
    assert verify_log(folder, log.vkey).entries == log.size


PROGRAM = """
import resource, sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from test_log_disk_full import open_log, write_until_it_fails
told = []
log = open_log(Path(sys.argv[1]), Path(sys.argv[2]), told)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
receipts = write_until_it_fails(log)
assert len(told) == 1
log.close()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
for receipt in receipts:
    print(receipt.leaf.decode())
"""


@pytest.mark.parametrize("limit", [20_000, 60_000])
def test_a_file_that_may_not_grow(tmp_path, limit):
    """A limit on the size of files, which needs no rights: it strikes bundles or the record, whichever is larger."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    folder, state = tmp_path / "log", tmp_path / "state"
    create_log(folder, state, origin=ORIGIN, key=log_key())
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder, state, Path(__file__).parent, str(limit)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    acknowledged = done.stdout.split("\n")[:-1]
    assert acknowledged
    log = open_log(folder, state, [])
    entries = [entry.decode() for _, entry in log.entries()]
    assert entries[: len(acknowledged)] == acknowledged
    log.add({"n": "after"})
    log.close()
    assert verify_log(folder, log.vkey).entries == len(entries) + 1
