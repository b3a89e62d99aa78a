"""The monitor at work: a thread for each log, so that a slow one holds up no other, a thread for each receiver, and the
one that looks at the time."""

import threading
import time
from collections.abc import Callable
from typing import Final, TextIO

import structlog

from natsuin.clock import Clock, milliseconds
from natsuin.errors import StorageFailed
from natsuin.monitor.alarms import Desk
from natsuin.monitor.following import Follower, Progress, Verdict
from natsuin.monitor.http_server import MetricsServer
from natsuin.monitor.memory import Memory
from natsuin.monitor.metrics import Metrics
from natsuin.monitor.outbox import Outbox
from natsuin.monitor.receivers import receivers_of
from natsuin.monitor.settings import MonitorSettings
from natsuin.monitor.status_page import StatusPage
from natsuin.monitor.telling import sender_for

_LOOK_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 3.0
"""After this a log that did not verify is looked at once more: its files may just have been changed."""
_END_SECONDS: Final = 5.0
_PROGRESS_SECONDS: Final = 10.0
_log = structlog.get_logger("natsuin.monitor")


class Monitor:
    """Follows every log of the settings and tells every receiver. Use `run` or `once`, then `close`."""

    def __init__(self, settings: MonitorSettings, clock: Clock, *, output: TextIO | None = None) -> None:
        """Open the state folder. `output` is where alarms are written as lines, the standard output by default.

        Raises `MemoryInUse`, `VkeyChanged`, `ConfigurationRefused`, `StorageFailed`.
        """
        self.settings = settings
        self._clock = clock
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._started = milliseconds(clock.now())
        self.memory = Memory.open(settings.state)
        try:
            receivers = receivers_of(settings)
            watched = frozenset(watch.key for watch in settings.watch)
            self.followers = [
                Follower(
                    log,
                    self.memory,
                    Desk(log.name, receivers, settings.limits),
                    watched=watched,
                    clock=clock,
                    evidence=settings.state / "evidence",
                )
                for log in settings.log
            ]
            self._outboxes = [
                Outbox(self.memory, one.name, sender_for(one.name, settings, clock, output), clock) for one in receivers
            ]
            self._forget_receivers(tuple(one.name for one in receivers))
        except BaseException:
            self.memory.close()
            raise

    def once(
        self, progress: Callable[[str], Progress] | None = None, again: Callable[[], object] | None = None
    ) -> dict[str, Verdict]:
        """Visit every log, look at the time, try once to tell what is due; answers with the verdicts by log."""
        again = again or (lambda: time.sleep(_AGAIN_SECONDS))
        verdicts = {}
        for follower in self.followers:
            verdicts[follower.log.name] = follower.visit(progress(follower.log.name) if progress else None, again)
            follower.watch_over(0)
        for outbox in self._outboxes:
            outbox.deliver()
        return verdicts

    def run(self, listening: Callable[[int], object] = lambda port: None) -> None:
        """Work until `stop`. `listening` is told the port of the metrics, once they are served.

        Raises what ended a thread, `StorageFailed` above all: without its memory the monitor does not go on.
        """
        threads = [
            *(threading.Thread(target=self._guarded, args=(self._follow, one), daemon=True) for one in self.followers),
            *(threading.Thread(target=self._guarded, args=(self._tell, one), daemon=True) for one in self._outboxes),
        ]
        server = self._serve(threads)
        try:
            if server is not None:
                listening(server.port)
            for thread in threads:
                thread.start()
            while not self._stopping.wait(_LOOK_SECONDS):
                for follower in self.followers:
                    follower.watch_over(self._started)
        finally:
            self._stopping.set()
            if server is not None:
                server.close()
            ends = time.monotonic() + _END_SECONDS
            for thread in threads:
                if thread.ident is not None:
                    # One that waits for a slow server is not waited for: whatever it does is undone or done.
                    thread.join(max(0.0, ends - time.monotonic()))
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Let `run` come to its end. From any thread, or a signal handler."""
        self._stopping.set()

    def close(self) -> None:
        """Let go of the state folder."""
        self.memory.close()

    def _serve(self, threads: list[threading.Thread]) -> MetricsServer | None:
        listen = self.settings.listen
        if not listen.port:
            return None

        def healthy() -> bool:
            return not self._stopping.is_set() and all(thread.is_alive() for thread in threads)

        page = StatusPage(self.memory, self._clock)
        return MetricsServer(listen.host, listen.port, Metrics(self.memory), page, healthy=healthy)

    def _follow(self, follower: Follower) -> None:
        while not self._stopping.is_set():
            follower.visit(_logged(follower.log.name), again=lambda: self._stopping.wait(_AGAIN_SECONDS))
            self._stopping.wait(self.settings.interval_seconds)

    def _tell(self, outbox: Outbox) -> None:
        while not self._stopping.is_set():
            if not outbox.deliver():
                self._stopping.wait(_LOOK_SECONDS)

    def _guarded(self, work: Callable[..., None], what: Follower | Outbox) -> None:
        try:
            work(what)
        except BaseException as error:
            if self._stopping.is_set() and isinstance(error, StorageFailed):
                return
            _log.error("monitor.stopping", kind=type(error).__name__)
            self._failure = self._failure or error
            self._stopping.set()

    def _forget_receivers(self, names: tuple[str, ...]) -> None:
        """What was still to be told to receivers that the settings name no more."""
        marks = ", ".join("?" * len(names))
        with self.memory.write() as connection:
            connection.execute(f"DELETE FROM delivery WHERE receiver NOT IN ({marks})", names)  # noqa: S608


def _logged(log: str) -> Progress:
    """A reading that takes long is told in the log lines now and then."""
    due = time.monotonic() + _PROGRESS_SECONDS

    def progress(done: int, total: int) -> None:
        nonlocal due
        if time.monotonic() > due:
            due = time.monotonic() + _PROGRESS_SECONDS
            _log.info("monitor.reading", log=log, entries=done, of=total)

    return progress
