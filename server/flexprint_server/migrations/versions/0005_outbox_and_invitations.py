"""Mails other than workbooks, invitations, and when somebody signed in last."""

import sqlalchemy as sa
from alembic import op

from flexprint_server.migrations.wall import CUSTOMER, DEALER, number, protect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OF_DEALERS_PEOPLE = f"dealer_id = {DEALER} AND {CUSTOMER} IS NULL"


def upgrade() -> None:
    # In SQL, as Alembic's way with SQLite copies the table and drops the old one, and with it what refers to its rows.
    instant = "TIMESTAMP WITH TIME ZONE" if op.get_context().dialect.name == "postgresql" else "DATETIME"
    op.execute(f"ALTER TABLE user_account ADD COLUMN last_sign_in_at {instant}")

    op.create_table(
        "outgoing_mail",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dealer_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("message_id", sa.String(length=255), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["dealer_id"], ["dealer.id"], name=op.f("fk_outgoing_mail_dealer_id_dealer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_mail")),
    )
    op.create_index(op.f("ix_outgoing_mail_next_attempt_at"), "outgoing_mail", ["next_attempt_at"])
    op.create_index(op.f("ix_outgoing_mail_created_at"), "outgoing_mail", ["created_at"])
    op.create_index(op.f("ix_outgoing_mail_dealer_id_created_at"), "outgoing_mail", ["dealer_id", "created_at"])
    protect("outgoing_mail", OF_DEALERS_PEOPLE, may="SELECT, INSERT")
    number("outgoing_mail_id_seq")

    op.create_table(
        "invitation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dealer_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("mail_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_invitation_customer_id_customer")),
        sa.ForeignKeyConstraint(["dealer_id"], ["dealer.id"], name=op.f("fk_invitation_dealer_id_dealer")),
        sa.ForeignKeyConstraint(
            ["mail_id"], ["outgoing_mail.id"], name=op.f("fk_invitation_mail_id_outgoing_mail"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("dealer_id", "email", name=op.f("uq_invitation_dealer_id_email")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
    )
    protect("invitation", OF_DEALERS_PEOPLE)
    number("invitation_id_seq")
