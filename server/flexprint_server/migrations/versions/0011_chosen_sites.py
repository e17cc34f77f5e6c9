"""Customers' users who see chosen sites only."""

from alembic import op

from flexprint_server.migrations.wall import CUSTOMER, DEALER, SITES

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SEEN = (
    f"dealer_id = {DEALER} AND ({CUSTOMER} IS NULL OR customer_id = {CUSTOMER}) "
    f"AND ({SITES} IS NULL OR id = ANY ({SITES}::integer[]))"
)


def upgrade() -> None:
    for table in ("user_account", "invitation"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN only_sites JSON")
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER POLICY wall ON site USING ({SEEN}) WITH CHECK ({SEEN})")
