"""Threads that use keys at the same time, for the requests that one lane carries."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")


class KeyWorkers:
    """Spreads the private-key operations of a group over cores, or over a token's sessions. Safe from several threads.

    Durable steps are shared by a group and need one thread; private-key operations need none of Python's lock, so they
    are what a second core is for.
    """

    def __init__(self, helpers: int) -> None:
        """`helpers` threads beside the caller's own."""
        self._helpers = helpers
        self._pool = ThreadPoolExecutor(max(1, helpers), thread_name_prefix="key-use")

    def run(self, work: Callable[[_Item], None], items: Sequence[_Item]) -> None:
        """Call `work` once with each item and return when all calls have ended; the first of their errors is raised.

        A single item costs no change of threads.
        """
        left = deque(items)

        def until_none_is_left() -> None:
            while True:
                try:
                    item = left.popleft()
                except IndexError:
                    return
                work(item)

        helping = [self._pool.submit(until_none_is_left) for _ in range(min(self._helpers, len(items) - 1))]
        try:
            until_none_is_left()
        finally:
            # Whoever continues after this must be able to rely on no key being in use any more. A helper that has not
            # begun would find nothing left, perhaps only after somebody else's long work.
            begun = [future for future in helping if not future.cancel()]
            errors = [future.exception() for future in begun]
        for error in errors:
            if error is not None:
                raise error

    def close(self) -> None:
        """Wait for calls that run and stop the threads."""
        self._pool.shutdown()
