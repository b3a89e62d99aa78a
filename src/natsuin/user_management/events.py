"""Writing down what happens to people's records."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from natsuin.user_management.tables import person_event


def note_event(
    connection: Connection,
    user_id: str,
    kind: str,
    *,
    by_user_id: str,
    source: str,
    now: int,
    changes: Mapping[str, tuple[str, str]] | None = None,
) -> None:
    """Write, in the caller's transaction, what happened to a person's record."""
    connection.execute(
        sa.insert(person_event).values(
            user_id=user_id,
            at=now,
            kind=kind,
            by_user_id=by_user_id,
            source=source,
            changes={name: list(pair) for name, pair in (changes or {}).items()},
        )
    )
