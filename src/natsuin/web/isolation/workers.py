"""The parent's side: at most so many documents at once, each in a confined child, and an error for whatever happens
there."""

import array
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Self, TypeVar

import msgspec
import structlog

from natsuin.documents import DocumentFacts, DocumentTimeout, Prepared, PrepareRequest
from natsuin.errors import Busy, Malformed, NatsuinError, Refused, Unavailable, by_code
from natsuin.validation import Report
from natsuin.web.isolation.frames import (
    FORK,
    KILL,
    ORDER,
    STATUS_BYTES,
    Call,
    Limits,
    Outcome,
    Status,
    receive,
    send,
)

T = TypeVar("T")

PROGRAM: Sequence[str] = ("-m", "natsuin.web.isolation.document_worker")
"""What Python runs as the forking process. Tests exchange it for one whose children attack; nothing else can."""

_START_SECONDS = 60.0
_STOP_SECONDS = 2.0
_LONGEST_TEXT = 500
_ANSWER_MARGIN = 32 * 1024 * 1024
"""An answer is the document with something added, so it is bounded by what was sent and this."""

_log = structlog.get_logger("natsuin.web")


@dataclass(frozen=True)
class _Child:
    """A child that waits for its one call: its process number and its socket."""

    number: int
    connection: socket.socket


class Workers:
    """At most `count` documents at once, each in a child process. Thread safe; calls wait for a free place.

    Starts on the first call or with `start`. `close` ends all children; it is also a context manager.
    """

    def __init__(self, count: int = 2, limits: Limits | None = None, *, of_validation: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._of_validation = of_validation or self._limits
        self._free = threading.Semaphore(count)
        self._lock = threading.Lock()
        self._forker: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False

    def __enter__(self) -> Self:
        """Start the forking process."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the children."""
        self.close()

    def inspect(self, pdf: bytes) -> DocumentFacts:
        """`natsuin.documents.inspect` in a child."""
        return self.run("inspect", DocumentFacts, pdf)

    def prepare(self, pdf: bytes, request: PrepareRequest) -> Prepared:
        """`natsuin.documents.prepare` in a child."""
        return self.run("prepare", Prepared, pdf, request)

    def validate(
        self,
        pdf: bytes,
        *,
        trust: Sequence[bytes],
        at: datetime | None = None,
        receipt: str | None = None,
        log_vkey: str | None = None,
        intermediates: Sequence[bytes] = (),
        revocation_lists: Sequence[bytes] = (),
    ) -> Report:
        """`natsuin.validation.validate_pdf` in a child, within limits of its own."""
        named = {
            "trust": list(trust),
            "at": at,
            "receipt": receipt,
            "log_vkey": log_vkey,
            "intermediates": list(intermediates),
            "revocation_lists": list(revocation_lists),
        }
        return self._run(self._of_validation, Call("validate", [pdf], named), Report)

    def run(self, function: str, answer: type[T], /, *arguments: Any, **named: Any) -> T:
        """Have a child do `function` of its table; its answer is an `answer`.

        Raises what the function raises, `DocumentTimeout` when it passes a limit, brings its child down or answers
        nonsense, `Busy` when no place gets free within the wall time of a call, `Unavailable` when children cannot be
        started.
        """
        return self._run(self._limits, Call(function, list(arguments), named), answer)

    def _run(self, limits: Limits, call: Call, answer: type[T]) -> T:
        frame = msgspec.msgpack.encode(call)
        if not self._free.acquire(timeout=limits.seconds):
            raise Busy("Too many documents are being worked on.", hint="Try again in a moment.")
        try:
            outcome = self._ask(self._child(limits), frame, limits.seconds)
        finally:
            self._free.release()
        if outcome.unloaded:
            # What a library lacks it may take for a fault of the document, or of a signature.
            _log.error("documents.module_not_loaded", modules=[name[:100] for name in outcome.unloaded[:5]])
            raise Unavailable("The document cannot be read just now.", hint="Look into the service's log.")
        if outcome.result is None:
            raise _refusal(outcome)
        try:
            value: T = msgspec.msgpack.decode(outcome.result, type=answer)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _given_up() from error
        return value

    def start(self) -> None:
        """Start the process that children are forked from, and wait until its imports are done (a second).

        Logs in one line which layers of `natsuin.web.isolation.confinement` are in force. Raises `Unavailable`.
        """
        with self._lock:
            self._started()

    def close(self) -> None:
        """End all children. Calls under way raise `DocumentTimeout`; later ones `Unavailable`."""
        with self._lock:
            self._closed = True
            self._stop()

    def _ask(self, child: _Child, frame: bytes, seconds: float) -> Outcome:
        until = monotonic() + seconds
        try:
            child.connection.settimeout(seconds)
            send(child.connection, frame)
            answer = receive(child.connection, largest=len(frame) + _ANSWER_MARGIN, until=until)
            if answer is None:
                raise _given_up()
            return msgspec.msgpack.decode(answer, type=Outcome)
        except (OSError, msgspec.MsgspecError, RecursionError) as error:
            raise _given_up() from error
        finally:
            with self._lock:
                self._end(child)

    def _child(self, limits: Limits) -> _Child:
        with self._lock:
            try:
                return self._fork(limits)
            except OSError:
                # The forking process itself is gone: once more with a new one.
                self._stop()
                try:
                    return self._fork(limits)
                except OSError as error:
                    raise _not_started() from error

    def _fork(self, limits: Limits) -> _Child:
        control = self._started()
        ours, theirs = socket.socketpair()
        with theirs:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))
            control.sendmsg([ORDER.pack(FORK, 0, limits.cpu_seconds, limits.memory_bytes)], [rights])
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
            self._forker = subprocess.Popen(  # noqa: S603  both words of the command are ours
                # No folder of the caller's is searched for modules, and nothing of its environment is handed on.
                [sys.executable, "-I", "-W", "ignore", *PROGRAM],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                close_fds=True,
                env={},
                cwd=os.sep,
            )
        ours.settimeout(_START_SECONDS)
        try:
            status = msgspec.msgpack.decode(ours.recv(STATUS_BYTES), type=Status)
        except (OSError, msgspec.MsgspecError) as error:
            _log.error("documents.not_started")
            raise _not_started() from error
        if status.refused:
            _log.error("documents.not_confined", reason=status.refused, missing=status.missing)
            raise _not_started()
        say = _log.warning if status.missing else _log.info
        say("documents.confined", in_force=status.in_force, missing=status.missing)
        self._control = ours
        return ours

    def _end(self, child: _Child) -> None:
        child.connection.close()
        if self._control is not None:
            try:
                self._control.send(ORDER.pack(KILL, child.number, 0, 0))
            except OSError:
                self._stop()

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._forker is not None:
            try:
                self._forker.wait(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._forker.kill()
                self._forker.wait()
            self._forker = None


def _refusal(outcome: Outcome) -> NatsuinError:
    """The error that a child tells, if it is one that work on documents can end with."""
    known = by_code().get(outcome.code)
    ours = known is not None and (known is Malformed or known is Unavailable or _is_of_documents(known))
    if known is None or not ours:
        return _given_up()
    return known(outcome.message[:_LONGEST_TEXT], hint=outcome.hint[:_LONGEST_TEXT])


def _is_of_documents(known: type[NatsuinError]) -> bool:
    return issubclass(known, Refused | Unavailable) and known.__module__ == DocumentTimeout.__module__


def _given_up() -> DocumentTimeout:
    return DocumentTimeout(
        "Reading the document takes more time or memory than is allowed.",
        hint="Print it to PDF in a viewer you trust and use the new file.",
    )


def _not_started() -> Unavailable:
    return Unavailable("The processes that read documents cannot be started.", hint="Look into the service's log.")
