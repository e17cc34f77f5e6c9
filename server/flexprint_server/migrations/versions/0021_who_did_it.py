"""Who did what happened to a device."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("device_event", sa.Column("who", sa.String(length=254), nullable=True))
