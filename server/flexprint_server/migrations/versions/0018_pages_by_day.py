"""Pages and reads of each site by day, counted as reads arrive; those of the last ten weeks from what is stored."""

import sqlalchemy as sa
from alembic import op

from flexprint_server.migrations.wall import CUSTOMER, DEALER, protect

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# A counter that went down counts for nothing, as it does where reads arrive (fleet.days).
FILL = """
INSERT INTO site_day (dealer_id, day, site_id, pages, reads)
SELECT dealer_id, day, site_id, sum(CASE WHEN total > earlier THEN total - earlier ELSE 0 END), count(*) FROM (
  SELECT read.dealer_id, device.site_id, {day} AS day, read.total,
    lag(read.total) OVER (PARTITION BY read.device_id ORDER BY read.read_at, read.id) AS earlier
  FROM read JOIN device ON device.id = read.device_id WHERE read.read_at > {since}
) AS told GROUP BY dealer_id, day, site_id
"""
DIALECTS = {
    "postgresql": {"day": "CAST(read.read_at AT TIME ZONE 'UTC' AS date)", "since": "now() - interval '70 days'"},
    "sqlite": {"day": "date(read.read_at)", "since": "datetime('now', '-70 days')"},
}


def upgrade() -> None:
    op.create_table(
        "site_day",
        sa.Column("dealer_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("pages", sa.BigInteger(), nullable=False),
        sa.Column("reads", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("dealer_id", "day", "site_id", name=op.f("pk_site_day")),
    )
    protect("site_day", f"dealer_id = {DEALER} AND ({CUSTOMER} IS NULL OR site_id IN (SELECT id FROM site))", may="SELECT")
    op.execute(FILL.format(**DIALECTS[op.get_context().dialect.name]))
