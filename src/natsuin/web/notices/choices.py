"""What people chose to be told of beyond what everybody is told."""

import sqlalchemy as sa
from sqlalchemy import Connection

from natsuin.web.notices.tables import notice_choice


def wants_use(connection: Connection, user_id: str) -> bool:
    """Whether this person wishes to be told of each use of their keys. Yes, until they say otherwise."""
    asked = sa.select(notice_choice.c.of_use).where(notice_choice.c.user_id == user_id)
    return bool(connection.execute(asked).scalar_one_or_none() in (None, True))


def choose(connection: Connection, user_id: str, *, of_use: bool) -> None:
    """Write down what this person, who has an account, wishes. Durable with the caller's transaction."""
    connection.execute(sa.delete(notice_choice).where(notice_choice.c.user_id == user_id))
    connection.execute(sa.insert(notice_choice).values(user_id=user_id, of_use=of_use))
