"""Every system call of the log's writer is the last one, or fails: nothing that was acknowledged is lost, no two
histories are signed, and the next start goes on.

`make faults` tries every call; `make test` every so-and-so-manieth.
"""

import json
import os
import shutil
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from natsuin.clock import SystemClock
from natsuin.errors import NatsuinError, StorageFailed
from natsuin.signing_log import LogKey, Shard, create_log, verify_log, verify_receipt
from rigs.raw_http import wait_until
from rigs.system_calls import Injection, counts, injected, reap, traced

ORIGIN = "sign.example.jp/log/2026"
EACH = int(os.environ.get("NATSUIN_FAULT_EACH", "7"))
"""Of so many system calls one is tried."""
KINDS = {"killed": ("signal=KILL", False), "error": ("error=EIO", False), "full": ("error=ENOSPC", True)}
ALLOWED = {"killed": {-9}, "error": {0, 10, 11, 12}, "full": {0, 10, 11, 12}}
"""Exit statuses of the writer after each."""
STORAGE, OWN, UNHEARD = 10, 11, 12
"""Exit statuses of the writer: the disk failed; another of the project's own errors; nobody heard the acknowledgement.
"""


def log_key() -> LogKey:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    return LogKey(private.public_key().public_bytes_raw(), private.sign)


def open_log(base: Path, failed: threading.Event | None = None) -> Shard:
    return Shard.open(
        base / "log",
        base / "state",
        origin=ORIGIN,
        key=log_key(),
        clock=SystemClock(),
        on_fatal=lambda _: failed.set() if failed else None,
    )


@dataclass(frozen=True)
class Ends:
    """A child's ends of two pipes: on one it waits until strace holds it, on the other it tells lines."""

    go: int
    told: int

    def ready(self, thread: int) -> None:
        os.write(self.told, b"%d\n" % thread)
        os.read(self.go, 1)

    def tell(self, index: int, receipt: str) -> None:
        try:
            os.write(self.told, json.dumps([index, receipt]).encode() + b"\n")
        except OSError:
            # Nobody hears it, which is not the log's fault.
            os._exit(UNHEARD)


def write(base: Path, ends: Ends, thread: str) -> None:
    """What the writer does: open, add over the edge of a bundle, publish, settle, go on, close.

    Nothing is tampered with before `thread`, the one that opens and adds or the one that publishes, is ready.
    """
    if thread == "adding":
        ends.ready(threading.get_native_id())
    failed = threading.Event()
    log = open_log(base, failed)
    if thread == "publishing":
        (keeper,) = [each for each in threading.enumerate() if each.name == "signing-log-keeper"]
        ends.ready(keeper.native_id or 0)
    for count in (1, 3, 12, 2):
        for receipt in log.add_all([{"key": "k", "n": n} for n in range(count)]):
            ends.tell(receipt.index, receipt.tlog_proof())
        if thread == "adding":
            log.publish()
        else:
            wait_until(lambda: (base / "log/checkpoint").read_text() == log.checkpoint or failed.is_set())
    log.close()


def writer(base: Path, ends: Ends, thread: str) -> int:
    """In a child: write, and give the exit status."""
    try:
        write(base, ends, thread)
    except StorageFailed:
        return STORAGE
    except NatsuinError:
        return OWN
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


@dataclass(frozen=True)
class Outcome:
    status: int
    receipts: dict[int, str]
    notes: Path


def run(base: Path, thread: str, *, inject: Injection | None = None) -> Outcome:
    """Fork a writer, so that Python's own start is not what is tampered with."""
    waits, go = os.pipe()
    hears, tells = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.close(hears)
        status = 1
        try:
            status = writer(base, Ends(waits, tells), thread)
        finally:
            os._exit(status)
    os.close(waits)
    os.close(tells)
    notes = base / "strace"
    with os.fdopen(hears, "rb") as heard, traced(int(heard.readline()), notes, inject=inject):
        os.write(go, b"!")
        os.close(go)
        # The last line may be cut: what was not received whole was not acknowledged.
        lines = heard.read().split(b"\n")[:-1]
        status = reap(child)
    return Outcome(status, dict(json.loads(line) for line in lines), notes)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log whose bundle is nearly full."""
    base = tmp_path_factory.mktemp("begun")
    create_log(base / "log", base / "state", origin=ORIGIN, key=log_key())
    log = open_log(base)
    log.add_all([{"n": n} for n in range(250)])
    log.close()
    return base


@pytest.fixture(scope="module")
def fresh(begun: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    def copy() -> Path:
        return Path(shutil.copytree(begun, tmp_path_factory.mktemp("log") / "base"))

    return copy


def assert_whole(base: Path, receipts: dict[int, str]) -> None:
    """The log opens, holds all that was acknowledged under every tree of it, and goes on."""
    log = open_log(base)
    entries = dict(log.entries())
    assert sorted(entries) == list(range(log.size))
    for index, text in receipts.items():
        proved = verify_receipt(text, log.vkey)
        assert (proved.index, proved.leaf) == (index, entries[index])
    log.add({"key": "k", "n": "after"})
    log.close()
    assert verify_log(base / "log", log.vkey).entries == len(entries) + 1
    for checkpoint in {text.partition("\n\n")[2] for text in receipts.values()}:
        verify_log(base / "log", log.vkey, since=checkpoint)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("thread", ["adding", "publishing"])
def test_every_system_call(fresh: Callable[[], Path], thread: str, kind: str) -> None:
    undisturbed = run(fresh(), thread)
    assert (undisturbed.status, len(undisturbed.receipts)) == (0, 18)
    calls = counts(undisturbed.notes)
    assert {"openat", "write", "fsync", "renameat"} <= set(calls)
    what, sticky = KINDS[kind]
    points = [(call, number) for call, most in sorted(calls.items()) for number in range(1, most + 1)]
    tried: set[Injection] = set()
    wrong: list[str] = []
    statuses = set()
    for call, number in points[::EACH]:
        base = fresh()
        injection = Injection(call, number, what, sticky)
        outcome = run(base, thread, inject=injection)
        # How the threads take turns is not the same each time, so that a last call may not come.
        if injected(outcome.notes) or outcome.status == -9:
            tried.add(injection)
            statuses.add(outcome.status)
            if outcome.status not in ALLOWED[kind]:
                wrong.append(f"{injection}: the writer ended with {outcome.status}")
        try:
            assert_whole(base, outcome.receipts)
        except Exception as error:
            wrong.append(f"{injection}: {error!r}")
        shutil.rmtree(base.parent)
    assert not wrong, "\n".join(wrong)
    assert len(tried) >= len(points[::EACH]) * 0.9, "the faults were not reached"
    assert statuses >= ({-9} if kind == "killed" else {STORAGE})
