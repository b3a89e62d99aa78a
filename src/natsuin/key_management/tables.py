"""DB-2, the part about keys: who may approve, which keys exist, what waits for approval.

Every row carries a seal (`natsuin.key_management.seals`). Times are milliseconds since the epoch, UTC; JSON is kept as
bytes.
"""

import sqlalchemy as sa

from natsuin.storage import sam_metadata

provider_secret = sa.Table(
    "provider_secret",
    sam_metadata,
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""Random secrets of the provider under the master key: what the vaults derive their keys from."""

service_key = sa.Table(
    "service_key",
    sam_metadata,
    sa.Column("purpose", sa.String(40), primary_key=True),
    sa.Column("algorithm", sa.String(40), nullable=False),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("sealed_key", sa.LargeBinary, nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""The service's own keys: log, sealing, CA, OCSP, time-stamps. `certificate` is empty for the first two."""

officer_invitation = sa.Table(
    "officer_invitation",
    sam_metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("user_id", sa.String(64), nullable=False),
    sa.Column("display_name", sa.String(200), nullable=False),
    sa.Column("roles", sa.String(200), nullable=False),
    sa.Column("challenge", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""One-time tokens for officers; `used_at` is 0 until used."""

officer = sa.Table(
    "officer",
    sam_metadata,
    sa.Column("user_id", sa.String(64), primary_key=True),
    sa.Column("display_name", sa.String(200), nullable=False),
    sa.Column("roles", sa.String(200), nullable=False),
    sa.Column("credential_id", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("sign_count", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""Officers and the passkey each approves with. `roles` is separated by blanks."""

officer_act = sa.Table(
    "officer_act",
    sam_metadata,
    sa.Column("act_id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("proposed_by", sa.String(64), nullable=False),
    sa.Column("approved_by", sa.String(64), nullable=False),
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("refusals", sa.Integer, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""What security officers decide about officers and about stops; `approved_by` is who approved first, or empty."""

signing_stop = sa.Table(
    "signing_stop",
    sam_metadata,
    sa.Column("user_id", sa.String(64), primary_key=True),
    sa.Column("officer_id", sa.String(64), nullable=False),
    sa.Column("note", sa.String(200), nullable=False),
    sa.Column("stopped_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""Whose signing is stopped: an account's id, or empty for everybody."""

enrolment = sa.Table(
    "enrolment",
    sam_metadata,
    sa.Column("act_id", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.String(64), nullable=False, unique=True),
    sa.Column("officer_id", sa.String(64), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("subject", sa.LargeBinary, nullable=False),
    sa.Column("algorithm", sa.String(40), nullable=False),
    sa.Column("resident", sa.Integer, nullable=False),
    sa.Column("approval", sa.LargeBinary, nullable=False),
    sa.Column("token_hash", sa.LargeBinary, nullable=False, index=True),
    sa.Column("challenge", sa.LargeBinary, nullable=False),
    sa.Column("completion", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""A person's way in and out: proposed, invited or withdrawn, enrolled, ended. `approval` is the officer's assertion,
`challenge` the signer's passkey's."""

person_act = sa.Table(
    "person_act",
    sam_metadata,
    sa.Column("act_id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("officer_id", sa.String(64), nullable=False),
    sa.Column("user_id", sa.String(64), nullable=False),
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("refusals", sa.Integer, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""What registration officers decide about a whole person, each waiting for its officer's passkey."""

wrapping_key = sa.Table(
    "wrapping_key",
    sam_metadata,
    sa.Column("wrapping_key", sa.String(64), primary_key=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("replaced_at", sa.BigInteger, nullable=False),
    sa.Column("proof", sa.LargeBinary, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""The token's wrapping keys, by CKA_ID in hexadecimal: see `natsuin.key_management.wrapping_keys`. `replaced_at`
is 0 until it is."""

signing_key = sa.Table(
    "signing_key",
    sam_metadata,
    sa.Column("key_id", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.String(64), nullable=False, index=True),
    sa.Column("algorithm", sa.String(40), nullable=False),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("suspended_by", sa.String(20), nullable=False),
    sa.Column("one_time", sa.Integer, nullable=False),
    sa.Column("predecessor", sa.String(64), nullable=False),
    sa.Column("backend", sa.String(20), nullable=False),
    sa.Column("wrapping_key", sa.String(64), nullable=False, index=True),
    sa.Column("origin", sa.String(20), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("passkeys", sa.LargeBinary, nullable=False),
    sa.Column("sign_counts", sa.LargeBinary, nullable=False),
    sa.Column("key_blob", sa.LargeBinary, nullable=False),
    sa.Column("certificate_request", sa.LargeBinary, nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("chain", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""A person's key. Key id, owner, public key, algorithm, origin, wrapping key, passkeys and version are also bound
into the encrypted key itself. `wrapping_key` is the CKA_ID of the token's key that it lies under, empty where it lies
under none. `suspended_by` is a `Mover` or empty; `predecessor` the key that this one was made from, or empty;
`certificate` is empty while the key waits for one; `chain` is a MessagePack array of DER, empty for the built-in
authority's own; `key_blob` is empty once the key is revoked or destroyed."""

resident_key = sa.Table(
    "resident_key",
    sam_metadata,
    sa.Column("key_id", sa.String(64), primary_key=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""Ids under which keys were begun that live in the token; a row goes when the token holds the key no more."""

key_act = sa.Table(
    "key_act",
    sam_metadata,
    sa.Column("act_id", sa.String(64), primary_key=True),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("officer_id", sa.String(64), nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""An act on a key that waits for approval. `officer_id` is empty where the owner approves; `request` is the message
that proposed it, JSON."""

certificate = sa.Table(
    "certificate",
    sam_metadata,
    sa.Column("serial", sa.String(64), primary_key=True),
    sa.Column("key_id", sa.String(64), nullable=False, index=True),
    sa.Column("der", sa.LargeBinary, nullable=False),
    sa.Column("revoked_at", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(40), nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""Every certificate that a signer was issued, also of keys that are gone. `serial` is lower-case hexadecimal;
`revoked_at` is 0 while it stands."""

outside_revocation = sa.Table(
    "outside_revocation",
    sam_metadata,
    sa.Column("serial", sa.String(64), primary_key=True),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("issuer", sa.String(1000), nullable=False),
    sa.Column("certificate_sha256", sa.String(64), nullable=False),
    sa.Column("reason", sa.String(40), nullable=False),
    sa.Column("revoked_at", sa.BigInteger, nullable=False),
    sa.Column("told_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("told_by", sa.String(64), nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""Certificates of outside authorities that were revoked here. `issuer` as in RFC 4514; `told_at` is 0 until the
authority knows it; `told_by` is `webhook` or the officer who told it by hand."""

key_slot = sa.Table(
    "key_slot",
    sam_metadata,
    sa.Column("key_id", sa.String(64), sa.ForeignKey("signing_key.key_id"), primary_key=True),
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""PIN and recovery code, each a way to the signer key. `failures` is raised before each try and cleared by a
success."""

pin_reset = sa.Table(
    "pin_reset",
    sam_metadata,
    sa.Column("act_id", sa.String(64), primary_key=True),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""A new PIN that waits for its owner's approval."""

passkey_offer = sa.Table(
    "passkey_offer",
    sam_metadata,
    sa.Column("offer_id", sa.String(64), primary_key=True),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("challenge", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""A challenge for making a further passkey of a key."""

ended_key = sa.Table(
    "ended_key",
    sam_metadata,
    sa.Column("key_id", sa.String(64), primary_key=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("ended_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""Keys that the log says were revoked or destroyed and that have no row of their own, because this DB-2 is older than
they are: they stay dead whatever archive is brought."""

key_import = sa.Table(
    "key_import",
    sam_metadata,
    sa.Column("act_id", sa.String(64), primary_key=True),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("user_id", sa.String(64), nullable=False),
    sa.Column("officer_id", sa.String(64), nullable=False),
    sa.Column("approved_at", sa.BigInteger, nullable=False),
    sa.Column("envelope", sa.LargeBinary, nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("refusals", sa.Integer, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""A key in its envelope that waits for approval. `key_id` is the key whose passkeys and PIN approve; `approved_at` is
when the officer did, or 0; `envelope` is empty once the act is over."""

used_envelope = sa.Table(
    "used_envelope",
    sam_metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("used_at", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.LargeBinary, nullable=False),
)
"""Envelopes from which a key was taken, and which key that was: none is good twice."""

log_opening = sa.Table(
    "log_opening",
    sam_metadata,
    sa.Column("tx", sa.String(32), primary_key=True),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("fields", sa.LargeBinary, nullable=False),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("kept_since", sa.BigInteger, nullable=False, index=True),
)
"""What the commitments in the log commit to. Erasing a row here erases the data; the log stays whole. Not sealed: the
log is. `key_id` is empty for an entry without a key; from `kept_since` on the years of retention count: when the entry
was made, put off to the end of a certificate when that is looked up (`natsuin.key_management.retention`)."""
