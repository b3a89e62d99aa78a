"""What must hold after any fault: everything a client received is in the log, and nothing was signed twice."""

import base64
import hashlib
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from natsuin.sam.protocol import Signed
from natsuin.signing_log import verify_log, verify_receipt
from natsuin.signing_log.writer import PUBLISH_SECONDS

_LONGEST_WAIT_SECONDS = 20.0


def entries_of(folder: Path) -> list[dict[str, Any]]:
    """Every entry of a log folder, when what was added so far is published."""
    _wait_for_quiet(folder / "checkpoint", time.monotonic() + _LONGEST_WAIT_SECONDS)
    return _entries(folder)


def _entries(folder: Path) -> list[dict[str, Any]]:
    """Read from the bundles by nothing but their format (C2SP tlog-tiles)."""
    size = _size(folder)
    entries: list[dict[str, Any]] = []
    for number in range(-(-size // 256)):
        width = min(256, size - 256 * number)
        name = folder / "tile" / "entries" / f"{number:03d}"
        data = (name if width == 256 else name.with_name(f"{number:03d}.p") / str(width)).read_bytes()
        while data:
            length = int.from_bytes(data[:2], "big")
            entries.append(msgspec.json.decode(data[2 : 2 + length]))
            data = data[2 + length :]
    assert len(entries) == size
    return entries


def check_invariants(folder: Path, vkey: str, received: Iterable[Signed]) -> list[dict[str, Any]]:
    """INV1 to INV5 of the test plan. Answers with the entries.

    The folder of a running log follows its record a tenth of a second later, so it is waited for.
    """
    received = list(received)
    sizes = [verify_receipt(signed.receipt, vkey).size for signed in received]
    ends = time.monotonic() + _LONGEST_WAIT_SECONDS
    while True:
        _wait_for_quiet(folder / "checkpoint", ends)
        try:
            assert max(sizes, default=0) <= _size(folder), "every receipt's entries are published"
            return _check(folder, vkey, received)
        except AssertionError:
            # What is wrong in a log that only grows stays wrong; what was only late has come by then.
            if time.monotonic() >= ends:
                raise


def _wait_for_quiet(checkpoint: Path, ends: float) -> None:
    """Return when nothing new was published for three times as long as publishing may take."""
    seen, since = b"", time.monotonic()
    while time.monotonic() < min(since + 3 * PUBLISH_SECONDS, ends):
        if (content := checkpoint.read_bytes()) != seen:
            seen, since = content, time.monotonic()
        time.sleep(PUBLISH_SECONDS / 4)


def _size(folder: Path) -> int:
    return int((folder / "checkpoint").read_text().split("\n")[1])


def _check(folder: Path, vkey: str, received: Iterable[Signed]) -> list[dict[str, Any]]:
    verify_log(folder, vkey)
    entries = _entries(folder)
    intents = {entry["tx"]: index for index, entry in enumerate(entries) if entry["type"] == "intent"}
    outcomes = [entry for entry in entries if entry["type"] == "outcome"]
    assert Counter(entry["tx"] for entry in outcomes) == Counter(intents.keys()), "each intent has exactly one outcome"
    for entry in outcomes:
        assert entry["intent"] == intents[entry["tx"]]
    logged = [name for entry in outcomes for name in entry.get("signatures", ())]
    assert len(logged) == len(set(logged)), "no signature was logged twice"
    for signed in received:
        verified = verify_receipt(signed.receipt, vkey)
        leaf = msgspec.json.decode(verified.leaf)
        assert leaf == entries[verified.index]
        assert leaf["result"] == "signed"
        assert leaf["signatures"] == [_name(value) for value in signed.signatures]
    return entries


def _name(signature: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(signature).digest()).rstrip(b"=").decode()
