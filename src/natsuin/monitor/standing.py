"""What the monitor knows, for a person or a program that asks."""

from typing import Any

from natsuin.clock import from_milliseconds
from natsuin.monitor.memory import Memory
from natsuin.monitor.messages import described


def standing_of(memory: Memory, *, alarms: int) -> dict[str, Any]:
    """Every log, state that lasts, the newest `alarms` alarms and every receiver, as JSON has it. Times are UTC.

    Raises `StorageFailed`.
    """
    with memory.read() as connection:
        logs = connection.execute("SELECT * FROM log ORDER BY name").fetchall()
        conditions = connection.execute("SELECT * FROM condition ORDER BY log, since").fetchall()
        newest = connection.execute(
            "SELECT * FROM alarm ORDER BY found_at DESC, rowid DESC LIMIT ?", (alarms,)
        ).fetchall()
        receivers = connection.execute(
            "SELECT receiver AS name, count(*) AS waiting FROM delivery GROUP BY receiver"
        ).fetchall()
        told = {row["name"]: row for row in connection.execute("SELECT * FROM receiver")}
    waiting = {row["name"]: row["waiting"] for row in receivers}
    return {
        "logs": [
            {
                "name": row["name"],
                "entries": row["size"],
                "read": row["read"],
                "visited": _moment(row["visited_at"]),
                "grown": _moment(row["grown_at"]) if row["size"] else None,
                "error": row["error"],
                "conditions": [one["kind"] for one in conditions if one["log"] == row["name"]],
            }
            for row in logs
        ],
        "alarms": [
            {**described(row), "count": row["count"], "last_entry": row["last_entry"], "past": bool(row["history"])}
            for row in newest
        ],
        "receivers": [
            {
                "name": name,
                "told": told[name]["sent"] if name in told else 0,
                "waiting": waiting.get(name, 0),
                "given_up": told[name]["given_up"] if name in told else 0,
                "error": told[name]["error"] if name in told else "",
            }
            for name in sorted({*told, *waiting})
        ],
    }


def _moment(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else from_milliseconds(milliseconds).strftime("%Y-%m-%d %H:%M:%S")
