"""Working on hostile documents in child processes, so that the worst a document can do is to be refused.

A parser that is led into a loop or a gigabyte cannot be stopped inside a thread. `Workers` keeps a few children that
have everything imported, gives each call limits of memory, processor time and wall time that the kernel enforces, and
replaces a child that died. The children exchange plain MessagePack with the parent, never pickles: an answer from a
child that a document took over is data, not code.
"""

import array
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from select import select
from time import monotonic
from typing import Any, Self, TypeVar

import msgspec

from natsuin.documents.errors import DocumentTimeout
from natsuin.documents.facts import DocumentFacts
from natsuin.documents.frames import FORK, KILL, ORDER, Call, Outcome, receive, send
from natsuin.documents.state import Prepared, PrepareRequest
from natsuin.errors import Busy, NatsuinError, Unavailable, by_code

T = TypeVar("T")

_START_SECONDS = 60.0
_GRACE_SECONDS = 2.0
_INNOCENT_SECONDS = 1.0
_CALLS_OF_ONE_CHILD = 250


@dataclass(frozen=True)
class Limits:
    """What one call may use: wall and processor seconds, and bytes of address space above what the idle child has."""

    seconds: float = 30.0
    cpu_seconds: int = 20
    memory_bytes: int = 1024 * 1024 * 1024


@dataclass
class _Child:
    """A child that serves calls: its process number, its socket, how many calls it has served."""

    number: int
    connection: socket.socket
    calls: int = 0


class Workers:
    """At most `count` documents at once, each in a child process. Thread safe; calls wait for a free child.

    Starts on the first call or with `start`. `close` ends all children; it is also a context manager.
    """

    def __init__(self, count: int = 2, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._free = threading.Semaphore(count)
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._forker: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False

    def __enter__(self) -> Self:
        """Start the children."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the children."""
        self.close()

    def inspect(self, pdf: bytes) -> DocumentFacts:
        """`natsuin.documents.inspect` in a child."""
        return self.run("natsuin.documents.inspection:inspect", DocumentFacts, pdf)

    def prepare(self, pdf: bytes, request: PrepareRequest) -> Prepared:
        """`natsuin.documents.prepare` in a child."""
        return self.run("natsuin.documents.preparation:prepare", Prepared, pdf, request)

    def run(self, function: str, answer: type[T], /, *arguments: Any, **named: Any) -> T:
        """Call `function` ("natsuin.documents.module:name" or in natsuin.validation) in a child; its answer is an
        `answer`.

        Raises what the function raises, `DocumentTimeout` when it passes a limit or brings its child down, `Busy`
        when no child gets free within the wall time of a call, `Unavailable` when children cannot be started.
        """
        limits = self._limits
        call = Call(function, list(arguments), named, limits.seconds, limits.cpu_seconds, limits.memory_bytes)
        frame = msgspec.msgpack.encode(call)
        if not self._free.acquire(timeout=limits.seconds):
            raise Busy("Too many documents are being worked on.", hint="Try again in a moment.")
        try:
            outcome = self._exchange(frame)
        finally:
            self._free.release()
        if outcome.result is None:
            raise by_code().get(outcome.code, NatsuinError)(outcome.message, hint=outcome.hint)
        value: T = msgspec.msgpack.decode(outcome.result, type=answer)
        return value

    def start(self) -> None:
        """Start the process that children are forked from, and wait until its imports are done (a second)."""
        with self._lock:
            self._started()

    def close(self) -> None:
        """End all children. Calls under way raise `DocumentTimeout`; later ones `Unavailable`."""
        with self._lock:
            self._closed = True
            self._stop()

    def _exchange(self, frame: bytes) -> Outcome:
        child = self._child()
        reused, begun = child.calls > 0, monotonic()
        outcome = self._ask(child, frame)
        if outcome is None and reused and monotonic() - begun < _INNOCENT_SECONDS:
            # It may have died of something else between two calls. A document that is to blame fails again at once.
            outcome = self._ask(self._child(fresh=True), frame)
        if outcome is None:
            raise DocumentTimeout(
                "Reading the document takes more time or memory than is allowed.",
                hint="Print it to PDF in a viewer you trust and use the new file.",
            )
        return outcome

    def _ask(self, child: _Child, frame: bytes) -> Outcome | None:
        """One call to `child`, which is idle or ended afterwards; None when it died or did not answer in time."""
        try:
            child.connection.settimeout(self._limits.seconds + _GRACE_SECONDS)
            send(child.connection, frame)
            outcome = _decoded(receive(child.connection))
        except OSError:
            outcome = None
        child.calls += 1
        with self._lock:
            if outcome is not None and child.calls < _CALLS_OF_ONE_CHILD and not self._closed:
                self._idle.append(child)
            else:
                self._end(child)
        return outcome

    def _child(self, *, fresh: bool = False) -> _Child:
        with self._lock:
            while self._idle and not fresh:
                child = self._idle.pop()
                if not select([child.connection], [], [], 0)[0]:
                    return child
                # An idle child has nothing to say, so this one died; the next document is not to blame.
                self._end(child)
            try:
                return self._fork()
            except OSError:
                # The forking process itself is gone: once more with a new one.
                self._stop()
                try:
                    return self._fork()
                except OSError as error:
                    raise _not_started() from error

    def _fork(self) -> _Child:
        control = self._started()
        ours, theirs = socket.socketpair()
        with theirs:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))
            control.sendmsg([ORDER.pack(FORK, 0)], [rights])
        reply = control.recv(ORDER.size)
        if len(reply) != ORDER.size:
            raise ConnectionResetError("the forking process ended")
        return _Child(ORDER.unpack(reply)[1], ours)

    def _started(self) -> socket.socket:
        if self._closed:
            raise Unavailable("The document workers are closed.")
        if self._control is not None:
            return self._control
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._forker = subprocess.Popen(
                [sys.executable, "-P", "-W", "ignore", "-m", "natsuin.documents.worker"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                close_fds=True,
            )
        ours.settimeout(_START_SECONDS)
        try:
            ready = ours.recv(1)
        except OSError as error:
            raise _not_started() from error
        if ready != b"R":
            raise _not_started()
        self._control = ours
        return ours

    def _end(self, child: _Child) -> None:
        child.connection.close()
        if self._control is not None:
            try:
                self._control.send(ORDER.pack(KILL, child.number))
            except OSError:
                self._stop()

    def _stop(self) -> None:
        for child in self._idle:
            child.connection.close()
        self._idle.clear()
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._forker is not None:
            try:
                self._forker.wait(timeout=_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._forker.kill()
                self._forker.wait()
            self._forker = None


def _decoded(answer: bytes | None) -> Outcome | None:
    if answer is None:
        return None
    try:
        return msgspec.msgpack.decode(answer, type=Outcome)
    except msgspec.MsgspecError:
        return None


def _not_started() -> Unavailable:
    return Unavailable("The processes that read documents cannot be started.", hint="Look into the service's log.")
