"""Rounds of asking all witnesses about the newest checkpoint, while the log goes on.

A round is over one checkpoint, because only cosignatures of one checkpoint count together. What is committed meanwhile
gathers for the next round. Each witness has a thread of its own, so one that hangs holds up nobody but itself; a round
ends when a quorum has cosigned, when everybody has answered, or after `seconds`. After a round that failed nobody waits
any more until one has succeeded: an outage costs one wait, not one for each signature.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from natsuin.errors import NatsuinError
from natsuin.signing_log.refusals import NotWitnessed, WitnessRefused
from natsuin.signing_log.witnesses.asking import AskedWitness, Shown
from natsuin.signing_log.witnesses.cosignatures import Cosignature, with_cosignatures

RETRY_SECONDS: Final = 1.0
"""Between rounds while too few witnesses answer."""
_TOLD_AGAIN: Final = 300
"""Rounds that failed, between two lines about it in the process's own log."""

_log = structlog.get_logger("natsuin.signing_log")


@dataclass(frozen=True)
class Witnessing:
    """Whom a log asks, how many must cosign, and what is to happen when they do not."""

    witnesses: Sequence[AskedWitness]
    quorum: int
    closed: bool
    """Whether nothing is released without them; otherwise it goes on, and the checkpoint lacks their lines."""
    seconds: float = 2.0
    """For one round."""


@dataclass(frozen=True)
class Standing:
    """How it stands with one witness: entries it has seen, the time of its newest cosignature (0: none since the
    start), failures since the start, and why it failed last, if its last answer was a failure."""

    name: str
    known: int
    time: int
    failures: int
    reason: str


@dataclass
class _Round:
    shown: Shown
    found: dict[int, Cosignature] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    over: bool = False


@dataclass
class _About:
    """What is remembered of one witness. Guarded by the condition."""

    time: int = 0
    failures: int = 0
    reason: str = ""


class Rounds:
    """Asks in threads of its own, and is waited for by anybody. Made for one open log."""

    def __init__(
        self,
        witnessing: Witnessing,
        *,
        prepare: Callable[[], Shown],
        show: Callable[[int, str], None],
        stop: Callable[[NatsuinError], None],
    ) -> None:
        """`prepare` gives the newest checkpoint, whose files can be read; `show` publishes a checkpoint of that size;
        `stop` ends the log. All three are called from threads of this class. Nothing is asked before `begin`.
        """
        self._witnessing = witnessing
        self._prepare, self._show, self._stop = prepare, show, stop
        # Guarded by the condition:
        self._condition = threading.Condition()
        self._wanted = -1
        """Size of the newest commit."""
        self._round: _Round | None = None
        self._cosigned: tuple[int, str] = (-1, "")
        self._away = False
        """Whether the last round failed."""
        self._failed_rounds = 0
        self._retry_at = 0.0
        self._refused: NatsuinError | None = None
        self._closing = False
        self._begun = False
        self._about = [_About() for _ in witnessing.witnesses]
        self._threads = [threading.Thread(target=self._lead, name="log-witnesses", daemon=True)]
        self._threads += [
            threading.Thread(target=self._ask, args=(place,), name=f"log-witness-{place}", daemon=True)
            for place in range(len(witnessing.witnesses))
        ]

    def begin(self, size: int) -> None:
        """Ask about a log of `size` entries before anything is written. Raises `WitnessRefused`; a failure is no reason
        not to begin."""
        for thread in self._threads:
            thread.start()
        self.wish(size)
        self.wait(size)
        with self._condition:
            if self._refused is not None:
                raise self._refused
            self._begun = True

    def wish(self, size: int) -> None:
        """The log has grown to `size` entries."""
        with self._condition:
            if size > self._wanted:
                self._wanted = size
                self._condition.notify_all()

    def wait(self, size: int) -> bool:
        """Whether a quorum has cosigned at least `size` entries: at once when that is so or hopeless now, otherwise
        after this round and the next at the latest."""
        with self._condition:
            self._condition.wait_for(
                lambda: self._cosigned[0] >= size or self._away or self._closing or self._refused is not None,
                2 * self._witnessing.seconds + 1,
            )
            return self._cosigned[0] >= size

    def require(self, size: int) -> None:
        """Wait for a quorum over `size` entries where nothing goes on without. Raises `NotWitnessed`."""
        if self._witnessing.closed and not self.wait(size):
            raise self.missing()

    def require_present(self) -> None:
        """Raise `NotWitnessed` where nothing goes on without witnesses, and they were missing in the last round."""
        with self._condition:
            away = self._away and self._witnessing.closed
        if away:
            raise self.missing()

    def missing(self) -> NotWitnessed:
        """The error of who waited in vain."""
        return NotWitnessed(
            "too few witnesses of the signing log answer, and nothing is released without them",
            hint="Nothing is lost: ask again with the same request when they are back.",
        )

    @property
    def cosigned(self) -> tuple[int, str]:
        """Size and note of the newest checkpoint that a quorum has cosigned; size -1 when there is none since the
        start."""
        with self._condition:
            return self._cosigned

    def standing(self) -> tuple[Standing, ...]:
        """How it stands with each witness."""
        with self._condition:
            return tuple(
                Standing(witness.key.name, witness.known, about.time, about.failures, about.reason)
                for witness, about in zip(self._witnessing.witnesses, self._about, strict=True)
            )

    def close(self) -> None:
        """Ask no more. Threads that still wait for a witness end by themselves."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(self._witnessing.seconds)

    def _lead(self) -> None:
        """One round after the other."""
        while True:
            with self._condition:
                while not (self._closing or self._refused or self._is_due()):
                    self._condition.wait(max(0.01, self._retry_at - time.monotonic()) if self._away else None)
                if self._closing or self._refused:
                    return
            try:
                shown = self._prepare()
            except NatsuinError as error:
                self._end(error)
                return
            self._hold(_Round(shown))

    def _is_due(self) -> bool:
        if self._away:
            return time.monotonic() >= self._retry_at
        return self._wanted > self._cosigned[0]

    def _hold(self, held: _Round) -> None:
        with self._condition:
            self._round = held
            self._condition.notify_all()
            everybody = len(self._witnessing.witnesses)
            self._condition.wait_for(
                lambda: (
                    len(held.found) >= self._witnessing.quorum
                    or len(held.found) + len(held.failed) == everybody
                    or self._closing
                    or self._refused is not None
                ),
                self._witnessing.seconds,
            )
            held.over = True
            reached = len(held.found) >= self._witnessing.quorum
            note = with_cosignatures(held.shown.note, self._in_order(held))
            if reached:
                self._cosigned = (held.shown.size, note)
            self._tell(held, reached=reached)
            self._away = not reached
            self._retry_at = time.monotonic() + RETRY_SECONDS
            refused = self._refused is not None
            self._condition.notify_all()
        if not refused:
            self._publish(held.shown.size, note)

    def _in_order(self, held: _Round) -> list[Cosignature]:
        return [held.found[place] for place in sorted(held.found)]

    def _publish(self, size: int, note: str) -> None:
        with self._condition:
            if self._closing:
                return
        try:
            self._show(size, note)
        except NatsuinError as error:
            self._end(error)

    def _ask(self, place: int) -> None:
        """The work of one witness's thread: one answer for each round that it finds when it is free."""
        witness = self._witnessing.witnesses[place]
        last: _Round | None = None
        while True:
            with self._condition:
                while not (self._closing or self._refused) and self._round is last:
                    self._condition.wait()
                last = self._round
                if self._closing or self._refused or last is None:
                    witness.close()
                    return
            try:
                cosignature = witness.ask(last.shown)
            except WitnessRefused as error:
                self._end(error)
                return
            except NatsuinError as error:
                self._failed(place, last, error)
            else:
                self._found(place, last, cosignature)

    def _failed(self, place: int, asked: _Round, error: NatsuinError) -> None:
        with self._condition:
            about = self._about[place]
            first = not about.reason
            about.failures, about.reason = about.failures + 1, error.message
            asked.failed.add(place)
            self._condition.notify_all()
        if first:
            name = self._witnessing.witnesses[place].key.name
            _log.warning("log.witness_missing", witness=name, reason=error.message, failures=about.failures)

    def _found(self, place: int, asked: _Round, cosignature: Cosignature) -> None:
        with self._condition:
            about = self._about[place]
            back = bool(about.reason)
            about.time, about.reason = cosignature.time, ""
            asked.found[place] = cosignature
            late = asked.over and asked is self._round
            note = with_cosignatures(asked.shown.note, self._in_order(asked))
            if late and asked.shown.size == self._cosigned[0]:
                self._cosigned = (asked.shown.size, note)
            self._condition.notify_all()
        if back:
            name = self._witnessing.witnesses[place].key.name
            _log.info("log.witness_back", witness=name, failures=about.failures)
        if late:
            self._publish(asked.shown.size, note)

    def _tell(self, held: _Round, *, reached: bool) -> None:
        if reached:
            if self._failed_rounds:
                _log.info("log.witnesses_back", size=held.shown.size, failed_rounds=self._failed_rounds)
            self._failed_rounds = 0
            return
        self._failed_rounds += 1
        if self._failed_rounds % _TOLD_AGAIN == 1 and not self._closing:
            missing = [
                witness.key.name for place, witness in enumerate(self._witnessing.witnesses) if place not in held.found
            ]
            _log.error(
                "log.witnesses_missing",
                size=held.shown.size,
                cosigned=len(held.found),
                quorum=self._witnessing.quorum,
                missing=missing,
                failed_rounds=self._failed_rounds,
                closed=self._witnessing.closed,
            )

    def _end(self, error: NatsuinError) -> None:
        with self._condition:
            # Before the log is open, whoever opens it is told instead.
            first = self._begun and self._refused is None and not self._closing
            self._refused = self._refused or error
            self._condition.notify_all()
        if first:
            self._stop(error)
