"""Workbooks on a dealer's schedule."""

import sqlalchemy as sa
from alembic import op

from flexprint_server.migrations.wall import CUSTOMER, DEALER, number, protect

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "schedule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dealer_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("recurrence", sa.String(length=40), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("covers", sa.JSON(), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("sheets", sa.JSON(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=254), nullable=False),
        sa.ForeignKeyConstraint(["dealer_id"], ["dealer.id"], name=op.f("fk_schedule_dealer_id_dealer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule")),
        sa.UniqueConstraint("dealer_id", "name", name=op.f("uq_schedule_dealer_id_name")),
    )
    op.create_index(op.f("ix_schedule_next_at"), "schedule", ["next_at"])
    protect("schedule", f"dealer_id = {DEALER} AND {CUSTOMER} IS NULL")
    number("schedule_id_seq")

    with op.batch_alter_table("report") as report:
        report.alter_column("site_id", existing_type=sa.Integer(), nullable=True)
        report.alter_column("agent_id", existing_type=sa.Uuid(), nullable=True)
        report.add_column(sa.Column("schedule_id", sa.Integer(), nullable=True))
        report.add_column(sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=True))
        report.add_column(sa.Column("title", sa.String(length=200), nullable=True))
        report.add_column(sa.Column("subject", sa.String(length=400), nullable=True))
        report.add_column(sa.Column("wanted", sa.JSON(), nullable=True))
        report.create_foreign_key(
            op.f("fk_report_schedule_id_schedule"), "schedule", ["schedule_id"], ["id"], ondelete="SET NULL"
        )
        report.create_unique_constraint(
            op.f("uq_report_schedule_id_scheduled_for"), ["schedule_id", "scheduled_for"]
        )
