"""What became of each batch of a carried file."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("carried_file", sa.Column("batches", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("carried_file") as table:
        table.alter_column("batches", server_default=None)
