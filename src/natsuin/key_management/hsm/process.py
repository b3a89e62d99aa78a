"""One vault worker, seen from sam: its process, its socket, and the requests that wait for an answer."""

import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from natsuin.errors import NatsuinError, by_code
from natsuin.key_management.hsm import messages
from natsuin.key_management.hsm.refusals import VaultInterrupted, VaultUnavailable

_SEND_SECONDS = 5


@dataclass(frozen=True)
class WorkerCommand:
    """How a worker is started: the program, to which the number of its socket is added, and what it finds in its
    environment besides sam's own."""

    program: tuple[str, ...]
    environment: dict[str, str]


class WorkerProcess:
    """Safe from several threads. Its last word is either an answer to each request or `VaultInterrupted`."""

    def __init__(self, command: WorkerCommand, on_end: "Callable[[WorkerProcess], None]") -> None:
        """Start the process. `on_end` is called, from a thread of its own, when it has gone."""
        self._on_end = on_end
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_SECONDS, 0))
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # our own program
                (*command.program, str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, **command.environment},
            )
        self._socket = ours
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: dict[int, Future[messages.Answer]] = {}
        self._asked = 0
        self._gone = False
        threading.Thread(target=self._receive, name="vault-answers", daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def gone(self) -> bool:
        """Whether it has ended; `on_end` is called after this becomes true."""
        with self._lock:
            return self._gone

    def ask(self, request: messages.Request) -> "Future[messages.Answer]":
        """Send `request`. The future ends with its answer, or with `VaultInterrupted` when the worker is gone."""
        future: Future[messages.Answer] = Future()
        with self._lock:
            if self._gone:
                future.set_exception(VaultUnavailable("the vault worker is gone"))
                return future
            self._asked += 1
            number = self._asked
            self._waiting[number] = future
        try:
            with self._turn:
                messages.send_frame(self._socket, messages.encode((number, request)))
        except OSError:
            self.kill()
        return future

    def retire(self) -> None:
        """Let it finish what it has, and end."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.kill()

    def kill(self) -> None:
        """End it now. What waits ends with `VaultInterrupted`."""
        self._process.kill()

    def wait(self, seconds: float) -> None:
        """Wait until it has ended; kill it when it takes longer."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def _receive(self) -> None:
        try:
            while True:
                number, answer = messages.decode_answer(messages.receive_frame(self._socket))
                with self._lock:
                    future = self._waiting.pop(number, None)
                if future is not None:
                    future.set_result(answer)
        except Exception:  # the end of the socket, or something that no worker says: both end the worker
            self.kill()
        with self._lock:
            self._gone = True
            left, self._waiting = self._waiting, {}
        for future in left.values():
            future.set_exception(VaultInterrupted("the vault worker ended before it answered"))
        self._process.wait()
        self._socket.close()
        self._on_end(self)


def error_of(failure: messages.Failed) -> NatsuinError:
    """The error that a worker failed with."""
    return by_code().get(failure.code, VaultInterrupted)(failure.message, hint=failure.hint)
