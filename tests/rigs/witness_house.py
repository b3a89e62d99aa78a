"""Witnesses for tests: real `natsuin witness` processes, and one that answers whatever a test says."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from natsuin.witness import make_witness

_open = build_opener(ProxyHandler({})).open


@dataclass
class WitnessProcess:
    """A witness in `folder` and at most one process of it."""

    folder: Path
    name: str
    vkey: str
    process: "subprocess.Popen[bytes] | None" = None
    port: int = 0

    @classmethod
    def make(cls, folder: Path, name: str) -> "WitnessProcess":
        _, vkey = make_witness(folder, name, port=0)
        return cls(folder, name, vkey)

    @property
    def settings(self) -> Path:
        return self.folder / "witness.toml"

    def witnesses(self, *vkeys: str) -> "WitnessProcess":
        """Write these logs into its settings."""
        with self.settings.open("a") as file:
            file.writelines(f'\n[[logs]]\nvkey = "{vkey}"\n' for vkey in vkeys)
        return self

    def start(self, **environment: str) -> "WitnessProcess":
        command = [sys.executable, "-m", "natsuin.cli", "witness", "--config", str(self.settings)]
        words = self.folder / "words"
        begin = words.stat().st_size if words.exists() else 0
        with words.open("ab") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **environment}
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for line in words.read_bytes()[begin:].decode().splitlines():
                if '"ready"' in line:
                    self._keep_port(json.loads(line)["port"])
                    return self
            assert self.process.poll() is None, words.read_text()
            time.sleep(0.02)
        raise AssertionError(words.read_text())

    def _keep_port(self, port: int) -> None:
        """The next start listens where this one did."""
        if self.port == 0:
            self.settings.write_text(self.settings.read_text().replace("port = 0", f"port = {port}"))
        self.port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def post(self, body: bytes) -> tuple[int, bytes, str]:
        """Status, body and content type of an answer to add-checkpoint."""
        return fetch(f"{self.url}/add-checkpoint", body)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def wait_for_death(self) -> int:
        assert self.process is not None
        code = self.process.wait(30)
        self.process = None
        return code

    def _end(self, number: signal.Signals) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(number)
        return self.wait_for_death()


def fetch(url: str, body: bytes | None = None) -> tuple[int, bytes, str]:
    """Status, body and content type."""
    try:
        with _open(Request(url, data=body), timeout=30) as answer:  # noqa: S310  # a server of the test's own
            return answer.status, answer.read(), answer.headers["Content-Type"]
    except HTTPError as error:
        with error:
            return error.code, error.read(), error.headers["Content-Type"]


def plain(status: int, body: bytes, *headers: str) -> bytes:
    """A whole answer."""
    head = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@dataclass
class PlayedWitness:
    """Takes connections one by one; `play(body)` gives the pieces of what is answered, or None to say nothing until
    the other side gives up."""

    play: Callable[[bytes], "Iterator[bytes] | list[bytes] | None"]
    asked: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._closing = False
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._closing = True
        self._listening.close()

    def _serve(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                head, body = self._read(connection)
                self.paths.append(head.split(b" ")[1].decode())
                self.asked.append(body)
                pieces = self.play(body)
                if pieces is None:
                    while connection.recv(4096):
                        pass
                    return
                for piece in pieces:
                    connection.sendall(piece)
            except OSError:
                return

    def _read(self, connection: socket.socket) -> tuple[bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                raise OSError
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0].split(b":")[1]) if lengths else 0
        while len(body) < length:
            body += connection.recv(65536)
        return head, body
