"""DB-2, the part about lost passkeys. Every row carries a seal. Times are milliseconds since the epoch, UTC."""

import sqlalchemy as sa

from natsuin.storage import sam_metadata

passkey_replacement = sa.Table(
    "passkey_replacement",
    sam_metadata,
    sa.Column("act_id", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.String(64), nullable=False, index=True),
    sa.Column("state", sa.String(20), nullable=False, index=True),
    sa.Column("officers", sa.String(200), nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("cancel_record", sa.LargeBinary, nullable=False),
    sa.Column("refusals", sa.Integer, nullable=False),
    sa.Column("proposed_at", sa.BigInteger, nullable=False),
    sa.Column("waiting", sa.BigInteger, nullable=False),
    sa.Column("ends_waiting_at", sa.BigInteger, nullable=False),
    sa.Column("token_hash", sa.LargeBinary, nullable=False, index=True),
    sa.Column("challenge", sa.LargeBinary, nullable=False),
    sa.Column("completion", sa.LargeBinary, nullable=False),
    sa.Column("passkey", sa.LargeBinary, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""A new passkey for somebody who lost all. `officers` are the one who proposed and then the one who approved,
separated by a blank; `waiting` is how long to wait and `ends_waiting_at` until when, 0 before both approved;
`cancel_record` is what is approved to cancel it; `token_hash` and `challenge` belong to the one-time link;
`completion` is the hash of the message that completed it and `passkey` the new one, JSON, so that asking again is
answered; `expires_at` is when the present step is too late."""
