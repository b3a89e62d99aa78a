"""The signing line: requests wait in one queue, and a few lanes carry along whatever waits when they set out."""

import queue
import threading
from concurrent.futures import Future

from natsuin.errors import Busy, NatsuinError, StorageFailed
from natsuin.sam.protocol import Sign, Signed
from natsuin.signing.sign import SigningPath, SignRequest

_LONGEST_QUEUE = 4096
_TOGETHER = 32


class SigningLine:
    """Feeds `SigningPath.sign_together`. Safe from several threads.

    State: `_waiting` is shared by callers and lanes and guards itself; each lane thread owns the requests that it took,
    and `_lock` guards how many those are together.
    """

    def __init__(self, path: SigningPath, *, lanes: int = 2) -> None:
        self._path = path
        self._waiting: queue.SimpleQueue[SignRequest | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._carried = 0
        self._lanes = [threading.Thread(target=self._run, name=f"signing-{n}", daemon=True) for n in range(lanes)]
        for lane in self._lanes:
            lane.start()

    def submit(self, message: Sign) -> "Future[Signed]":
        """The signatures, when they may leave. Raises `Busy` if too many requests wait; the future raises the rest."""
        future: Future[Signed] = Future()

        def answer(result: Signed | NatsuinError) -> None:
            if future.done():
                return
            if isinstance(result, NatsuinError):
                future.set_exception(result)
            else:
                future.set_result(result)

        if self._waiting.qsize() >= _LONGEST_QUEUE:
            raise Busy("too many signatures are waiting", hint="Ask again in a few seconds.")
        self._waiting.put(SignRequest(message, answer))
        return future

    def close(self) -> None:
        """Finish what waits, then stop the lanes."""
        for _ in self._lanes:
            self._waiting.put(None)
        for lane in self._lanes:
            lane.join()

    def _run(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            with self._lock:
                requests = [first, *self._others(self._share() - 1)]
                stop = requests[-1] is None
                taken = [request for request in requests if request is not None]
                self._carried += len(taken)
            self._carry(taken)
            with self._lock:
                self._carried -= len(taken)
            if stop:
                return

    def _carry(self, requests: list[SignRequest]) -> None:
        try:
            self._path.sign_together(requests)
        except Exception as error:
            # A defect of ours: nobody knows how far the requests came, so the next start must close them.
            failure = StorageFailed(f"signing stopped on an unexpected error: {type(error).__name__}")
            for request in requests:
                request.answer(failure)
            self._path.stop(failure)
            raise

    def _share(self) -> int:
        """How many a lane takes at most, so that every lane travels with as many as the others.

        Each journey costs four waits for the disk: a lane with two requests pays as much as one with thirty, and would
        otherwise go on taking two for ever, since nobody else comes back in its short time.
        """
        everybody = 1 + self._waiting.qsize() + self._carried
        return min(_TOGETHER, -(-everybody // len(self._lanes)))

    def _others(self, most: int) -> list[SignRequest | None]:
        others: list[SignRequest | None] = []
        while len(others) < most:
            try:
                others.append(self._waiting.get_nowait())
            except queue.Empty:
                break
            if others[-1] is None:
                break
        return others
