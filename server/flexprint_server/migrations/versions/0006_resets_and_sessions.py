"""Passwords set anew by mail; where each session was opened."""

import sqlalchemy as sa
from alembic import op

from flexprint_server.migrations.wall import number, protect

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE sign_in ADD COLUMN address VARCHAR(45)")
    op.execute("ALTER TABLE sign_in ADD COLUMN browser VARCHAR(60)")

    op.create_table(
        "password_reset",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_password_reset_user_id_user_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_reset")),
        sa.UniqueConstraint("user_id", name=op.f("uq_password_reset_user_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_password_reset_token_hash")),
    )
    protect("password_reset", "user_id IN (SELECT id FROM user_account)")
    number("password_reset_id_seq")
