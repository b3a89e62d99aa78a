"""The queue in front of the log: whoever waits shares one commit, and the folder follows some moments later.

There is no timer before a commit and no thread of its own: the first caller leads. It takes whatever waits, commits it,
hands the lead to the first of those who came meanwhile, and answers. So a lone caller pays for no change of threads,
and a crowd shares commits while the disk is busy. A thread, the keeper, publishes what was committed: once in
`PUBLISH_SECONDS`, so that the files of many commits are written once.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from natsuin import faults
from natsuin.errors import Busy, NatsuinError, StorageFailed
from natsuin.signing_log.commit import Committer
from natsuin.signing_log.key_chains import Unplaced
from natsuin.signing_log.receipts import Receipt
from natsuin.signing_log.refusals import LogClosed, WitnessRefused

MAX_WAITING: Final = 4096
"""Entries that may wait; also the most that one commit takes."""
PUBLISH_SECONDS: Final = 0.1
"""How long a commit may wait for its files. Three files for each would cost more than all the rest of a commit."""


class _Item:
    """What one caller wants written in one commit, and what came of it."""

    __slots__ = ("answered", "entries", "error", "receipts", "wake")

    def __init__(self, entries: Sequence[Unplaced]) -> None:
        self.entries = entries
        self.receipts: list[Receipt] = []
        self.error: NatsuinError | None = None
        self.answered = False
        self.wake: threading.Lock | None = None
        """What the caller sleeps on while somebody else leads."""


class Writer:
    """Commits what any thread adds, one commit at a time, and keeps the folder up to date."""

    def __init__(
        self,
        committer: Committer,
        *,
        on_commit: Callable[[int, str], None],
        on_settled: Callable[[int], None],
        on_fatal: Callable[[NatsuinError], None] | None = None,
    ) -> None:
        """Start the keeper. `on_commit(size, checkpoint)` is called before anybody gets a receipt of that commit.

        `on_settled(size)` is called when the files of the first `size` entries are durable.
        After a failure `on_fatal` is called once, all who wait having failed: the process should then end.
        """
        self._settling = threading.Lock()
        """Held before `_writing`, and longer: files of earlier commits are durable before those of later ones."""
        # Owned by whoever holds _writing:
        self._writing = threading.Lock()
        self._committer = committer
        self._on_commit, self._on_settled, self._on_fatal = on_commit, on_settled, on_fatal
        # Guarded by the condition, which the keeper waits for:
        self._condition = threading.Condition()
        self._waiting: deque[_Item] = deque()
        self._entries = 0
        """Number of entries in `_waiting`."""
        self._led = False
        self._due: float | None = None
        """When to publish; None while nothing new is committed."""
        self._closing = False
        self._failure: NatsuinError | None = None
        self._keeper = threading.Thread(target=self._keep, name="signing-log-keeper", daemon=True)
        self._keeper.start()

    def add_all(self, entries: Sequence[Unplaced]) -> list[Receipt]:
        """Write entries, all or none, one after the other in one commit. On return they are durable and signed for.

        Raises `Busy` when the queue is full, `LogClosed` after `close`, `StorageFailed`; after the last the caller
        knows nothing: the entries may be written.
        """
        if not entries:
            return []
        item = _Item(entries)
        with self._condition:
            self._enqueue(item)
            if self._led:
                item.wake = threading.Lock()
                item.wake.acquire()
            self._led = True
        faults.point("log.queued")
        if item.wake is not None:
            self._sleep(item, item.wake)
        if not item.answered:
            self._lead()
        if not item.receipts:
            raise item.error or StorageFailed("the log has failed")
        return item.receipts

    def publish(self) -> str:
        """Bring the folder up to the newest checkpoint now, and give it: a reader finds all its tiles, which is not so
        for every checkpoint between two publications. Raises `StorageFailed`, which ends the log."""
        note = ""
        try:
            note = self._publish()
        except Exception as error:
            self._fail(error, ())
        if self._failure is not None:
            raise StorageFailed(self._failure.message) from self._failure
        return note

    def display(self, size: int, note: str) -> None:
        """From now on the folder shows `note`, a checkpoint of `size` entries, until told otherwise. One that is
        smaller than what was shown before is not taken: everybody who remembers that would miss entries; nor is one of
        the same size that fewer have signed."""
        with self._writing:
            shown = self._committer.display
            if shown is None or (size, note.count("\n")) >= (shown[0], shown[1].count("\n")):
                self._committer.display = size, note

    def stop(self, error: NatsuinError) -> None:
        """End the log because of what others know about it. Who waits gets `StorageFailed`."""
        self._fail(error, ())

    def close(self) -> None:
        """Take no more, commit what waits, publish, settle, and end the keeper. May be called again."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        if threading.current_thread() is not self._keeper:
            self._keeper.join()

    def _enqueue(self, item: _Item) -> None:
        if self._failure is not None:
            raise StorageFailed(self._failure.message) from self._failure
        if self._closing:
            raise LogClosed("the log is closed")
        if self._entries + len(item.entries) > MAX_WAITING:
            raise Busy("too many entries wait for the log", hint="Try again in a moment.")
        self._waiting.append(item)
        self._entries += len(item.entries)

    def _sleep(self, item: _Item, wake: threading.Lock) -> None:
        """Until somebody has written the entries, or hands on the lead."""
        try:
            wake.acquire()
        except BaseException:
            # An interrupted caller takes back what nobody has begun, and must not keep the lead.
            with self._condition:
                if item in self._waiting:
                    self._waiting.remove(item)
                    self._entries -= len(item.entries)
                    if not wake.locked():
                        self._hand_on()
            raise

    def _lead(self) -> None:
        """Commit everything that waits, hand on the lead, answer."""
        with self._condition:
            batch, self._waiting = self._waiting, deque()
            self._entries = 0
        try:
            with self._writing:
                self._commit(batch)
        except BaseException as error:
            # Whatever it was, the disk may be ahead of the row, and only a start from the row puts that right.
            self._fail(error, batch)
            if not isinstance(error, Exception):
                raise
            return
        with self._condition:
            if self._due is None:
                self._due = time.monotonic() + PUBLISH_SECONDS
                self._condition.notify()
            self._hand_on()
        for item in batch:
            item.answered = True
            _wake(item)

    def _hand_on(self) -> None:
        """Give the lead to the first who waits, or to nobody. The condition is held."""
        self._led = bool(self._waiting)
        if self._waiting:
            _wake(self._waiting[0])
        elif self._closing:
            self._condition.notify()

    def _commit(self, batch: Sequence[_Item]) -> None:
        if self._failure is not None:
            raise StorageFailed(self._failure.message)
        receipts = self._committer.commit([entry for item in batch for entry in item.entries])
        signed = self._committer.signed
        self._on_commit(signed.size, signed.note)
        first = 0
        for item in batch:
            item.receipts = receipts[first : first + len(item.entries)]
            first += len(item.entries)

    def _keep(self) -> None:
        """The keeper's work: publish when it is time, until the log is closed or has failed."""
        try:
            while self._wait():
                self._publish()
            with self._settling, self._writing:
                if self._failure is None:
                    self._committer.finish()
        except Exception as error:
            self._fail(error, ())

    def _wait(self) -> bool:
        """Sleep until it is time to publish; False when that never will be again."""
        with self._condition:
            while self._failure is None and not (self._closing and not self._led):
                left = None if self._due is None else self._due - time.monotonic()
                if left is not None and left <= 0:
                    self._due = None
                    return True
                self._condition.wait(left)
            return False

    def _publish(self) -> str:
        """Show what was committed, and give its checkpoint; from time to time make the files durable while the next
        commits go on."""
        with self._settling:
            with self._writing:
                if self._failure is not None:
                    return ""
                self._committer.publish()
                note = self._committer.signed.note
                settle = self._committer.detach() if self._committer.wants_settling else None
            if settle is not None:
                size = settle()
                with self._writing:
                    self._committer.settled = size
                    self._on_settled(size)
        return note

    def _fail(self, error: BaseException, batch: Sequence[_Item]) -> None:
        failure: NatsuinError = StorageFailed("the log cannot sign or go on")
        if isinstance(error, StorageFailed | WitnessRefused):
            failure = error
        else:
            failure.__cause__ = error
        with self._condition:
            first = self._failure is None
            self._failure = self._failure or failure
            left, self._waiting = self._waiting, deque()
            self._led = False
            self._condition.notify()
        for item in (*batch, *left):
            item.error = StorageFailed(failure.message)
            item.answered = True
            _wake(item)
        if first and self._on_fatal is not None:
            self._on_fatal(failure)


def _wake(item: _Item) -> None:
    """Let the caller go on, who is not asleep if it leads."""
    if item.wake is not None and item.wake.locked():
        item.wake.release()
