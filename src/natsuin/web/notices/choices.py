"""What people chose to be told of beyond what everybody is told."""

import sqlalchemy as sa
from sqlalchemy import Connection

from natsuin.web.notices.tables import notice_choice


def wants_use(connection: Connection, user_id: str, at: int) -> bool:
    """Whether this person wishes to be told of a use of their keys at that moment, in milliseconds. Yes, until they say
    otherwise: of what was before that they are told, however late."""
    chosen = sa.select(notice_choice).where(notice_choice.c.user_id == user_id)
    row = connection.execute(chosen).one_or_none()
    return row is None or row.of_use or at < row.chosen_at


def choose(connection: Connection, user_id: str, *, of_use: bool, now: int) -> None:
    """Write down what this person, who has an account, wishes from now on (milliseconds). Durable with the caller's
    transaction."""
    connection.execute(sa.delete(notice_choice).where(notice_choice.c.user_id == user_id))
    connection.execute(sa.insert(notice_choice).values(user_id=user_id, of_use=of_use, chosen_at=now))
