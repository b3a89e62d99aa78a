"""The one writer thread: it takes everything that waits, commits it at once, and answers everybody.

There is no timer. While one batch is on its way to the disk the next one gathers, so a lone entry is never kept waiting
and a crowd shares one commit.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from natsuin import faults
from natsuin.errors import Busy, NatsuinError, StorageFailed
from natsuin.signing_log.commit import Committer, Leaf
from natsuin.signing_log.receipts import Receipt
from natsuin.signing_log.refusals import LogClosed

MAX_WAITING: Final = 4096
"""Entries that may wait; also the most that one commit takes."""


class Writer:
    """The queue in front of a `Committer`. `submit` may be called from any thread."""

    def __init__(
        self,
        committer: Committer,
        *,
        on_commit: Callable[[int, str], None],
        on_settled: Callable[[int], None],
        on_fatal: Callable[[NatsuinError], None] | None = None,
    ) -> None:
        """Start the thread. It calls `on_commit(size, checkpoint)` before anybody gets a receipt of that commit.

        It calls `on_settled(size)` when the files of the first `size` entries are durable.
        After a failure it calls `on_fatal` once, having failed all who wait: the process should then end.
        """
        # Owned by the writer thread.
        self._committer = committer
        self._settler = ThreadPoolExecutor(1, thread_name_prefix="signing-log-settler")
        self._settling: Future[int] | None = None
        self._on_commit, self._on_settled, self._on_fatal = on_commit, on_settled, on_fatal
        # Guarded by the condition.
        self._condition = threading.Condition()
        self._waiting: list[tuple[Leaf, Future[Receipt]]] = []
        self._closing = False
        self._failure: NatsuinError | None = None
        self._thread = threading.Thread(target=self._run, name="signing-log-writer", daemon=True)
        self._thread.start()

    def submit(self, leaf: Leaf) -> Future[Receipt]:
        """`submit_all` for one entry."""
        return self.submit_all([leaf])[0]

    def submit_all(self, leaves: Sequence[Leaf]) -> list[Future[Receipt]]:
        """Queue entries, all or none, one after the other in one commit. The futures give their receipts when they are
        durable and published, or `StorageFailed`.

        Raises `Busy` when the queue is full, `LogClosed` after `close`, `StorageFailed` after a failure. A caller that
        gives up waiting knows nothing: the entries may still be written.
        """
        futures: list[Future[Receipt]] = [Future() for _ in leaves]
        for future in futures:
            # A waiting entry is somebody's; cancelling it would leave a hole in what the caller believes.
            future.set_running_or_notify_cancel()
        with self._condition:
            if self._failure is not None:
                raise StorageFailed(self._failure.message) from self._failure
            if self._closing:
                raise LogClosed("the log is closed")
            if len(self._waiting) + len(leaves) > MAX_WAITING:
                raise Busy("too many entries wait for the log", hint="Try again in a moment.")
            self._waiting.extend(zip(leaves, futures, strict=True))
            self._condition.notify()
        faults.point("log.queued")
        return futures

    def close(self) -> None:
        """Take no more, commit what waits, and end the thread."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        batch: list[tuple[Leaf, Future[Receipt]]] = []
        try:
            while batch := self._next_batch():
                self._commit(batch)
                self._settle()
            if self._settling is not None:
                self._settling.result()
            self._committer.finish()
        except Exception as error:
            # Whatever it was, the disk may be ahead of the row, and only a start from the row puts that right.
            self._fail(error, batch)
        finally:
            self._settler.shutdown()

    def _next_batch(self) -> list[tuple[Leaf, Future[Receipt]]]:
        """Everything that waits; nothing only when the log closes."""
        with self._condition:
            while not self._waiting and not self._closing:
                self._condition.wait()
            batch, self._waiting = self._waiting, []
            return batch

    def _commit(self, batch: list[tuple[Leaf, Future[Receipt]]]) -> None:
        growth = self._committer.commit([leaf for leaf, _ in batch])
        note = self._committer.signed.note
        self._on_commit(growth.size, note)
        for index, (leaf, future) in enumerate(batch, growth.old_size):
            future.set_result(Receipt(index, leaf.content, growth.size, growth.proof(index), note))

    def _settle(self) -> None:
        """Have the files of many commits made durable while the next commits go on."""
        if self._settling is not None:
            if not self._settling.done():
                return
            self._committer.settled = self._settling.result()
            self._settling = None
            self._on_settled(self._committer.settled)
        if self._committer.wants_settling:
            self._settling = self._settler.submit(self._committer.detach())

    def _fail(self, error: Exception, batch: list[tuple[Leaf, Future[Receipt]]]) -> None:
        failure = error if isinstance(error, StorageFailed) else StorageFailed("the log cannot sign or go on")
        if failure is not error:
            failure.__cause__ = error
        with self._condition:
            self._failure = failure
            left, self._waiting = self._waiting, []
        for _, future in (*batch, *left):
            if not future.done():
                future.set_exception(StorageFailed(failure.message))
        if self._on_fatal is not None:
            self._on_fatal(failure)
