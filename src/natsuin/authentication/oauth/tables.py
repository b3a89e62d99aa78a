"""Tables of the authorization server in DB-1. Times are whole milliseconds since 1970 in UTC.

Of every secret that is given out, a code, a token or a client's own, only SHA-256 is kept. A SAD lies sealed under the
code or token that it was given for, so this database alone, or with sam's beside it, opens no key (promise P3).
"""

import sqlalchemy as sa

from natsuin.storage import web_metadata

oauth_client = sa.Table(
    "oauth_client",
    web_metadata,
    sa.Column("client_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.LargeBinary(32)),
    sa.Column("auth_method", sa.Text, nullable=False),
    sa.Column("redirect_uris", sa.JSON, nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("grant_types", sa.JSON, nullable=False),
    sa.Column("switches", sa.JSON, nullable=False),
    sa.Column("keys", sa.JSON, nullable=False),
    sa.Column("account_id", sa.Text, sa.ForeignKey("person.user_id", ondelete="CASCADE")),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.CheckConstraint("state IN ('active', 'stopped')", name="state"),
)
"""Applications. `account_id` is the account that a client acts for by client credentials; `keys` is its JWK Set."""

oauth_request = sa.Table(
    "oauth_request",
    web_metadata,
    sa.Column("handle_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column(
        "client_id", sa.Text, sa.ForeignKey("oauth_client.client_id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("owner_id", sa.Text, sa.ForeignKey("person.user_id", ondelete="CASCADE")),
    sa.Column("instruction_id", sa.Text),
    sa.Column("page", sa.Text),
    sa.Column("sealing", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    sa.CheckConstraint("stage IN ('pushed', 'started', 'answered', 'denied')", name="stage"),
)
"""AccessRequests that wait: pushed by a client (RFC 9126), or before a person. `request` is JSON. `page` and `sealing`
are there for requests that wait in the portal: the last part of the page's address, and JSON of the SHA-256 of the SAD
and of the public key (X25519) that the activation is sealed to."""

oauth_grant = sa.Table(
    "oauth_grant",
    web_metadata,
    sa.Column("grant_id", sa.Text, primary_key=True),
    sa.Column(
        "client_id", sa.Text, sa.ForeignKey("oauth_client.client_id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("user_id", sa.Text, sa.ForeignKey("person.user_id", ondelete="CASCADE"), index=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("key_id", sa.Text),
    sa.Column("instruction_id", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
)
"""What a person granted a client by one answer. Every code and token belongs to one; when it ends, all of them end."""

oauth_token = sa.Table(
    "oauth_token",
    web_metadata,
    sa.Column("secret_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column(
        "grant_id", sa.Text, sa.ForeignKey("oauth_grant.grant_id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("sealed_sad", sa.LargeBinary, nullable=False),
    sa.Column("bound_to", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("spent_at", sa.BigInteger),
    sa.CheckConstraint("kind IN ('code', 'access', 'refresh', 'apart')", name="kind"),
)
"""Codes and tokens. `spent_at` is set when a code or a refresh token was exchanged, and when a token was revoked or
replaced. `bound_to` is the thumbprint of the key that the client must prove (RFC 9449), empty for a bearer token.
`apart` is an access token that its client has not come for yet."""

oauth_used_proof = sa.Table(
    "oauth_used_proof",
    web_metadata,
    sa.Column("proof_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
)
"""Proofs of possession and assertions of clients that were used, as SHA-256 of signer and `jti`, for as long as they
would be taken again."""
