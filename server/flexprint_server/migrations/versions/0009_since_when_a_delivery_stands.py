"""Since when each delivery is as it is, and deliveries found by their Message-ID."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("delivery", sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE delivery SET changed_at = COALESCE(accepted_at, "
        "(SELECT COALESCE(sent_at, built_at, created_at) FROM report WHERE report.id = delivery.report_id))"
    )
    with op.batch_alter_table("delivery") as delivery:
        delivery.alter_column("changed_at", nullable=False)
    op.create_index(op.f("ix_delivery_message_id"), "delivery", ["message_id"])
