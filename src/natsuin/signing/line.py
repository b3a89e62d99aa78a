"""The signing line: requests wait in one queue, and a few lanes carry along whatever waits when they set out."""

import threading
from collections import deque
from concurrent.futures import Future
from time import monotonic

import structlog

from natsuin.errors import Busy, NatsuinError, StorageFailed
from natsuin.sam.protocol import Sign, Signed
from natsuin.signing.sign import SigningPath, SignRequest

_log = structlog.get_logger("natsuin.sam")
_LONGEST_QUEUE = 4096
_TOGETHER = 32
_LIGHT = 40
"""Digests that one lane carries sooner than a second lane would pay for: each journey costs four waits for the disk."""
_PATIENCE_SECONDS = 0.05
"""How long anybody waits for a lane that travels before another sets out: longer than forty fast keys take."""
_GATHER_SECONDS = 0.008
"""How long a lane waits for those who came along a moment ago: about as long as web needs to bring them back."""


class SigningLine:
    """Feeds `SigningPath.sign_together`. Safe from several threads.

    One lane travels while little waits, and takes everybody along: two lanes with half the requests each would wait for
    the disk twice as often. Only when much is asked for at once, or the one is away for long, do the others set out as
    well, each with an equal share, so that a long batch holds up nobody else. A lane that comes home and finds fewer
    than it has seen waits a moment for the others, or those who are quick would always travel alone; a lone caller
    never waits.

    State: `_turn` guards the queue and who travels; each lane thread owns the requests that it took.
    """

    def __init__(self, path: SigningPath, *, lanes: int = 2) -> None:
        self._path = path
        self._turn = threading.Lock()
        self._set_out = [threading.Condition(self._turn) for _ in range(lanes)]
        self._waiting: deque[SignRequest] = deque()
        self._digests_waiting = 0
        self._carried: dict[int, int] = {}
        """Of each lane that travels: how many requests it has along."""
        self._digests_carried = 0
        self._began: dict[int, float] = {}
        """Of each lane that travels: since when, by the steady clock."""
        self._expected = 0
        """As many as were along, or waiting, when the last journey ended."""
        self._left_behind: int | None = None
        """How many waited when the journey's first answer was given: those who come after may be the same again."""
        self._gathering = False
        self._gathered = threading.Condition(self._turn)
        self._closing = False
        self._lanes = [
            threading.Thread(target=self._run, args=(n,), name=f"signing-{n}", daemon=True) for n in range(lanes)
        ]
        for lane in self._lanes:
            lane.start()

    def submit(self, message: Sign) -> "Future[Signed]":
        """The signatures, when they may leave. Raises `Busy` if too many requests wait; the future raises the rest."""
        future: Future[Signed] = Future()

        def answer(result: Signed | NatsuinError) -> None:
            if future.done():
                return
            if self._left_behind is None:
                self._left_behind = len(self._waiting)
            if isinstance(result, NatsuinError):
                future.set_exception(result)
            else:
                future.set_result(result)

        with self._turn:
            if self._closing:
                raise Busy("signing is being shut down", hint="Ask again in a few seconds.")
            if len(self._waiting) >= _LONGEST_QUEUE:
                raise Busy("too many signatures are waiting", hint="Ask again in a few seconds.")
            self._waiting.append(SignRequest(message, answer))
            self._digests_waiting += len(message.dtbs)
            if not self._gathering:
                self._call_a_lane()
            elif self._all_are_here():
                self._gathered.notify()
        return future

    def close_overdue(self) -> None:
        """Bring to their end the uses that waited for witnesses until their approval was over."""
        if self._path.parked.waits:
            self._carry([])

    def close(self) -> None:
        """Finish what waits, then stop the lanes and the path's own threads."""
        with self._turn:
            self._closing = True
            for lane in self._set_out:
                lane.notify()
        for thread in self._lanes:
            thread.join()
        self._path.close()

    def _call_a_lane(self) -> None:
        """Wake a lane that is at home, if one more should travel. The first before the others: its caches are warm."""
        # Whoever is the first to wait for a lane that travels needs somebody who loses patience in time.
        if self._may_set_out() or len(self._waiting) == 1:
            self._wake_a_lane()

    def _wake_a_lane(self) -> None:
        home = next((n for n in range(len(self._set_out)) if n not in self._carried), None)
        if home is not None:
            self._set_out[home].notify()

    def _may_set_out(self) -> bool:
        return bool(self._waiting) and (not self._carried or not self._is_light() or self._patience() <= 0)

    def _patience(self) -> float:
        """Seconds until a lane that travels has been away for long."""
        return min(self._began.values()) + _PATIENCE_SECONDS - monotonic()

    def _run(self, lane: int) -> None:
        while True:
            with self._turn:
                # While another lane gathers, those who wait are that lane's: it calls for help when it sets out.
                while self._gathering or not self._may_set_out():
                    if self._closing and not self._waiting:
                        return
                    impatient = self._waiting and self._began and not self._gathering
                    self._set_out[lane].wait(self._patience() if impatient else None)
                self._gather()
                requests = self._board(lane)
            self._carry(requests)
            with self._turn:
                del self._carried[lane], self._began[lane]
                self._expected = min(_TOGETHER, len(requests) + (self._left_behind or 0))
                self._digests_carried -= _digests_of(requests)
                if self._closing:
                    for other in self._set_out:
                        other.notify()

    def _all_are_here(self) -> bool:
        return len(self._waiting) >= self._expected or not self._is_light() or self._closing

    def _gather(self) -> None:
        if self._all_are_here():
            return
        self._gathering = True
        self._gathered.wait_for(self._all_are_here, _GATHER_SECONDS)
        self._gathering = False

    def _is_light(self) -> bool:
        return self._digests_waiting + self._digests_carried <= _LIGHT

    def _board(self, lane: int) -> list[SignRequest]:
        """Take an equal share of what there is: everything, if no other lane is wanted."""
        everybody = len(self._waiting) + sum(self._carried.values())
        share = everybody if self._is_light() else -(-everybody // len(self._lanes))
        requests = [self._waiting.popleft() for _ in range(min(_TOGETHER, share, len(self._waiting)))]
        self._digests_waiting -= _digests_of(requests)
        self._digests_carried += _digests_of(requests)
        self._carried[lane], self._began[lane] = len(requests), monotonic()
        self._left_behind = None
        if self._waiting:
            self._wake_a_lane()
        return requests

    def _carry(self, requests: list[SignRequest]) -> None:
        try:
            self._path.sign_together(requests)
        except Exception as error:
            # A defect of ours: nobody knows how far the requests came, so the next start must close them.
            _log.exception("signing stopped on an unexpected error")
            failure = StorageFailed(f"signing stopped on an unexpected error: {type(error).__name__}")
            for request in requests:
                request.answer(failure)
            self._path.stop(failure)


def _digests_of(requests: list[SignRequest]) -> int:
    return sum(len(request.message.dtbs) for request in requests)
