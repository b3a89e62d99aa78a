"""What the tests of the signing log share."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.clock import FixedClock
from natsuin.signing_log import LogKey, Receipt, Shard, create_log
from natsuin.signing_log.key_chains import Leaf

ORIGIN = "sign.example.jp/log/2026"
SEED = bytes(range(32))


class LogPlace:
    """A log's folder and record, with the key of the published test vectors."""

    def __init__(self, base: Path, *, origin: str = ORIGIN, seed: bytes = SEED) -> None:
        self.folder, self.state = base / "log", base / "log-state.sqlite"
        self.origin = origin
        private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = LogKey(private.public_key().public_bytes_raw(), private.sign)
        self.clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.opened: list[Shard] = []

    def create(self) -> "LogPlace":
        create_log(self.folder, self.state, origin=self.origin, key=self.key)
        return self

    def open(self, **options: object) -> Shard:
        settings = {"origin": self.origin, "key": self.key, "clock": self.clock, **options}
        log = Shard.open(self.folder, self.state, **settings)
        self.opened.append(log)
        return log

    def fill(self, count: int, *, start: int = 0, batch: int = 4000) -> str:
        """Add `count` entries in few commits, close, and give the verifier key."""
        log = self.open()
        for first in range(start, start + count, batch):
            log.add_all([{"n": n} for n in range(first, min(first + batch, start + count))])
        log.close()
        return log.vkey


def add_raw(log: Shard, entries: list[bytes]) -> list[Receipt]:
    """Add entries of any bytes, as published vectors have them, in one commit, and publish them."""
    receipts = log._writer.add_all([Leaf.of(entry) for entry in entries])
    log.publish()
    return receipts


@pytest.fixture
def place(tmp_path: Path) -> Iterator[LogPlace]:
    """A log that was just created, closed. Logs opened through it are closed in the end."""
    made = LogPlace(tmp_path).create()
    yield made
    for log in made.opened:
        log.close()


@pytest.fixture
def new_place(tmp_path: Path) -> LogPlace:
    """Where a log could be created."""
    return LogPlace(tmp_path)


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], dict]:
    """`vectors("name")` reads one file of tests/vectors/log."""
    folder = Path(__file__).parents[2] / "vectors/log"

    def read(name: str) -> dict:
        return json.loads((folder / f"{name}.json").read_text("utf-8"))

    return read


@pytest.fixture(scope="session")
def vector_receipt() -> str:
    """The published receipt of entry 69,999."""
    return (Path(__file__).parents[2] / "vectors/log/own_70000.tlog-proof").read_text("utf-8")
