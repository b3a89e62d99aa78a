"""`natsuin serve` with the real processes: started, killed, started again, refused, stopped in order."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from natsuin.cli.init import make_installation
from natsuin.config import load
from natsuin.sam.protocol import Hello, ServiceInformation
from rigs.asking_sam import ask_sam


class Served:
    """A running `natsuin serve` and the lines it says."""

    def __init__(self, folder: Path) -> None:
        self.lines: list[str] = []
        self.errors = (folder / "errors").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "natsuin.cli", "serve", "--config", str(folder / "config.toml")],
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip().removeprefix("natsuin: "))

    def wait_for(self, text: str, *, count: int = 1, seconds: float = 90) -> str:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            found = [line for line in self.lines if text in line]
            if len(found) >= count:
                return found[count - 1]
            time.sleep(0.02)
        raise AssertionError(f"{text!r} was not said: {self.lines}, {self.said_on_stderr()}")

    def end(self) -> int:
        code = self.process.wait(60)
        self._reader.join(10)
        return code

    def said_on_stderr(self) -> str:
        self.errors.seek(0)
        return self.errors.read()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    make_installation(tmp_path / "n", origin=f"http://localhost:{port}", demo=True)
    return tmp_path / "n"


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    running = Served(folder)
    yield running
    if running.process.poll() is None:
        running.process.terminate()
        running.process.wait(60)


def process_in(line: str) -> int:
    return int(line.split("(process ")[1].rstrip(")"))


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


def test_killed_process_is_started_again_and_stopping_goes_in_order(served: Served, folder: Path) -> None:
    served.wait_for("web is ready")
    sam = process_in(served.wait_for("sam is starting"))
    web = process_in(served.wait_for("web is starting"))
    os.kill(sam, signal.SIGKILL)
    served.wait_for("sam died (killed by SIGKILL), time 1; starting it again in 0.5 s")
    served.wait_for("sam is ready", count=2)
    address = load(folder / "config.toml").sam.address
    assert isinstance(ask_sam(address, Hello()), ServiceInformation)
    again = process_in(served.wait_for("sam is starting", count=2))
    assert alive(web)
    served.process.terminate()
    assert served.end() == 0
    assert served.lines[-3:] == ["stopping", "web stopped (exit code 0)", "sam stopped (exit code 0)"]
    assert not alive(web)
    assert not alive(again)


def test_children_do_not_outlive_a_killed_supervisor(served: Served) -> None:
    served.wait_for("web is ready")
    children = [process_in(served.wait_for(f"{name} is starting")) for name in ("sam", "web")]
    served.process.kill()
    ends = time.monotonic() + 30
    while any(alive(child) for child in children) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not any(alive(child) for child in children)


def test_refusal_stops_everything_with_its_code(folder: Path) -> None:
    (folder / "sam" / "master.key").chmod(0o644)
    served = Served(folder)
    assert served.end() == 77
    assert str(folder / "sam" / "master.key") in served.said_on_stderr()
    assert "chmod 600" in served.said_on_stderr()
    assert "Traceback" not in served.said_on_stderr()
    assert any("sam refuses to run (exit code 77)" in line for line in served.lines)
    assert not any("web is starting" in line for line in served.lines)
