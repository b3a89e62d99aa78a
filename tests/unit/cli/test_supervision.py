"""The supervisor with small programs in place of sam and web."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from natsuin.cli import supervision
from natsuin.cli.supervision import Child


def child(script: str, said: list[str], *, ready_file: Path | None = None) -> Child:
    async def is_ready() -> bool:
        return ready_file is None or ready_file.exists()

    return Child("sam", (sys.executable, "-S", "-c", script), is_ready, said.append)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "_PAUSES_SECONDS", (0.01, 0.02, 0.04))


def run_for(seconds: float, watched: Child) -> int:
    async def main() -> int:
        life = asyncio.ensure_future(watched.keep())
        await asyncio.wait({life}, timeout=seconds)
        await watched.stop()
        return await asyncio.wait_for(life, 5)

    return asyncio.run(main())


def test_death_is_told_and_counted(tmp_path: Path) -> None:
    said: list[str] = []
    watched = child("import sys; sys.exit(70)", said)
    run_for(1.0, watched)
    deaths = [line for line in said if "died" in line]
    assert deaths[0] == "sam died (exit code 70), time 1; starting it again in 0.01 s"
    assert deaths[1] == "sam died (exit code 70), time 2; starting it again in 0.02 s"
    assert watched.deaths >= 3
    assert deaths[-1].endswith("0.04 s")


def test_signal_is_told_by_name(tmp_path: Path) -> None:
    said: list[str] = []
    run_for(0.5, child("import os; os.kill(os.getpid(), 9)", said))
    assert any("sam died (killed by SIGKILL), time 1" in line for line in said)


@pytest.mark.parametrize("code", [65, 66, 73, 77, 78])
def test_refusal_is_not_repeated(code: int) -> None:
    said: list[str] = []
    watched = child(f"import sys; sys.exit({code})", said)
    assert run_for(5, watched) == code
    assert watched.deaths == 0
    assert said[-1] == f"sam refuses to run (exit code {code}); its reason is above"


def test_readiness_is_told_once_it_is_there(tmp_path: Path) -> None:
    said: list[str] = []
    file = tmp_path / "ready"
    script = f"import time; time.sleep(0.2); open({str(file)!r}, 'w'); time.sleep(60)"
    run_for(1.5, child(script, said, ready_file=file))
    assert [line.split(" (")[0] for line in said] == ["sam is starting", "sam is ready", "sam stopped"]


def test_child_that_does_not_stop_is_killed_aloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "_STOP_SECONDS", 0.2)
    said: list[str] = []
    started = time.monotonic()
    run_for(0.5, child("import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)", said))
    assert time.monotonic() - started < 10
    assert said[-2:] == ["sam did not stop within 0.2 s and is killed", "sam stopped (killed by SIGKILL)"]


def test_stopping_during_the_pause_before_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "_PAUSES_SECONDS", (1.0,))
    said: list[str] = []
    started = time.monotonic()
    run_for(0.5, child("import sys; sys.exit(70)", said))
    assert time.monotonic() - started < 4
    assert sum("is starting" in line for line in said) == 1
