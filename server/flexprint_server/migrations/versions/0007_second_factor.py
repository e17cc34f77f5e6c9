"""A code after the password, and dealers who insist on it."""

import sqlalchemy as sa
from alembic import op

from flexprint_server.migrations.wall import ROLE, number, protect

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE sign_in ADD COLUMN waits_for_code BOOLEAN NOT NULL DEFAULT false")
    op.execute("ALTER TABLE dealer ADD COLUMN wants_second_factor BOOLEAN NOT NULL DEFAULT false")
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"GRANT UPDATE (wants_second_factor) ON dealer TO {ROLE}")

    op.create_table(
        "second_factor",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_second_factor_user_id_user_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factor")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_recovery_code_user_id_user_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
    )
    op.create_index(op.f("ix_recovery_code_user_id"), "recovery_code", ["user_id"])
    for table in ("second_factor", "recovery_code"):
        protect(table, "user_id IN (SELECT id FROM user_account)")
    number("recovery_code_id_seq")
