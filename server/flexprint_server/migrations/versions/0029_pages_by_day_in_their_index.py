"""The pages of each day stand in the index that finds them: an overview of a month reads nothing else."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

KEY = "PRIMARY KEY (dealer_id, day, site_id) INCLUDE (pages)"


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE site_day DROP CONSTRAINT pk_site_day, ADD CONSTRAINT pk_site_day {KEY}")
