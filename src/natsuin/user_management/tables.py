"""Tables of user management in DB-1. Times are whole milliseconds since 1970 in UTC."""

import sqlalchemy as sa

from natsuin.storage import web_metadata

person = sa.Table(
    "person",
    web_metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)
"""Accounts. One is made by a registration step; two people with the same name are two accounts."""

registration = sa.Table(
    "registration",
    web_metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("act_id", sa.Text, nullable=False, unique=True),
    sa.Column("officer_id", sa.Text, sa.ForeignKey("person.user_id"), nullable=False),
    sa.Column("common_name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("country", sa.Text, nullable=False),
    sa.Column("organization", sa.Text, nullable=False),
    sa.Column("algorithm", sa.Text, nullable=False),
    sa.Column("evidence_kind", sa.Text, nullable=False),
    sa.Column("evidence_reference", sa.Text, nullable=False),
    sa.Column("evidence_level", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("proposed_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("approved_at", sa.BigInteger),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("enrolled_at", sa.BigInteger),
    sa.CheckConstraint("state IN ('proposed', 'invited', 'enrolled')", name="state"),
)
"""The officers' register: who was registered by whom on what evidence, and when each step was
done. The invitation's token is never stored."""
