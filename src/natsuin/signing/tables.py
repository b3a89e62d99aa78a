"""DB-2, the part about signing: what was instructed and approved, and each use of an approval.

Every row carries a seal. Times are milliseconds since the epoch, UTC.
"""

import sqlalchemy as sa

from natsuin.storage import sam_metadata

instruction = sa.Table(
    "instruction",
    sam_metadata,
    sa.Column("instruction_id", sa.String(64), primary_key=True),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("user_id", sa.String(64), nullable=False),
    sa.Column("scheme", sa.String(40), nullable=False),
    sa.Column("client", sa.String(200), nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("approval", sa.LargeBinary, nullable=False),
    sa.Column("approved_at", sa.BigInteger, nullable=False),
    sa.Column("sad_hash", sa.LargeBinary, nullable=True, unique=True),
    sa.Column("sealed_signer_key", sa.LargeBinary, nullable=False),
    sa.Column("used", sa.Integer, nullable=False),
    sa.Column("refusals", sa.Integer, nullable=False),
    sa.Column("last_assertion", sa.LargeBinary, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
    sa.Index("ix_instruction_key_id_approved_at", "key_id", "approved_at"),
)
"""What changes with each use of an approval. The digest at position i is AUTHORIZED while `used` <= i.
`last_assertion` is the SHA-256 of the last approval that was tried, so that none is tried twice."""

instruction_content = sa.Table(
    "instruction_content",
    sam_metadata,
    sa.Column("instruction_id", sa.String(64), sa.ForeignKey("instruction.instruction_id"), primary_key=True),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("digests", sa.LargeBinary, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""What is approved: written once and never changed, so that a use of a thousand digests does not write them all again.
`digests` are concatenated in the approved order."""

use = sa.Table(
    "use",
    sam_metadata,
    sa.Column("instruction_id", sa.String(64), sa.ForeignKey("instruction.instruction_id"), primary_key=True),
    sa.Column("first", sa.Integer, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("request_hash", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(20), nullable=False, index=True),
    sa.Column("tx", sa.String(32), nullable=False),
    sa.Column("intent_index", sa.BigInteger, nullable=False),
    sa.Column("signatures", sa.LargeBinary, nullable=False),
    sa.Column("receipt", sa.Text, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""Digests `first` to `first + count - 1` were taken together. `state`: one of those below."""
RESERVED, CONSUMED, RELEASED = "reserved", "consumed", "released"

log_mark = sa.Table(
    "log_mark",
    sam_metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""How far into the log every intent is known to have its outcome."""
