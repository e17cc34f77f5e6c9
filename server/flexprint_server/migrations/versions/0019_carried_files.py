"""Files with exported batches, as people brought them, and what was answered."""

import sqlalchemy as sa
from alembic import op

from flexprint_server.migrations.wall import CUSTOMER, DEALER, number, protect

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "carried_file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dealer_id", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("brought_by", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("before", sa.Integer(), nullable=False),
        sa.Column("reads", sa.Integer(), nullable=False),
        sa.Column("refused", sa.JSON(), nullable=False),
        sa.Column("reports", sa.JSON(), nullable=False),
        sa.Column("acknowledgement", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["dealer_id"], ["dealer.id"], name=op.f("fk_carried_file_dealer_id_dealer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carried_file")),
    )
    op.create_index(op.f("ix_carried_file_dealer_id"), "carried_file", ["dealer_id"])
    protect("carried_file", f"dealer_id = {DEALER} AND {CUSTOMER} IS NULL", may="SELECT, INSERT")
    number("carried_file_id_seq")
