"""Addresses that are not written to, and mails found by their Message-ID when they come back."""

import sqlalchemy as sa
from alembic import op

from flexprint_server.migrations.wall import CUSTOMER, DEALER, number, protect

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "suppression",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dealer_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("list", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["dealer_id"], ["dealer.id"], name=op.f("fk_suppression_dealer_id_dealer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression")),
        sa.UniqueConstraint("dealer_id", "address", "list", name=op.f("uq_suppression_dealer_id_address_list")),
    )
    protect("suppression", f"dealer_id = {DEALER} AND {CUSTOMER} IS NULL")
    number("suppression_id_seq")
    op.create_index(op.f("ix_outgoing_mail_message_id"), "outgoing_mail", ["message_id"])
