"""The tables of notices in DB-1. Times in milliseconds since 1970, UTC."""

import sqlalchemy as sa

from natsuin.storage import web_metadata

notice_delivery = sa.Table(
    "notice_delivery",
    web_metadata,
    sa.Column("notice_id", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("person.user_id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("moment", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.CheckConstraint("state IN ('waiting', 'sent', 'given-up')", name="state"),
    sa.CheckConstraint("channel IN ('mail', 'webhook')", name="channel"),
)
"""Notices that wait or were sent, once for each way. `notice_id` names what it is about, so that nobody is told the
same twice; `moment` is the time that it speaks of. The address is looked up when it is sent, and nothing of the text is
kept."""

notice_progress = sa.Table(
    "notice_progress",
    web_metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("reached", sa.BigInteger, nullable=False),
)
"""How far notices have followed the signing log: the index of the next entry to look at."""

notice_choice = sa.Table(
    "notice_choice",
    web_metadata,
    sa.Column("user_id", sa.Text, sa.ForeignKey("person.user_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("of_use", sa.Boolean, nullable=False),
    sa.Column("chosen_at", sa.BigInteger, nullable=False),
)
"""Whether a person wishes to be told of each use of their keys from `chosen_at` on. Without a row, and before: yes. All
else is told whatever they wish."""
