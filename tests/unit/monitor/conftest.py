"""What the tests of the monitor share."""

from pathlib import Path

import pytest

from rigs.watched_log import Watch, WatchedLog, watch_of


@pytest.fixture
def log(tmp_path: Path) -> WatchedLog:
    """A log that begins like a real one."""
    made = WatchedLog(tmp_path / "provider")
    made.add({"type": "genesis", "origin": "sign.example.jp/log", "version": "0.1.0", "backend": "software"})
    made.add({"type": "boot", "version": "0.1.0", "backend": "software", "unknown": 0})
    return made


@pytest.fixture
def watch(tmp_path: Path, log: WatchedLog) -> Watch:
    """A monitor of it, which has visited it once."""
    made = watch_of(tmp_path / "monitor", log.folder, log.vkey, log.clock)
    assert made.visit() == {"main": "holds"}
    assert made.kinds() == ["first-reading"]
    return made
