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
    sa.Column("name_kana", sa.Text, nullable=False),
    sa.Column("name_romanised", sa.Text, nullable=False),
    sa.Column("job_title", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("country", sa.Text, nullable=False),
    sa.Column("organization", sa.Text, nullable=False),
    sa.Column("algorithm", sa.Text, nullable=False),
    sa.Column("evidence_kind", sa.Text, nullable=False),
    sa.Column("evidence_reference", sa.Text, nullable=False),
    sa.Column("evidence_level", sa.Integer, nullable=False),
    sa.Column("checked_at", sa.BigInteger, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("proposed_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("approved_at", sa.BigInteger),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("enrolled_at", sa.BigInteger),
    sa.CheckConstraint("state IN ('proposed', 'invited', 'enrolled', 'withdrawn', 'ended', 'erased')", name="state"),
    sa.Index("ix_registration_file", "file", "line"),
    sa.Index("ix_registration_email", "email"),
)
"""The officers' register: who was registered by whom on what evidence, and when each step was
done. The invitation's token is never stored. `file` (SHA-256, hexadecimal) and `line` say from which line of
which file somebody came; empty and 0 for people who were typed in."""

person_event = sa.Table(
    "person_event",
    web_metadata,
    sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("by_user_id", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("changes", sa.JSON, nullable=False),
    sa.Index("ix_person_event_user_id", "user_id", "event_id"),
)
"""What happened to a person's record: when, by whom, by what act or page, and each changed field as it was before and
after. Nothing here is ever changed, but that the `changes` go when the person's data is erased."""

person_word = sa.Table(
    "person_word",
    web_metadata,
    sa.Column("word", sa.LargeBinary, primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Index("ix_person_word_user_id", "user_id", "word"),
    sqlite_with_rowid=False,
)
"""The words by which a person is found, as UTF-8 bytes: bytes are compared alike in both databases, whatever the
language that they were set up with."""
