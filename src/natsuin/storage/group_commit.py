"""Group commit: everybody who waits to write shares one transaction and one wait for the disk.

There is no timer and no extra thread. The first caller leads: it takes whatever waits, runs
each piece of work behind a savepoint, commits once, and then passes the lead to the first of those who came meanwhile.
So a lone caller pays for no change of threads, which costs more than the transaction itself, and a crowd makes its own
groups while the disk is busy. Work that raises is undone alone.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from natsuin.errors import Busy, StorageFailed, Unavailable
from natsuin.storage.engines import WAIT_SECONDS
from natsuin.storage.failures import translate

T = TypeVar("T")
_Work = Callable[[sa.Connection], Any]

_LARGEST_GROUP = 128
"""Bounds how long the first of a group waits for the last."""


class _Item:
    """One caller's work and its outcome. `wake` is what the caller sleeps on, if somebody else leads."""

    __slots__ = ("answered", "error", "promoted", "result", "wake", "work")

    def __init__(self, work: _Work) -> None:
        self.work = work
        self.wake: threading.Lock | None = None
        self.promoted = False
        self.answered = False
        self.result: Any = None
        self.error: BaseException | None = None


class GroupCommit:
    """The queue, and the connection that whoever leads uses. Thread safe."""

    def __init__(self, connect: Callable[[], sa.Connection], begin: str, lock: threading.Lock) -> None:
        """`connect` opens a connection; `begin` is sent to its driver first in every transaction.

        `lock` is held from begin to commit, so that other writers of this process queue there and do not poll the file.
        """
        self._connect = connect
        self._begin = begin
        self._lock = lock
        # Owned by whoever leads:
        self._connection: sa.Connection | None = None
        self._driver: Any = None
        self._leader = 0
        # Guarded by _guard:
        self._guard = threading.Lock()
        self._waiting: deque[_Item] = deque()
        self._led = False
        self._closed = False

    def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Do `work` in a group and wait until it is durable."""
        if self._leader == threading.get_ident():
            raise RuntimeError("run_grouped was called from work that already runs in a group")
        item = _Item(work)
        with self._guard:
            self._enqueue(item)
            if self._led:
                item.wake = threading.Lock()
                item.wake.acquire()
            self._led = True
        if item.wake is None:
            self._lead()
        else:
            self._wait(item)
        if item.error is not None:
            raise item.error
        result: T = item.result
        return result

    def close(self) -> None:
        """Finish what waits, then stop. May be called again."""
        with self._guard:
            self._closed = True
        while self._led:
            time.sleep(0.001)
        self._forget_connection()

    def _enqueue(self, item: _Item) -> None:
        if self._closed:
            raise Unavailable("The database is closed.")
        self._waiting.append(item)

    def _wait(self, item: _Item) -> None:
        """Sleep until somebody has done `item`, or until it is this caller's turn to lead."""
        assert item.wake is not None  # noqa: S101
        try:
            item.wake.acquire()
        except BaseException:
            # An interrupted caller takes back what nobody has begun, and must not keep the lead.
            with self._guard:
                if item in self._waiting:
                    self._waiting.remove(item)
                    if item.promoted:
                        self._promote()
            raise
        if not item.answered:
            self._lead()

    def _lead(self) -> None:
        """Serve one group, hand the lead on, answer."""
        group: list[_Item] = []
        try:
            with self._guard:
                while self._waiting and len(group) < _LARGEST_GROUP:
                    group.append(self._waiting.popleft())
            self._leader = threading.get_ident()
            self._serve(group)
        finally:
            self._leader = 0
            with self._guard:
                self._promote()
            for item in group:
                _answer(item)

    def _promote(self) -> None:
        """Give the lead to the first who waits, or to nobody. The guard is held."""
        self._led = bool(self._waiting)
        if not self._waiting:
            return
        successor = self._waiting[0]
        successor.promoted = True
        if successor.wake is not None:
            successor.wake.release()

    def _serve(self, group: list[_Item]) -> None:
        """Run one group in one transaction and fill in every item's result or error."""
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            for item in group:
                item.error = Busy("The database is busy with other writes.", hint="Try again in a moment.")
            return
        try:
            connection = self._open_transaction()
            if len(group) == 1:
                self._run_alone(connection, group[0])
            else:
                for item in group:
                    self._run_behind_savepoint(connection, item)
            self._driver.commit()
        except BaseException as error:
            self._undo()
            for item in group:
                item.error = _failure_of(error)
        finally:
            self._lock.release()

    def _run_alone(self, connection: sa.Connection, item: _Item) -> None:
        try:
            item.result = item.work(connection)
        except BaseException as error:
            if connection.invalidated:
                raise
            self._driver.rollback()
            item.error = _judged(error)

    def _run_behind_savepoint(self, connection: sa.Connection, item: _Item) -> None:
        execute = self._driver.execute
        execute("SAVEPOINT grouped")
        try:
            item.result = item.work(connection)
        except BaseException as error:
            if connection.invalidated:
                raise
            execute("ROLLBACK TO SAVEPOINT grouped")
            item.error = _judged(error)
        execute("RELEASE SAVEPOINT grouped")

    def _open_transaction(self) -> sa.Connection:
        """Begin. A connection that was lost while idle is opened again once: nothing has run in it yet."""
        for last in (False, True):
            try:
                if self._connection is None or self._connection.invalidated:
                    self._forget_connection()
                    self._connection = self._connect()
                    self._driver = self._connection.connection.driver_connection
                self._driver.execute(self._begin)
            except Exception as error:
                if last or isinstance(translate(error), Busy | StorageFailed):
                    raise
                self._forget_connection()
            else:
                return self._connection
        raise AssertionError("unreachable")

    def _undo(self) -> None:
        """Leave nothing half done for the next group; a connection that cannot even roll back is thrown away."""
        try:
            if self._driver is not None:
                self._driver.rollback()
        except Exception:
            self._forget_connection()

    def _forget_connection(self) -> None:
        connection, self._connection, self._driver = self._connection, None, None
        if connection is not None:
            try:
                connection.invalidate()
                connection.close()
            except Exception:  # noqa: S110
                pass  # It is thrown away because it is broken; how it breaks while closing teaches nothing.


def _answer(item: _Item) -> None:
    item.answered = True
    if item.wake is not None and item.wake.locked():
        item.wake.release()


def _judged(error: BaseException) -> BaseException:
    """What the caller whose work raised `error` is told."""
    found = translate(error) if isinstance(error, Exception) else None
    if found is None:
        return error
    found.__cause__ = error
    return found


def _failure_of(error: BaseException) -> BaseException:
    """What everybody is told when the transaction itself failed."""
    if not isinstance(error, Exception):
        return error
    found = translate(error)
    if not isinstance(found, Unavailable):
        found = StorageFailed("A durable write failed; nothing was recorded.")
    found.__cause__ = error
    return found
