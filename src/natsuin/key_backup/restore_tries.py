"""Tries of the PIN of a lost key, whose own row and count are lost with it.

The log tells of each wrong PIN, but only after it was checked. So the act that is spent for a try says until then that
it is one: whoever stops sam between the two gains no further guess.
"""

from typing import Any

import sqlalchemy as sa

from natsuin.key_backup.tables import backup_act
from natsuin.key_management import Foundation


def begin_try(foundation: Foundation, connection: sa.Connection, act: dict[str, Any]) -> bool:
    """Spend the act for one try; whether nobody else did a moment ago."""
    approved_by = f"{act['approved_by']} {act['user_id']}"
    return foundation.update(connection, backup_act, act, used_at=foundation.now(), approved_by=approved_by)


def end_try(foundation: Foundation, act_id: str) -> None:
    """What came of the try is in the log."""
    with foundation.database.write() as connection:
        act = foundation.find(connection, backup_act, lock=True, act_id=act_id)
        if act is not None:
            foundation.update(connection, backup_act, act, approved_by=act["officers"])


def open_tries(foundation: Foundation, key_id: str) -> tuple[str, ...]:
    """The acts that were spent for a try of which the log does not tell what came."""
    query = sa.select(backup_act).where(backup_act.c.key_id == key_id, backup_act.c.used_at > 0)
    with foundation.database.read() as connection:
        rows = [foundation.checked(backup_act, row) for row in connection.execute(query).mappings()]
    return tuple(row["act_id"] for row in rows if row["user_id"] in row["approved_by"].split())
