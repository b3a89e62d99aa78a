"""A fixed number of threads with a bounded queue before them."""

import queue
import threading
from collections.abc import Callable

from natsuin.errors import Busy


class Workers:
    """Runs jobs in the order they came. Thread safe. A job must not raise: it answers its caller itself."""

    def __init__(self, threads: int, *, longest_queue: int) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._longest_queue = longest_queue
        self._threads = [threading.Thread(target=self._run, name=f"sam-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Callable[[], None]) -> None:
        """Queue `job`.

        Raises:
            Busy: too many wait already.
        """
        if self._waiting.qsize() >= self._longest_queue:
            raise Busy("The key module has too much to do.", hint="Ask again in a few seconds.")
        self._waiting.put(job)

    def close(self, timeout: float) -> None:
        """Finish what waits, for at most `timeout` seconds for each thread."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(timeout)

    def _run(self) -> None:
        while (job := self._waiting.get()) is not None:
            job()
