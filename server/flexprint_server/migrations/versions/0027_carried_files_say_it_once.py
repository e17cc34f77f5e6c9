"""What became of a carried file's batches stands with each of them, and not once more beside."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("carried_file") as table:
        for name in ("new", "before", "reads", "refused"):
            table.drop_column(name)
