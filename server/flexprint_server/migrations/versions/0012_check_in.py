"""What agents tell of themselves, and what they are told to do."""

import sqlalchemy as sa
from alembic import op

from flexprint_server.migrations.wall import CUSTOMER, DEALER, number, protect

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

OURS = f"dealer_id = {DEALER} AND ({CUSTOMER} IS NULL OR agent_id IN (SELECT id FROM agent))"


def upgrade() -> None:
    _make(
        "agent_state",
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("checked_in_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("clock_offset_s", sa.BigInteger(), nullable=False),
        sa.Column("next_wake_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("health", sa.JSON(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("allows", sa.JSON(), nullable=False),
        sa.Column("handed", sa.String(length=64), nullable=True),
        sa.Column("unfit", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_agent_state")),
    )
    _make(
        "agent_log",
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_agent_log")),
    )
    _make(
        "agent_command",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=10), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(length=254), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("said", sa.String(length=300), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_command")),
    )
    op.create_index(op.f("ix_agent_command_agent_id_id"), "agent_command", ["agent_id", "id"])
    number("agent_command_id_seq")


def _make(table: str, *columns: sa.Column[object] | sa.Constraint) -> None:
    """A table whose rows belong to a dealer's agent."""
    op.create_table(
        table,
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("dealer_id", sa.Integer(), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["dealer_id"], ["dealer.id"], name=op.f(f"fk_{table}_dealer_id_dealer")),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f(f"fk_{table}_agent_id_agent"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f(f"ix_{table}_dealer_id"), table, ["dealer_id"])
    protect(table, OURS)
