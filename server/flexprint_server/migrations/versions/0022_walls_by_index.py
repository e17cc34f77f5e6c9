"""New devices, and what a customer's user sees of a device's rows, are found without a walk over all devices."""

from alembic import op

from flexprint_server.migrations.wall import CUSTOMER, DEALER, DEVICES

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

OF_DEVICES = ("read", "device_key", "device_change", "device_event", "identity_doubt", "meter_epoch")


def upgrade() -> None:
    op.create_index(op.f("ix_device_dealer_id_first_seen_at"), "device", ["dealer_id", "first_seen_at"])
    if op.get_context().dialect.name != "postgresql":
        return
    seen = f"dealer_id = {DEALER} AND ({CUSTOMER} IS NULL OR device_id IN {DEVICES})"
    for table in OF_DEVICES:
        op.execute(f"ALTER POLICY wall ON {table} USING ({seen}) WITH CHECK ({seen})")
