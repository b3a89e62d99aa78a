"""The line to the token: one worker at a time, a deadline for every call, a new worker in place of a lost one.

A worker is lost when it dies, when the token breaks off, or when a call takes longer than its deadline, and is then
killed, since nothing else ends a call into a library. The next one is started by a thread of the line's own, again and
again until the token is back. A call that certainly used no key is made once more with the next worker; every other one
fails and is never repeated here.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, field

import structlog

from natsuin.errors import Busy, NatsuinError
from natsuin.key_management.hsm import messages
from natsuin.key_management.hsm.pin import PINSource
from natsuin.key_management.hsm.process import WorkerCommand, WorkerProcess, error_of
from natsuin.key_management.hsm.refusals import PINNotTried, PINRefused, VaultInterrupted, VaultUnavailable

FIRST_START_SECONDS = 180.0
"""Includes a trial of every algorithm, with keys being made."""
RESTART_SECONDS = 5.0
PING_SECONDS = 5.0
"""How often a token that nobody uses is asked whether it is there, so that `/readyz` tells the truth."""
GENERATION_FACTOR = 12
"""Making a large RSA key takes a token this much longer than other calls may."""
_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0)
_PATIENCE_SECONDS = 4.0
"""How long a call waits for a worker that is being started."""
_log = structlog.get_logger("natsuin.vault")


@dataclass(frozen=True)
class TokenSettings:
    """Which token, and how to work with it. `wrapping_key` is the CKA_ID of the present one, empty before there is one;
    keys still lie under `former`. `proofs`, sealed and by CKA_ID in hexadecimal, open under the right ones alone."""

    command: WorkerCommand
    module: str
    parameters: str
    label: str
    pin: PINSource = field(repr=False)
    wrapping_key: bytes
    sessions: int
    deadline_seconds: float
    allow_weak_token: bool
    former: tuple[bytes, ...] = ()
    proofs: Mapping[str, bytes] = field(default_factory=dict, repr=False)


class TokenLine:
    """Asks the token. Safe from several threads; `stop` is called when the PIN was refused and nothing can go on."""

    def __init__(
        self, settings: TokenSettings, stop: Callable[[NatsuinError], None], proofs: Iterable[messages.Wrapped] = ()
    ) -> None:
        self._settings = settings
        self._proofs = {proof.wrapping_key: proof for proof in proofs}
        self._stop = stop
        self._places = threading.BoundedSemaphore(settings.sessions)
        self._changed = threading.Condition()
        self._worker: WorkerProcess | None = None
        self._down: NatsuinError | None = None
        """Why the last attempt to start a worker failed."""
        self._closed = False

    def open(self) -> messages.Begun:
        """Start the first worker and try out the token. Raises what refuses it; the PIN is tried once."""
        worker, begun = self._start(thorough=True, seconds=FIRST_START_SECONDS)
        with self._changed:
            self._worker = None if worker.gone else worker
        threading.Thread(target=self._keep, name="vault-keeper", daemon=True).start()
        return begun

    def ask(self, request: messages.Request) -> messages.Answer:
        """The answer.

        Raises:
            VaultUnavailable: the token cannot be reached now; no key was used.
            VaultInterrupted: the call did not come to its end.
            Busy: every session was in use for the whole of the deadline.
            NatsuinError: what the token or its worker refused with.
        """
        making = isinstance(request, messages.Generate | messages.MakeResident)
        seconds = self._settings.deadline_seconds * (GENERATION_FACTOR if making else 1)
        if not self._places.acquire(timeout=self._settings.deadline_seconds):
            raise Busy("every session of the token is in use", hint="Ask again in a moment.")
        try:
            return self._ask(request, time.monotonic() + seconds)
        finally:
            self._places.release()

    def make_proof(self, wrapping_key: bytes) -> messages.Wrapped:
        """A key under `wrapping_key`, by which it is known again from now on. Raises as `ask` does."""
        made = self.ask(messages.MakeProof(wrapping_key))
        if not isinstance(made, messages.Made):
            raise VaultInterrupted("the vault worker gave no key")
        self._proofs[wrapping_key] = made.key
        return made.key

    def check(self) -> None:
        """Raise `VaultUnavailable` unless a worker is logged in to the token."""
        with self._changed:
            if self._worker is None:
                raise self._unavailable()

    @property
    def worker_pid(self) -> int:
        """The process that is logged in now; 0 if there is none."""
        with self._changed:
            return self._worker.pid if self._worker is not None else 0

    def close(self) -> None:
        """Log out and end the worker."""
        with self._changed:
            self._closed = True
            worker, self._worker = self._worker, None
            self._changed.notify_all()
        if worker is not None:
            worker.retire()
            worker.wait(2 * RESTART_SECONDS)

    def _ask(self, request: messages.Request, until: float) -> messages.Answer:
        for repeated in (False, True):
            worker = self._await_worker(until)
            try:
                answer = worker.ask(request).result(max(until - time.monotonic(), 0))
            except TooLate as error:
                self._lose(worker, "a call took longer than its deadline", kill=True)
                raise VaultInterrupted(
                    "the token did not answer in time", hint="Ask for a new approval in a moment."
                ) from error
            except VaultInterrupted:
                self._lose(worker, "the worker died", kill=True)
                raise
            except VaultUnavailable:
                self._lose(worker, "the worker died", kill=True)
                continue
            if not isinstance(answer, messages.Failed):
                return answer
            if answer.spoiled:
                self._lose(worker, answer.message, kill=False)
            if not answer.untouched or repeated:
                raise error_of(answer)
        raise VaultUnavailable("the vault worker was lost twice", hint="Nothing was signed. Ask again in a moment.")

    def _await_worker(self, until: float) -> WorkerProcess:
        until = min(until, time.monotonic() + _PATIENCE_SECONDS)
        with self._changed:
            while self._worker is None:
                left = until - time.monotonic()
                if self._down is not None or self._closed or left <= 0 or not self._changed.wait(left):
                    raise self._unavailable()
            return self._worker

    def _unavailable(self) -> VaultUnavailable:
        reason = self._down.message if self._down is not None else "it is being opened again"
        return VaultUnavailable(
            f"the token cannot be reached: {reason}", hint="Nothing was signed. Ask again in a moment."
        )

    def _lose(self, worker: WorkerProcess, reason: str, *, kill: bool) -> None:
        if kill:
            worker.kill()
        else:
            worker.retire()
        with self._changed:
            if self._worker is worker:
                _log.warning("vault.worker_lost", reason=reason)
                self._worker = None
                self._changed.notify_all()

    def _ended(self, worker: WorkerProcess) -> None:
        self._lose(worker, "the worker ended", kill=True)

    def _ping(self) -> None:
        with self._changed:
            worker = self._worker
        if worker is None:
            return
        try:
            answer = worker.ask(messages.Ping()).result(RESTART_SECONDS)
        except (TooLate, NatsuinError):
            self._lose(worker, "the token did not answer the question whether it is there", kill=True)
        else:
            if isinstance(answer, messages.Failed):
                self._lose(worker, answer.message, kill=False)

    def _start(self, *, thorough: bool, seconds: float) -> tuple[WorkerProcess, messages.Begun]:
        settings = self._settings
        pin = settings.pin.read()
        begin = messages.Begin(
            module=settings.module,
            parameters=settings.parameters,
            label=settings.label,
            pin=pin,
            sessions=settings.sessions,
            wrapping_key=settings.wrapping_key,
            thorough=thorough,
            allow_weak_token=settings.allow_weak_token,
            former=settings.former,
            proofs=tuple(self._proofs.values()),
        )
        worker = WorkerProcess(settings.command, self._ended)
        try:
            answer = worker.ask(begin).result(seconds)
        except (TooLate, VaultInterrupted, VaultUnavailable) as error:
            worker.kill()
            raise VaultUnavailable("the token did not open in time") from error
        if isinstance(answer, messages.Begun):
            return worker, answer
        worker.kill()
        refused = error_of(answer) if isinstance(answer, messages.Failed) else VaultUnavailable("no sensible answer")
        if isinstance(refused, PINRefused):
            settings.pin.remember_refused(pin)
        raise refused

    def _keep(self) -> None:
        while True:
            with self._changed:
                lost = self._changed.wait_for(lambda: self._closed or self._worker is None, PING_SECONDS)
                if self._closed:
                    return
            if not lost:
                self._ping()
                continue
            pauses = iter(_PAUSES_SECONDS)
            while not self._restart():
                with self._changed:
                    if isinstance(self._down, PINRefused | PINNotTried):
                        return
                    if self._changed.wait_for(lambda: self._closed, next(pauses, _PAUSES_SECONDS[-1])):
                        return

    def _restart(self) -> bool:
        try:
            worker, begun = self._start(thorough=False, seconds=RESTART_SECONDS)
        except NatsuinError as error:
            _log.warning("vault.worker_not_started", code=error.code, reason=error.message)
            with self._changed:
                self._down = error
                self._changed.notify_all()
            if isinstance(error, PINRefused | PINNotTried):
                self._stop(error)
            return False
        with self._changed:
            if self._closed:
                worker.retire()
            else:
                # One that ended meanwhile was not known to `_ended` yet.
                self._worker, self._down = None if worker.gone else worker, None
                _log.info("vault.worker_started", token=begun.label)
            self._changed.notify_all()
        return True
