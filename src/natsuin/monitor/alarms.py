"""From what the rules found to alarms: those that say the same are one alarm within a while, and a flood is cut off.

Grouping goes by the monitor's clock, since whoever writes the log chooses the times in it. All functions work within a
transaction of their caller.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from natsuin.monitor.kinds import KINDS
from natsuin.monitor.receivers import Receiver, told
from natsuin.monitor.rules import Found
from natsuin.monitor.settings import LimitSettings

_HOUR: Final = 3_600_000
_KEEP_FOR_MS: Final = 400 * 86_400_000
_MOST_OF_THE_PAST: Final = 1000
"""How many alarms are listed of what a log held before it was first read, and at most."""
_ALWAYS_TOLD: Final = frozenset({"chain-broken", "outcome-unmatched", "entry-unreadable"})
"""Found in a log's past, too: they are about the log itself and never get old."""


@dataclass(frozen=True)
class Desk:
    """Where alarms of one log are raised: its name, who is told, and the limits."""

    log: str
    receivers: tuple[Receiver, ...]
    limits: LimitSettings

    def raise_all(
        self, connection: sqlite3.Connection, found: Iterable[Found], now: int, *, past: bool = False
    ) -> None:
        """Record what was found at `now`. `past`: in entries from before the first reading, which are listed only."""
        for one in found:
            connection.execute(
                "INSERT INTO counted_alarms VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET alarms = alarms + 1",
                (self.log, one.kind),
            )
            if past and one.kind not in _ALWAYS_TOLD:
                self._list(connection, one, now)
            elif not self._join(connection, one, now):
                self._raise(connection, one, now)

    def begin(self, connection: sqlite3.Connection, found: Found, now: int) -> None:
        """A state that lasts: told when it begins, when it becomes another one, and as a reminder."""
        row = connection.execute(
            "SELECT subject, told_at FROM condition WHERE log = ? AND kind = ?", (self.log, found.kind)
        ).fetchone()
        same = row is not None and row["subject"] == found.subject
        if same and 0 <= now - row["told_at"] < self.limits.remind_seconds * 1000:
            return
        self.raise_all(connection, [found], now)
        connection.execute(
            "INSERT INTO condition VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET subject = excluded.subject, told_at = excluded.told_at",
            (self.log, found.kind, found.subject, now, now),
        )

    def end(self, connection: sqlite3.Connection, kinds: Iterable[str], now: int) -> None:
        """These states are over, where they were."""
        for kind in kinds:
            gone = connection.execute("DELETE FROM condition WHERE log = ? AND kind = ?", (self.log, kind))
            if gone.rowcount:
                self.raise_all(connection, [Found("log-recovered", kind, facts={"over": kind})], now)

    def close_groups(self, connection: sqlite3.Connection, now: int) -> None:
        """End groups whose while is over, and tell how many there were where it was more than one. Forget old ones."""
        over = connection.execute(
            "SELECT * FROM alarm WHERE log = ? AND NOT closed AND (found_at <= ? OR found_at > ?)",
            (self.log, now - self.limits.repeat_seconds * 1000, now),
        ).fetchall()
        for row in over:
            connection.execute("UPDATE alarm SET closed = 1 WHERE id = ?", (row["id"],))
            if row["count"] > 1:
                self._deliver(connection, row["id"], 2, (row["kind"], row["subject"]), now)
        connection.execute(
            "DELETE FROM alarm WHERE log = ? AND closed AND NOT history AND found_at < ?",
            (self.log, now - _KEEP_FOR_MS),
        )

    def _join(self, connection: sqlite3.Connection, found: Found, now: int) -> bool:
        """Count it as one more of an open group, if there is one."""
        joined = connection.execute(
            "UPDATE alarm SET count = count + 1, last_at = ?, last_entry = coalesce(?, last_entry)"
            " WHERE log = ? AND kind = ? AND subject = ? AND NOT closed",
            (now, found.index, self.log, found.kind, found.subject),
        )
        return joined.rowcount > 0

    def _raise(self, connection: sqlite3.Connection, found: Found, now: int) -> None:
        severity = KINDS[found.kind].severity
        if found.kind != "alarms-suppressed":
            (recent,) = connection.execute(
                "SELECT count(*) FROM alarm WHERE log = ? AND severity = ? AND found_at > ? AND NOT history",
                (self.log, severity, now - _HOUR),
            ).fetchone()
            if recent >= self.limits.alarms_per_hour:
                flood = Found("alarms-suppressed", severity.word, found.index, found.time)
                if not self._join(connection, flood, now):
                    self._raise(connection, flood, now)
                return
        name = self._insert(connection, found, now, past=False)
        self._deliver(connection, name, 1, (found.kind, found.subject), now)

    def _list(self, connection: sqlite3.Connection, found: Found, now: int) -> None:
        listed = connection.execute(
            "UPDATE alarm SET count = count + 1, last_at = ?, last_entry = ?"
            " WHERE log = ? AND kind = ? AND subject = ? AND history",
            (now, found.index, self.log, found.kind, found.subject),
        )
        if not listed.rowcount:
            (most,) = connection.execute("SELECT count(*) FROM alarm WHERE log = ? AND history", (self.log,)).fetchone()
            if most < _MOST_OF_THE_PAST:
                self._insert(connection, found, now, past=True)

    def _insert(self, connection: sqlite3.Connection, found: Found, now: int, *, past: bool) -> str:
        name = secrets.token_hex(16)
        facts = json.dumps(found.facts)
        connection.execute(
            "INSERT INTO alarm VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)",
            (
                *(name, self.log, found.kind, found.subject, int(KINDS[found.kind].severity), now),
                *(found.index, found.time, facts, now, found.index, past, past),
            ),
        )
        return name

    def _deliver(
        self, connection: sqlite3.Connection, name: str, sequence: int, about: tuple[str, str], now: int
    ) -> None:
        kind, subject = about
        # Whoever was told of a state is told of its end.
        severity = KINDS[subject if kind == "log-recovered" else kind].severity
        for receiver in told(self.receivers, kind, severity, subject):
            connection.execute(
                "INSERT OR IGNORE INTO delivery VALUES (?, ?, ?, ?, ?, 0)", (name, sequence, receiver, now, now)
            )
