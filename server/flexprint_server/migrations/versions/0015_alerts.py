"""Alerts; what an agent was last refused for; devices that people make out of others."""

import sqlalchemy as sa
from alembic import op

from flexprint_server.migrations.wall import CUSTOMER, DEALER, number, protect

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

AT_SITE = f"dealer_id = {DEALER} AND ({CUSTOMER} IS NULL OR site_id IN (SELECT id FROM site))"


def upgrade() -> None:
    instant = "TIMESTAMP WITH TIME ZONE" if op.get_context().dialect.name == "postgresql" else "DATETIME"
    op.execute(f"ALTER TABLE agent ADD COLUMN refused_at {instant}")
    op.execute("ALTER TABLE agent ADD COLUMN refusal VARCHAR(40)")
    number("device_id_seq")
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "alert",
        sa.Column("id", key, nullable=False),
        sa.Column("dealer_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("about", sa.String(length=60), nullable=False),
        sa.Column("device_id", sa.BigInteger(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=254), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("over_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["dealer_id"], ["dealer.id"], name=op.f("fk_alert_dealer_id_dealer")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_alert_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    is_open = sa.text("closed_at IS NULL")
    op.create_index(
        "uq_alert_open",
        "alert",
        ["dealer_id", "kind", "about"],
        unique=True,
        postgresql_where=is_open,
        sqlite_where=is_open,
    )
    op.create_index(op.f("ix_alert_dealer_id_opened_at"), "alert", ["dealer_id", "opened_at"])
    op.create_index(op.f("ix_alert_site_id"), "alert", ["site_id"])
    protect("alert", AT_SITE)
    number("alert_id_seq")
