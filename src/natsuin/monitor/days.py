"""How many entries and alarms there were on each day (UTC), for the plots on the page."""

import sqlite3
from collections import Counter
from typing import Final

_DAY: Final = 86_400_000
_MOST_DAYS: Final = 3660
"""Whoever writes a log chooses its times; so many rows a log can have at most."""


def day_of(time: int | None, now: int) -> int:
    """The number of the day since 1970 of an entry's time, where that is neither absurdly old nor of the future."""
    today = now // _DAY
    return today if time is None else max(today - _MOST_DAYS, min(time // _DAY, today))


def count_days(connection: sqlite3.Connection, log: str, entries: Counter[int], alarms: Counter[int]) -> None:
    """Add to the counts of each day, within the caller's transaction."""
    connection.executemany(
        "INSERT INTO counted_days VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " entries = entries + excluded.entries, alarms = alarms + excluded.alarms",
        [(log, day, entries[day], alarms[day]) for day in {*entries, *alarms}],
    )


def days_until(connection: sqlite3.Connection, log: str, now: int, days: int) -> list[tuple[int, int]]:
    """Entries and alarms of the newest `days` days, today's last."""
    today = now // _DAY
    rows = connection.execute("SELECT * FROM counted_days WHERE log = ? AND day > ?", (log, today - days)).fetchall()
    found = {row["day"]: (row["entries"], row["alarms"]) for row in rows}
    return [found.get(day, (0, 0)) for day in range(today - days + 1, today + 1)]
