"""What is still to be told, receiver by receiver. Each alarm is told at least once: a process that dies between the
receiver's yes and the note of it tells it again under the same id, by which receivers know it.
"""

import sqlite3
from collections.abc import Callable
from typing import Final

import structlog

from natsuin import faults
from natsuin.clock import Clock, milliseconds
from natsuin.mail_server import MailFailed, MailImpossible
from natsuin.monitor.memory import Memory
from natsuin.webhooks import WebhookFailed

_FIRST_PAUSE_MS: Final = 10_000
_LONGEST_PAUSE_MS: Final = 3_600_000
_GIVE_UP_AFTER_MS: Final = 14 * 86_400_000
_log = structlog.get_logger("natsuin.monitor")

Send = Callable[[sqlite3.Row, int], None]
"""Hands an alarm's row over, with its sequence. Raises `MailFailed`, `MailImpossible`, `WebhookFailed`, `OSError`."""


class Outbox:
    """The deliveries to one receiver. For one thread at a time."""

    def __init__(self, memory: Memory, receiver: str, send: Send, clock: Clock) -> None:
        self.receiver = receiver
        self._memory, self._send, self._clock = memory, send, clock

    def deliver(self) -> int:
        """Tell what is due until one is refused; answers with how many were taken. What was refused is tried again
        later, less and less often, for two weeks, and after whatever waits by then. Raises `StorageFailed`."""
        sent = 0
        while (row := self._take_due()) is not None:
            error = self._try(row)
            if error is None:
                sent += 1
            elif error:
                # Whoever refuses one, or does not answer, is likely to do the same with the next.
                break
        return sent

    def _try(self, row: sqlite3.Row) -> str | None:
        """Hand one over: None when it was taken, "" when it never can be, else why it was refused."""
        try:
            faults.point("monitor.before_sending")
            self._send(row, row["sequence"])
            faults.point("monitor.after_sending")
        except MailImpossible as problem:
            self._note(row, str(problem), given_up=True)
            return ""
        except Exception as problem:
            # Whatever it was, and be it a mistake of ours: one alarm never holds up another. Only texts of our own are
            # kept, since others may repeat an address.
            ours = isinstance(problem, MailFailed | WebhookFailed)
            error = (str(problem) if ours else "") or type(problem).__name__
            given_up = self._now() - row["created_at"] > _GIVE_UP_AFTER_MS
            _log.warning("monitor.not_told", receiver=self.receiver, alarm=row["id"], given_up=given_up, reason=error)
            self._note(row, error, given_up=given_up)
            return error
        self._note(row, "", given_up=False)
        return None

    def waits(self) -> bool:
        """Whether anything is still to be told, now or later. Raises `StorageFailed`."""
        with self._memory.read() as connection:
            found = connection.execute("SELECT 1 FROM delivery WHERE receiver = ? LIMIT 1", (self.receiver,))
            return found.fetchone() is not None

    def _take_due(self) -> sqlite3.Row | None:
        """The one that waits longest, put off first: a process that dies while sending does not try at once, again and
        again."""
        now = self._now()
        due = (
            "SELECT alarm.*, delivery.sequence, delivery.created_at, delivery.attempts FROM delivery"
            " JOIN alarm ON alarm.id = delivery.alarm"
            # A clock that was set back puts nothing off for longer than the longest pause.
            " WHERE receiver = ? AND (next_at <= ? OR next_at > ?) ORDER BY next_at, alarm.rowid, sequence LIMIT 1"
        )
        values = (self.receiver, now, now + _LONGEST_PAUSE_MS)
        with self._memory.read() as connection:
            row: sqlite3.Row | None = connection.execute(due, values).fetchone()
        if row is None:
            return None
        pause = min(_FIRST_PAUSE_MS * 2 ** min(row["attempts"], 20), _LONGEST_PAUSE_MS)
        with self._memory.write() as connection:
            connection.execute(
                "UPDATE delivery SET attempts = attempts + 1, next_at = ?"
                " WHERE alarm = ? AND sequence = ? AND receiver = ?",
                (now + pause, row["id"], row["sequence"], self.receiver),
            )
        return row

    def _note(self, row: sqlite3.Row, error: str, *, given_up: bool) -> None:
        taken = not error
        with self._memory.write() as connection:
            if taken or given_up:
                connection.execute(
                    "DELETE FROM delivery WHERE alarm = ? AND sequence = ? AND receiver = ?",
                    (row["id"], row["sequence"], self.receiver),
                )
            connection.execute(
                "INSERT INTO receiver VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET sent = sent + excluded.sent,"
                " given_up = given_up + excluded.given_up, error = excluded.error",
                (self.receiver, int(taken), int(given_up), error),
            )

    def _now(self) -> int:
        return milliseconds(self._clock.now())
