"""A real `natsuin sam` process and its socket, spoken to by a blocking client of the test's own: an attacker needs no
more."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from natsuin import errors
from natsuin.config import Config, load
from natsuin.sam import protocol
from rigs.web_side import WebSide

_encode = msgspec.msgpack.Encoder().encode
_answer = msgspec.msgpack.Decoder(tuple[int, protocol.Response]).decode


class ConnectionLost(Exception):
    """sam closed the connection, or died, before it answered."""


@dataclass
class SamProcess:
    """An installation in `folder` and at most one sam process. One socket for each thread."""

    folder: Path
    process: "subprocess.Popen[bytes] | None" = None
    _local: threading.local = field(default_factory=threading.local)

    @property
    def config(self) -> Config:
        return load(self.folder / "config.toml")

    @property
    def database(self) -> Path:
        return self.folder / "sam" / "db2.sqlite"

    def start(self, **environment: str) -> "SamProcess":
        command = [sys.executable, "-m", "natsuin.cli", "sam", "--config", str(self.folder / "config.toml")]
        output = (self.folder / "sam.log").open("ab")
        self.process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **environment}
        )
        self._local = threading.local()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"sam ended with {self.process.returncode}: {self.words()[-3000:]}")
            try:
                self.ask(protocol.Hello())
            except (OSError, ConnectionLost):
                time.sleep(0.05)
            else:
                return self
        raise AssertionError(f"sam did not answer: {self.words()[-3000:]}")

    def words(self) -> str:
        return (self.folder / "sam.log").read_text(errors="replace")

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def wait_for_death(self, timeout: float = 30) -> int:
        assert self.process is not None
        code = self.process.wait(timeout)
        self.process = None
        return code

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.wait_for_death()

    def ask(self, message: Any, *, timeout: float = 60) -> Any:
        """Send one message and wait for its answer. Raises the error that sam named, or `ConnectionLost`."""
        connection = self._connection(timeout)
        payload = _encode((1, int(timeout * 1000), message))
        try:
            connection.sendall(len(payload).to_bytes(4, "big") + payload)
            size = int.from_bytes(_exactly(connection, 4), "big")
            _, answer = _answer(_exactly(connection, size))
        except (OSError, ConnectionLost) as error:
            del self._local.connection
            raise ConnectionLost from error
        if isinstance(answer, protocol.Failure):
            kind = errors.by_code().get(answer.kind or answer.code, errors.NatsuinError)
            raised = kind(answer.message, hint=answer.hint)
            raised.told = answer.code  # type: ignore[attr-defined]  # the finer code, for tests to look at
            raise raised
        return answer

    def _connection(self, timeout: float) -> socket.socket:
        if not hasattr(self._local, "connection"):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(timeout)
            connection.connect(str(self.folder / "run" / "sam.sock"))
            self._local.connection = connection
        return self._local.connection

    @property
    def web(self) -> WebSide:
        return WebSide(self.ask)

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """What somebody with write access to DB-2 can do."""
        with sqlite3.connect(self.database) as connection:
            return connection.execute(statement, values).fetchall()

    def insert(self, table: str, row: Sequence[Any]) -> None:
        """Put a whole row back, as it was read."""
        self.sql(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", *row)  # noqa: S608  # a test's own names

    def copy(self, folder: Path) -> "SamProcess":
        """The same installation elsewhere; this one must be stopped."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*.sock"))
        return SamProcess(folder)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionLost
        data += more
    return data
