"""Tables of user authentication in DB-1. Times are whole milliseconds since 1970 in UTC.

Nothing here can make a signature: passkeys are public keys, and of a session only the hash of its secret is kept.
"""

import sqlalchemy as sa

from natsuin.storage import web_metadata

passkey = sa.Table(
    "passkey",
    web_metadata,
    sa.Column("credential_id", sa.LargeBinary, primary_key=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("person.user_id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("sign_count", sa.BigInteger, nullable=False),
    sa.Column("aaguid", sa.Text, nullable=False),
    sa.Column("backup_eligible", sa.Boolean, nullable=False),
    sa.Column("transports", sa.JSON, nullable=False),
    sa.Column("name", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("last_used_at", sa.BigInteger),
)
"""Copies, for login only, of the passkeys that sam verified. sam has its own record and trusts none of these rows.

`name` is what its owner calls it, or empty. Nothing decides by that, nor by `aaguid`, `backup_eligible` and
`last_used_at`. They are shown to the owner, and kept for the day on which a model of authenticator turns out to be
weak, or a passkey to be stolen: then they say whom it concerns."""

session = sa.Table(
    "session",
    web_metadata,
    sa.Column("secret_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("session_id", sa.Text, nullable=False, unique=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("person.user_id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("last_used_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("browser", sa.Text, nullable=False),
)
"""Open sign-ins. `secret_hash` is SHA-256 of the cookie's value; `session_id` names the session to its owner and opens
nothing. `address` and `browser` are told to the owner only, and go with the row."""

sign_in_tries = sa.Table(
    "sign_in_tries",
    web_metadata,
    sa.Column("subject", sa.LargeBinary(32), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failed_at", sa.BigInteger, nullable=False),
    sa.Column("closed_until", sa.BigInteger, nullable=False),
    sa.Column("succeeded_at", sa.BigInteger, nullable=False),
    sa.Index("ix_sign_in_tries_failed_at", "failed_at"),
)
"""Failed sign-ins that count, for every web process. `subject` is SHA-256 of what is counted: a passkey at a source, an
account, a source. Times are 0 for never. Rows are deleted once they would decide nothing any more."""
