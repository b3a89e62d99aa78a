"""Tables of the portal in DB-1: documents, and what web remembers of instructions. Times in milliseconds since 1970,
UTC.

Of the signature activation data only a hash is kept: whoever steals this database, sam's database and the master key
must still not find anything that opens a key (promise P3).
"""

import sqlalchemy as sa

from natsuin.storage import web_metadata

document = sa.Table(
    "document",
    web_metadata,
    sa.Column("document_id", sa.Text, primary_key=True),
    sa.Column("owner_id", sa.Text, sa.ForeignKey("person.user_id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.LargeBinary(32), nullable=False),
    sa.Column("pages", sa.JSON, nullable=False),
    sa.Column("warnings", sa.JSON, nullable=False),
    sa.Column("existing_signatures", sa.Integer, nullable=False),
    sa.Column("marks", sa.JSON, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("signed_at", sa.BigInteger),
    sa.Column("signed_size", sa.BigInteger),
    sa.Column("signed_sha256", sa.LargeBinary(32)),
    sa.CheckConstraint("state IN ('ready', 'signing', 'signed')", name="state"),
    sa.Index(None, "owner_id", "created_at"),
)
"""`signing`: sam has given out the signature and it is kept, but is not yet embedded. Finishing may be tried again and
again."""

document_bytes = sa.Table(
    "document_bytes",
    web_metadata,
    sa.Column(
        "document_id",
        sa.Text,
        sa.ForeignKey("document.document_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.CheckConstraint("kind IN ('original', 'signed')", name="kind"),
)
"""The files, apart from the facts about them, so that a list of documents reads no file."""

instruction = sa.Table(
    "instruction",
    web_metadata,
    sa.Column("instruction_id", sa.Text, primary_key=True),
    sa.Column("owner_id", sa.Text, sa.ForeignKey("person.user_id", ondelete="CASCADE"), nullable=False),
    sa.Column("document_id", sa.Text, sa.ForeignKey("document.document_id", ondelete="SET NULL"), index=True),
    sa.Column("document_name", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("scheme", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("finished_at", sa.BigInteger),
    sa.Column("sad_hash", sa.LargeBinary(32), unique=True),
    sa.Column("prepared", sa.LargeBinary),
    sa.Column("signature", sa.LargeBinary),
    sa.Column("receipt", sa.Text),
    sa.CheckConstraint("state IN ('waiting', 'activated', 'released', 'finished', 'cancelled')", name="state"),
    sa.Index(None, "owner_id", "created_at"),
)
"""`document_id` is NULL for instructions of applications, which bring digests. `prepared` is dropped when it is of no
more use."""

csc_response = sa.Table(
    "csc_response",
    web_metadata,
    sa.Column("response_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column(
        "client_id", sa.Text, sa.ForeignKey("oauth_client.client_id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("user_id", sa.Text, sa.ForeignKey("person.user_id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("bound_to", sa.Text, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("sealed_token", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
    sa.Column("claimed_until", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    sa.CheckConstraint("state IN ('accepted', 'done', 'refused')", name="state"),
)
"""Answers of asynchronous requests of applications. `request` and `answer` are JSON; `sealed_token` is the approval's
token, sealed under the response's id, of which only SHA-256 is here. Both go when there is an answer."""

csc_webhook = sa.Table(
    "csc_webhook",
    web_metadata,
    sa.Column("client_id", sa.Text, sa.ForeignKey("oauth_client.client_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("key", sa.LargeBinary, nullable=False),
)
"""Where an application may have itself told of asynchronous answers, and the key of HMAC-SHA256 that signs it."""

csc_delivery = sa.Table(
    "csc_delivery",
    web_metadata,
    sa.Column("delivery_id", sa.Text, primary_key=True),
    sa.Column(
        "client_id", sa.Text, sa.ForeignKey("oauth_client.client_id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("next_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.CheckConstraint("state IN ('waiting', 'taken', 'given_up')", name="state"),
    sa.Index(None, "state", "next_at"),
)
"""Messages to applications, and the log of them. `result` is the last try's."""

csc_upload = sa.Table(
    "csc_upload",
    web_metadata,
    sa.Column("document_id", sa.Text, sa.ForeignKey("document.document_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("client_id", sa.Text, sa.ForeignKey("oauth_client.client_id", ondelete="CASCADE"), nullable=False),
    sa.Column("owner_id", sa.Text, sa.ForeignKey("person.user_id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("sha256", sa.LargeBinary(32), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False, index=True),
    sa.Index(None, "client_id", "owner_id", "sha256"),
)
"""Which of people's documents applications brought."""
