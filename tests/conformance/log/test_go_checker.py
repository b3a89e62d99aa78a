"""Go's own library accepts the logs that are written here, and refuses what was tampered with."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from conformance.log.go_checker import GoRefused, check_log_with_go
from natsuin.clock import SystemClock
from natsuin.errors import Refused
from natsuin.signing_log import LogKey, Receipt, Shard, create_log, verify_log
from rigs.two_shards import write_two_shards

ORIGIN = "sign.example.jp/log/2026"


class Written:
    """A log of `size` entries in commits of different sizes, with what was handed out on the way."""

    def __init__(self, base: Path, size: int) -> None:
        private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        key = LogKey(private.public_key().public_bytes_raw(), private.sign)
        self.folder = base / "log"
        create_log(self.folder, base / "state", origin=ORIGIN, key=key)
        log = Shard.open(self.folder, base / "state", origin=ORIGIN, key=key, clock=SystemClock())
        self.vkey = log.vkey
        self.receipts: list[Receipt] = []
        for first, count in self.commits(size):
            self.receipts += log.add_all([{"n": n, "text": "署名" * (n % 9)} for n in range(first, first + count)])
        log.close()

    def commits(self, size: int) -> list[tuple[int, int]]:
        commits, first = [], 0
        while first < size:
            count = min(size - first, (1, 2, 255, 256, 700, 3000)[len(commits) % 6])
            commits.append((first, count))
            first += count
        return commits


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 600])
def test_small_logs(tmp_path, size):
    log = Written(tmp_path, size)
    report = check_log_with_go(log.folder, log.vkey)
    ours = verify_log(log.folder, log.vkey)
    assert (report.size, report.tiles) == (size, ours.tiles)
    assert base64.b64decode(report.root) == ours.root
    for receipt in log.receipts[:: max(1, size // 10)]:
        check_log_with_go(log.folder, log.vkey, receipt=receipt.tlog_proof(), old=receipt.checkpoint)


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Written:
    return Written(tmp_path_factory.mktemp("large"), 66_000)


def test_a_log_of_three_levels(large):
    assert check_log_with_go(large.folder, large.vkey).tiles == verify_log(large.folder, large.vkey).tiles
    for index in (0, 1, 255, 256, 30_000, 65_535, 65_536, 65_999):
        receipt = large.receipts[index]
        check_log_with_go(large.folder, large.vkey, receipt=receipt.tlog_proof(), old=receipt.checkpoint)


TAMPERED = ("tile/entries/100", "tile/entries/257.p/208", "tile/0/100", "tile/1/000", "tile/1/001.p/1", "checkpoint")


@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_is_found_by_both(large, name):
    path = large.folder / name
    honest = path.read_bytes()
    try:
        path.write_bytes(honest[:30] + bytes([honest[30] ^ 1]) + honest[31:])
        with pytest.raises(GoRefused):
            check_log_with_go(large.folder, large.vkey)
        with pytest.raises(Refused):
            verify_log(large.folder, large.vkey)
        path.unlink()
        with pytest.raises(GoRefused):
            check_log_with_go(large.folder, large.vkey)
    finally:
        path.write_bytes(honest)


def test_wrong_receipts_are_found_by_go(large):
    receipt = large.receipts[1000].tlog_proof()
    other = large.receipts[1001].tlog_proof()
    entry = other.split("\n")[1]
    for changed in (receipt.replace("index 1000", "index 1001"), receipt.replace(receipt.split("\n")[1], entry)):
        assert changed != receipt
        with pytest.raises(GoRefused, match="receipt"):
            check_log_with_go(large.folder, large.vkey, receipt=changed)


def test_another_history_is_found_by_go(large, tmp_path):
    fork = Written(tmp_path, 3)
    other = SigningLogFork(tmp_path / "fork")
    with pytest.raises(GoRefused, match="older checkpoint"):
        check_log_with_go(fork.folder, fork.vkey, old=other.checkpoint)


class SigningLogFork:
    """A second history under the same key: what only the key's owner could make."""

    def __init__(self, base: Path) -> None:
        base.mkdir()
        private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        key = LogKey(private.public_key().public_bytes_raw(), private.sign)
        create_log(base / "log", base / "state", origin=ORIGIN, key=key)
        log = Shard.open(base / "log", base / "state", origin=ORIGIN, key=key, clock=SystemClock())
        self.checkpoint = log.add({"n": "another history"}).checkpoint
        log.close()


def test_shards_that_belong_together_and_their_witnesses(tmp_path):
    shards = write_two_shards(tmp_path / "one", first=3, second=300, witnesses=3)
    keys, newest = shards.vkeys, shards.witnesses
    report = check_log_with_go(shards.folder, keys[0], witnesses=newest)
    assert (report.size, report.shards) == (303, 2)
    assert check_log_with_go(shards.newest, keys[1], witnesses=newest[:1]).shards == 1
    checkpoint = shards.newest / "checkpoint"
    lines = checkpoint.read_text().split("\n")
    checkpoint.write_text("\n".join([*lines[:6], lines[7], ""]))
    assert check_log_with_go(shards.folder, keys[0], witnesses=newest, quorum=2).size == 303
    with pytest.raises(GoRefused, match="2 witnesses cosigned instead of 3"):
        check_log_with_go(shards.folder, keys[0], witnesses=newest)
    (line, position) = (lines[7], 60)
    forged = line[:position] + ("A" if line[position] != "A" else "B") + line[position + 1 :]
    checkpoint.write_text("\n".join([*lines[:6], forged, ""]))
    with pytest.raises(GoRefused, match="signature"):
        check_log_with_go(shards.folder, keys[0], witnesses=newest, quorum=1)


def test_a_shard_of_another_log_does_not_go_on_here(tmp_path):
    """Both under the same keys: only what the shards say of each other differs."""
    shards = write_two_shards(tmp_path / "one", first=3, second=9)
    other = write_two_shards(tmp_path / "two", first=4, second=9)
    assert other.vkeys == shards.vkeys
    shards.newest.rename(tmp_path / "away")
    with pytest.raises(GoRefused, match="2027"):
        check_log_with_go(shards.folder, shards.vkeys[0])
    other.newest.rename(shards.newest)
    with pytest.raises(GoRefused, match="does not go on"):
        check_log_with_go(shards.folder, shards.vkeys[0])
