"""The table of mails in DB-1. Times in milliseconds since 1970, UTC."""

import sqlalchemy as sa

from natsuin.storage import web_metadata

outgoing_mail = sa.Table(
    "outgoing_mail",
    web_metadata,
    sa.Column("mail_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("person.user_id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("moment", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.CheckConstraint("state IN ('waiting', 'sent', 'given-up')", name="state"),
)
"""Mails that wait or were sent. `mail_id` names what it is about, so that nobody is told the same twice; `moment` is
the time that it speaks of. The address is looked up when it is sent, and nothing of the text is kept."""
