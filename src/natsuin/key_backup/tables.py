"""DB-2, the part about copies of keys: which archives exist, and which acts on them wait for approval.

Every row carries a seal. Times are milliseconds since the epoch, UTC.
"""

import sqlalchemy as sa

from natsuin.storage import sam_metadata

key_archive = sa.Table(
    "key_archive",
    sam_metadata,
    sa.Column("archive_id", sa.String(64), primary_key=True),
    sa.Column("key_id", sa.String(64), nullable=False, index=True),
    sa.Column("user_id", sa.String(64), nullable=False),
    sa.Column("copy", sa.Integer, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False),
    sa.Column("holds", sa.LargeBinary, nullable=False),
    sa.Column("provider", sa.String(40), nullable=False),
    sa.Column("wrapping_key", sa.String(64), nullable=False),
    sa.Column("officers", sa.String(200), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""Every archive that was ever made. `state` is `kept`, `superseded` (PIN, passkeys or master key changed since) or
`ended` (the key was revoked or destroyed); `sha256` is of the file, `holds` of the encrypted key and its slots as
they were, `provider` names the master key, `wrapping_key` the token's key that the archived key lies under, if any;
`officers` are the two who approved it, separated by a blank."""

backup_act = sa.Table(
    "backup_act",
    sam_metadata,
    sa.Column("act_id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("user_id", sa.String(64), nullable=False),
    sa.Column("officers", sa.String(200), nullable=False),
    sa.Column("approved_by", sa.String(200), nullable=False),
    sa.Column("archive", sa.LargeBinary, nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("refusals", sa.Integer, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""An archiving or a restoration that waits for approval. `officers` are the two who must, `approved_by` those who did
(the owner too, while what came of their PIN is not in the log); `archive` is the file to be restored, so that nobody
exchanges it between two approvals."""
