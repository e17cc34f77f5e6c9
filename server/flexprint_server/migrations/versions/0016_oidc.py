"""Dealers whose people sign in with their own accounts."""

import sqlalchemy as sa
from alembic import op

from flexprint_server.migrations.wall import CUSTOMER, DEALER, protect

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE user_account ADD COLUMN oidc_subject VARCHAR(255)")
    op.create_table(
        "oidc_provider",
        sa.Column("dealer_id", sa.Integer(), nullable=False),
        sa.Column("link", sa.String(length=20), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("client_id", sa.String(length=500), nullable=False),
        sa.Column("client_secret", sa.LargeBinary(), nullable=False),
        sa.Column("domains", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["dealer_id"], ["dealer.id"], name=op.f("fk_oidc_provider_dealer_id_dealer")),
        sa.PrimaryKeyConstraint("dealer_id", name=op.f("pk_oidc_provider")),
        sa.UniqueConstraint("link", name=op.f("uq_oidc_provider_link")),
    )
    protect("oidc_provider", f"dealer_id = {DEALER} AND {CUSTOMER} IS NULL")
