"""Logs written to disk are byte for byte the published ones."""

import base64
import hashlib

import pytest

from natsuin.signing_log import verify_log, verify_receipt
from unit.signing_log.conftest import LogPlace, add_raw


def test_seventy_thousand_entries(vectors, vector_receipt, place):
    own = vectors("own_70000")
    log = place.open()
    receipts = []
    for first in range(0, 70_000, 3500):
        receipts = add_raw(log, [b"entry-%d" % n for n in range(first, first + 3500)])
    log.close()
    assert log.vkey == own["vkey"]
    assert (place.folder / "checkpoint").read_text() == own["checkpoints"]["70000"].rpartition("— witness")[0]
    assert receipts[-1].proof == log_proof(vector_receipt)
    assert verify_receipt(receipts[-1].tlog_proof(), own["vkey"]).leaf == b"entry-69999"
    for name, facts in own["files"].items():
        content = (place.folder / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (facts["size"], facts["sha256"]), name
    report = verify_log(place.folder, own["vkey"])
    assert (report.entries, report.bundles, report.tiles) == (70_000, own["bundles"], own["hash_tiles"])
    assert base64.b64encode(report.root).decode() == own["roots"]["70000"]
    assert all((place.folder / name).exists() for name in own["partial"])


def log_proof(text: str) -> tuple[bytes, ...]:
    return tuple(base64.b64decode(line) for line in text.partition("\n\n")[0].split("\n")[2:])


def test_the_small_log(vectors, place):
    own = vectors("own_70000")
    log = place.open()
    for size in (1, 2, 3):
        add_raw(log, [b"entry-%d" % (size - 1)])
        assert own["checkpoints"].get(str(size), log.checkpoint) == log.checkpoint
        assert own["roots"][str(size)] in log.checkpoint
    for name, content in own["small_files"].items():
        assert (place.folder / name).read_bytes() == bytes.fromhex(content)


@pytest.fixture
def tessera_place(vectors, tmp_path) -> LogPlace:
    case = vectors("tessera")
    seed = base64.b64decode(case["signer"].split("+", 4)[4])[1:]
    return LogPlace(tmp_path, origin=case["origin"], seed=seed).create()


def test_the_log_of_tessera(vectors, tessera_place):
    case = vectors("tessera")
    log = tessera_place.open()
    assert log.vkey == case["vkey"]
    notes = {"0": log.checkpoint}
    for size, entry in enumerate(case["entries"], 1):
        add_raw(log, [entry.encode()])
        notes[str(size)] = log.checkpoint
    for size, root in case["roots"].items():
        assert notes[size].split("\n")[2] == root
    for size, line in case["signatures"].items():
        assert notes[size].endswith(f"\n\n{line}\n")
    for name, content in case["bundles"].items():
        assert (tessera_place.folder / name).read_bytes() == bytes.fromhex(content)
    log.close()
    assert verify_log(tessera_place.folder, case["vkey"]).entries == 15
