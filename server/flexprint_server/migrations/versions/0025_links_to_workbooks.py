"""Links with which a recipient without an account downloads a workbook that was too large for the mail."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("delivery", sa.Column("token_hash", sa.LargeBinary(length=32), nullable=True))
    op.add_column("delivery", sa.Column("link_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_delivery_token_hash"), "delivery", ["token_hash"], unique=True)
