"""A whole `natsuin serve` installation, both processes, on a free port of the loopback, and people with browsers."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from natsuin.cli.demo.story import free_port
from natsuin.cli.demo.visitor import ServerRefused, Visitor
from natsuin.cli.init import make_installation
from natsuin.config import Config, load

PIN = "correct horse 7"
PERSON = {
    "common_name": "山田 太郎",
    "email": "taro@example.jp",
    "country": "JP",
    "organization": "例示株式会社",
    "algorithm": "p-256",
    "evidence": {"kind": "passport", "reference": "file 12", "level": 2},
}
PLACEMENT = {"page": 0, "x": 400.0, "y": 80.0, "width": 64.0, "height": 64.0}


@dataclass
class WholeServer:
    """An installation in `folder` and at most one running `natsuin serve`; `lines` is what the supervisor said."""

    folder: Path
    origin: str
    token: str
    lines: list[str] = field(default_factory=list)
    process: "subprocess.Popen[str] | None" = None
    prefix: list[str] = field(default_factory=list)
    """What stands before the command that starts it."""

    @classmethod
    def make(cls, folder: Path, *, users: dict[str, str] | None = None) -> "WholeServer":
        origin = f"http://localhost:{free_port()}"
        return cls(folder, origin, make_installation(folder, origin=origin, demo=True, users=users))

    @property
    def config(self) -> Config:
        return load(self.folder / "config.toml")

    @property
    def errors(self) -> str:
        """What both processes wrote on standard error."""
        return (self.folder / "errors.txt").read_text(errors="replace")

    def start(self) -> "WholeServer":
        self.launch()
        self.wait_for("web is ready")
        with urlopen(f"{self.origin}/readyz", timeout=30) as answer:  # noqa: S310  # loopback
            assert answer.status == 200
        return self

    def launch(self) -> None:
        """Start `natsuin serve` without waiting for anything."""
        self.lines.clear()
        program = [sys.executable, "-m", "natsuin.cli", "serve", "--config", str(self.folder / "config.toml")]
        command = [*self.prefix, *program]
        with (self.folder / "errors.txt").open("a") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line.rstrip().removeprefix("natsuin: "))

    def wait_for(self, text: str, *, count: int = 1, seconds: float = 120) -> str:
        """The line in which `text` was said for the `count`-th time since the start."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = [line for line in self.lines if text in line]
            if len(found) >= count:
                return found[count - 1]
            time.sleep(0.02)
        raise AssertionError(f"{text!r} was not said: {self.lines}\n{self.errors[-3000:]}")

    def process_of(self, name: str) -> int:
        """The process number of the sam or the web that was started last."""
        line = [line for line in self.lines if line.startswith(f"{name} is starting")][-1]
        return int(line.split("(process ")[1].rstrip(")"))

    def wait_for_end(self) -> int:
        """The exit code of `natsuin serve`, which ends by itself or was told to."""
        assert self.process is not None
        code = self.process.wait(90)
        self.process = None
        return code

    def stop(self) -> int | None:
        if self.process is None:
            return None
        self.process.terminate()
        return self.wait_for_end()

    def visitor(self, language: str = "en") -> Visitor:
        return Visitor(self.origin, language)

    def enrol_officer(self) -> Visitor:
        officer = self.visitor()
        officer.register_as_officer(self.token)
        officer.sign_in()
        return officer

    def enrol(self, officer: Visitor, **wishes: Any) -> Visitor:
        signer = self.visitor()
        invitation = officer.invite({**PERSON, **wishes})
        for left in reversed(range(5)):
            try:
                signer.enrol(invitation, PIN)
            except ServerRefused as refused:
                # Many tests enrol from one address, which the service slows down, as it should: one token in six
                # seconds, and to enrol takes two.
                if not left or "too many" not in refused.message:
                    raise
                time.sleep(15)
            else:
                break
        return signer


def sign_document(signer: Visitor, content: bytes, name: str = "contract.pdf") -> tuple[bytes, str, dict[str, Any]]:
    """Upload, approve and fetch: the signed document, its receipt, and what the server said of the upload."""
    uploaded = signer.post_bytes(content, name)
    signer.sign(uploaded["id"], PLACEMENT)
    base = f"/api/documents/{uploaded['id']}"
    return signer.download(f"{base}/signed"), signer.download(f"{base}/receipt").decode(), uploaded


@pytest.fixture(scope="session")
def whole_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeServer]:
    """For tests that leave it whole. `rigs.workers` names their files, so that one is enough."""
    server = WholeServer.make(tmp_path_factory.mktemp("whole") / "n").start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def whole_officer(whole_server: WholeServer) -> Visitor:
    return whole_server.enrol_officer()


@pytest.fixture(scope="session")
def whole_signer(whole_server: WholeServer, whole_officer: Visitor) -> Visitor:
    return whole_server.enrol(whole_officer)


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `natsuin demo --out` left. `rigs.workers` names the files that use it."""
    folder = tmp_path_factory.mktemp("demonstration") / "out"
    command = [sys.executable, "-m", "natsuin.cli", "demo", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
