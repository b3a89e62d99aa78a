"""kill -9 while the monitor reads, raises alarms and tells them: no alarm is lost, none becomes two."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from natsuin.clock import FixedClock
from rigs.watched_log import BEGAN, Hook, Watch, WatchedLog, hook, hook_settings, watch_of

POINTS = (
    "monitor.before_commit",
    "monitor.after_commit",
    "monitor.before_sending:5",
    "monitor.after_sending:4",
)
"""Reading is one batch; telling is one step for each alarm and receiver, of which the first is the standard output."""


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, **more}


def command(watch: Watch, *arguments: str) -> list[str]:
    watch.load()
    return [sys.executable, "-m", "natsuin.cli", "monitor", "--config", str(watch.base / "monitor.toml"), *arguments]


def visited(log: WatchedLog, base: Path, receiver: Hook) -> Watch:
    """A monitor that has read the log once, so that what comes now is told."""
    watch = watch_of(base, log.folder, log.vkey, FixedClock(BEGAN), hook_settings(receiver, base, "warning"))
    assert subprocess.run(command(watch, "--once"), capture_output=True, check=False).returncode == 0
    assert receiver.taken == []
    return watch


def failing(log: WatchedLog, first: int, count: int) -> set[str]:
    """As many uses that failed, each of its own key; answers with the keys."""
    keys = [f"{number:032x}" for number in range(first, first + count)]
    for key in keys:
        log.signature(key, result="failed", reason="vault_unavailable")
    return set(keys)


def check(receiver: Hook, keys: set[str]) -> None:
    """Every alarm arrived, and those that arrived twice had the same id."""
    assert receiver.forged == []
    names = {alarm["name"]: alarm["facts"]["key"] for alarm in receiver.taken if alarm["kind"] == "outcome-failed"}
    assert set(names.values()) == keys
    assert len(names) == len(keys)
    assert {alarm["kind"] for alarm in receiver.taken} == {"outcome-failed"}


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_each_step(tmp_path: Path, point: str) -> None:
    log = WatchedLog(tmp_path / "provider")
    log.add({"type": "genesis"})
    with hook() as receiver:
        watch = visited(log, tmp_path / "m", receiver)
        keys = failing(log, 0, 3)
        died = subprocess.run(
            command(watch, "--once"), env=environment(NATSUIN_FAULT_AT=point), capture_output=True, check=False
        )
        assert died.returncode == -9, died.stderr.decode()
        if point == "monitor.before_commit":
            assert receiver.tries == []
        twice = point == "monitor.after_sending:4"

        def done() -> bool:
            return {alarm["facts"]["key"] for alarm in receiver.taken} == keys and len(receiver.tries) == 3 + twice

        # What was being told is put off for ten seconds, by the real clock of the process.
        ends = time.monotonic() + 60
        while not done() and time.monotonic() < ends:
            subprocess.run(command(watch, "--once"), capture_output=True, check=True)
        assert done(), receiver.tries
        check(receiver, keys)


def test_killed_again_and_again_while_the_log_grows(tmp_path: Path) -> None:
    log = WatchedLog(tmp_path / "provider")
    log.add({"type": "genesis"})
    with hook() as receiver:
        watch = visited(log, tmp_path / "m", receiver)
        keys: set[str] = set()
        for turn in range(8):
            process = subprocess.Popen(command(watch), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                keys |= failing(log, 100 * turn, 3)
                time.sleep(0.3 + 0.15 * turn)
            finally:
                process.kill()
                process.wait()
        process = subprocess.Popen(command(watch), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            ends = time.monotonic() + 120
            while time.monotonic() < ends and len({alarm["name"] for alarm in receiver.taken}) < len(keys):
                time.sleep(0.2)
        finally:
            process.terminate()
            # A process that has only just begun dies of the signal itself.
            assert process.wait() in (0, -signal.SIGTERM)
        check(receiver, keys)
