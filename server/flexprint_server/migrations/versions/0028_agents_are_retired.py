"""An agent that is gone for good: when somebody said so."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agent", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
