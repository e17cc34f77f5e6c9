"""Settings of dealers, customers, sites and agents."""

import sqlalchemy as sa
from alembic import op

from flexprint_server.migrations.wall import CUSTOMER, DEALER, ROLE, protect

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OF_ALL = "customer_id IS NULL AND site_id IS NULL AND agent_id IS NULL"
HERE = (
    f"customer_id = {CUSTOMER} OR site_id IN (SELECT id FROM site) OR agent_id IN (SELECT id FROM agent) OR ({OF_ALL})"
)
OURS = f"dealer_id = {DEALER} AND ({CUSTOMER} IS NULL OR {HERE})"


def upgrade() -> None:
    op.create_table(
        "setting_value",
        sa.Column("dealer_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(length=45), nullable=False),
        sa.Column("name", sa.String(length=30), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["dealer_id"], ["dealer.id"], name=op.f("fk_setting_value_dealer_id_dealer")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_setting_value_customer_id_customer"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["site_id"], ["site.id"], name=op.f("fk_setting_value_site_id_site"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_setting_value_agent_id_agent"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dealer_id", "place", "name", name=op.f("pk_setting_value")),
    )
    for column in ("customer_id", "site_id", "agent_id"):
        op.create_index(op.f(f"ix_setting_value_{column}"), "setting_value", [column])
    protect("setting_value", OURS)
    if op.get_context().dialect.name == "postgresql":
        # What a customer's user may read, no customer's user may write.
        for deed, condition in (("INSERT", "WITH CHECK"), ("UPDATE", "USING"), ("DELETE", "USING")):
            op.execute(
                f"CREATE POLICY {deed.lower()}s ON setting_value AS RESTRICTIVE FOR {deed} TO {ROLE} "
                f"{condition} ({CUSTOMER} IS NULL)"
            )
