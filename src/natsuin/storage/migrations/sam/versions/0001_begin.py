"""Begin"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema to this version."""
    op.create_table(
        "backup_act",
        sa.Column("act_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("officers", sa.String(length=200), nullable=False),
        sa.Column("approved_by", sa.String(length=200), nullable=False),
        sa.Column("archive", sa.LargeBinary(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("act_id", name=op.f("pk_backup_act")),
    )
    op.create_table(
        "certificate",
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_certificate")),
    )
    with op.batch_alter_table("certificate", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_certificate_key_id"), ["key_id"], unique=False)

    op.create_table(
        "ended_key",
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_ended_key")),
    )
    op.create_table(
        "enrolment",
        sa.Column("act_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("officer_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("algorithm", sa.String(length=40), nullable=False),
        sa.Column("resident", sa.Integer(), nullable=False),
        sa.Column("approval", sa.LargeBinary(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("completion", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("act_id", name=op.f("pk_enrolment")),
        sa.UniqueConstraint("user_id", name=op.f("uq_enrolment_user_id")),
    )
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_enrolment_token_hash"), ["token_hash"], unique=False)

    op.create_table(
        "instruction",
        sa.Column("instruction_id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("scheme", sa.String(length=40), nullable=False),
        sa.Column("client", sa.String(length=200), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("approval", sa.LargeBinary(), nullable=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=False),
        sa.Column("sad_hash", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_signer_key", sa.LargeBinary(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("last_assertion", sa.LargeBinary(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("instruction_id", name=op.f("pk_instruction")),
        sa.UniqueConstraint("sad_hash", name=op.f("uq_instruction_sad_hash")),
    )
    with op.batch_alter_table("instruction", schema=None) as batch_op:
        batch_op.create_index("ix_instruction_key_id_approved_at", ["key_id", "approved_at"], unique=False)

    op.create_table(
        "key_act",
        sa.Column("act_id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("officer_id", sa.String(length=64), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("act_id", name=op.f("pk_key_act")),
    )
    op.create_table(
        "key_archive",
        sa.Column("archive_id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("holds", sa.LargeBinary(), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("wrapping_key", sa.String(length=64), nullable=False),
        sa.Column("officers", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("archive_id", name=op.f("pk_key_archive")),
    )
    with op.batch_alter_table("key_archive", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_key_archive_key_id"), ["key_id"], unique=False)

    op.create_table(
        "key_import",
        sa.Column("act_id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("officer_id", sa.String(length=64), nullable=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("act_id", name=op.f("pk_key_import")),
    )
    op.create_table(
        "log_mark",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_log_mark")),
    )
    op.create_table(
        "log_opening",
        sa.Column("tx", sa.String(length=32), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("fields", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("kept_since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tx", name=op.f("pk_log_opening")),
    )
    with op.batch_alter_table("log_opening", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_log_opening_kept_since"), ["kept_since"], unique=False)

    op.create_table(
        "officer",
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("roles", sa.String(length=200), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_officer")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_officer_credential_id")),
    )
    op.create_table(
        "officer_act",
        sa.Column("act_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("proposed_by", sa.String(length=64), nullable=False),
        sa.Column("approved_by", sa.String(length=64), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("act_id", name=op.f("pk_officer_act")),
    )
    op.create_table(
        "officer_invitation",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("roles", sa.String(length=200), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_officer_invitation")),
    )
    op.create_table(
        "outside_revocation",
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("issuer", sa.String(length=1000), nullable=False),
        sa.Column("certificate_sha256", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.Column("told_by", sa.String(length=64), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_outside_revocation")),
    )
    with op.batch_alter_table("outside_revocation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outside_revocation_told_at"), ["told_at"], unique=False)

    op.create_table(
        "passkey_offer",
        sa.Column("offer_id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("offer_id", name=op.f("pk_passkey_offer")),
    )
    op.create_table(
        "passkey_replacement",
        sa.Column("act_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("officers", sa.String(length=200), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("cancel_record", sa.LargeBinary(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("waiting", sa.BigInteger(), nullable=False),
        sa.Column("ends_waiting_at", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("completion", sa.LargeBinary(), nullable=False),
        sa.Column("passkey", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("act_id", name=op.f("pk_passkey_replacement")),
    )
    with op.batch_alter_table("passkey_replacement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_passkey_replacement_changed_at"), ["changed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_passkey_replacement_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_passkey_replacement_token_hash"), ["token_hash"], unique=False)
        batch_op.create_index(batch_op.f("ix_passkey_replacement_user_id"), ["user_id"], unique=False)

    op.create_table(
        "person_act",
        sa.Column("act_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("officer_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("act_id", name=op.f("pk_person_act")),
    )
    op.create_table(
        "pin_reset",
        sa.Column("act_id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("act_id", name=op.f("pk_pin_reset")),
    )
    op.create_table(
        "provider_secret",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_provider_secret")),
    )
    op.create_table(
        "resident_key",
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_resident_key")),
    )
    op.create_table(
        "service_key",
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("algorithm", sa.String(length=40), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", name=op.f("pk_service_key")),
    )
    op.create_table(
        "signing_key",
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("algorithm", sa.String(length=40), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("suspended_by", sa.String(length=20), nullable=False),
        sa.Column("one_time", sa.Integer(), nullable=False),
        sa.Column("predecessor", sa.String(length=64), nullable=False),
        sa.Column("backend", sa.String(length=20), nullable=False),
        sa.Column("wrapping_key", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("passkeys", sa.LargeBinary(), nullable=False),
        sa.Column("sign_counts", sa.LargeBinary(), nullable=False),
        sa.Column("key_blob", sa.LargeBinary(), nullable=False),
        sa.Column("certificate_request", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_signing_key")),
    )
    with op.batch_alter_table("signing_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signing_key_user_id"), ["user_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_signing_key_wrapping_key"), ["wrapping_key"], unique=False)

    op.create_table(
        "signing_stop",
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("officer_id", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("stopped_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_signing_stop")),
    )
    op.create_table(
        "used_envelope",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_used_envelope")),
    )
    op.create_table(
        "wrapping_key",
        sa.Column("wrapping_key", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("replaced_at", sa.BigInteger(), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("wrapping_key", name=op.f("pk_wrapping_key")),
    )
    op.create_table(
        "instruction_content",
        sa.Column("instruction_id", sa.String(length=64), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instruction_id"],
            ["instruction.instruction_id"],
            name=op.f("fk_instruction_content_instruction_id_instruction"),
        ),
        sa.PrimaryKeyConstraint("instruction_id", name=op.f("pk_instruction_content")),
    )
    op.create_table(
        "key_slot",
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["signing_key.key_id"], name=op.f("fk_key_slot_key_id_signing_key")),
        sa.PrimaryKeyConstraint("key_id", "name", name=op.f("pk_key_slot")),
    )
    op.create_table(
        "use",
        sa.Column("instruction_id", sa.String(length=64), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("tx", sa.String(length=32), nullable=False),
        sa.Column("intent_index", sa.BigInteger(), nullable=False),
        sa.Column("signatures", sa.LargeBinary(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instruction_id"], ["instruction.instruction_id"], name=op.f("fk_use_instruction_id_instruction")
        ),
        sa.PrimaryKeyConstraint("instruction_id", "first", name=op.f("pk_use")),
    )
    with op.batch_alter_table("use", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_use_state"), ["state"], unique=False)


def downgrade() -> None:
    """Take it back to the version before."""
    with op.batch_alter_table("use", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_use_state"))

    op.drop_table("use")
    op.drop_table("key_slot")
    op.drop_table("instruction_content")
    op.drop_table("wrapping_key")
    op.drop_table("used_envelope")
    op.drop_table("signing_stop")
    with op.batch_alter_table("signing_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signing_key_wrapping_key"))
        batch_op.drop_index(batch_op.f("ix_signing_key_user_id"))

    op.drop_table("signing_key")
    op.drop_table("service_key")
    op.drop_table("resident_key")
    op.drop_table("provider_secret")
    op.drop_table("pin_reset")
    op.drop_table("person_act")
    with op.batch_alter_table("passkey_replacement", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_passkey_replacement_user_id"))
        batch_op.drop_index(batch_op.f("ix_passkey_replacement_token_hash"))
        batch_op.drop_index(batch_op.f("ix_passkey_replacement_state"))
        batch_op.drop_index(batch_op.f("ix_passkey_replacement_changed_at"))

    op.drop_table("passkey_replacement")
    op.drop_table("passkey_offer")
    with op.batch_alter_table("outside_revocation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outside_revocation_told_at"))

    op.drop_table("outside_revocation")
    op.drop_table("officer_invitation")
    op.drop_table("officer_act")
    op.drop_table("officer")
    with op.batch_alter_table("log_opening", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_log_opening_kept_since"))

    op.drop_table("log_opening")
    op.drop_table("log_mark")
    op.drop_table("key_import")
    with op.batch_alter_table("key_archive", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_key_archive_key_id"))

    op.drop_table("key_archive")
    op.drop_table("key_act")
    with op.batch_alter_table("instruction", schema=None) as batch_op:
        batch_op.drop_index("ix_instruction_key_id_approved_at")

    op.drop_table("instruction")
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_enrolment_token_hash"))

    op.drop_table("enrolment")
    op.drop_table("ended_key")
    with op.batch_alter_table("certificate", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_certificate_key_id"))

    op.drop_table("certificate")
    op.drop_table("backup_act")
