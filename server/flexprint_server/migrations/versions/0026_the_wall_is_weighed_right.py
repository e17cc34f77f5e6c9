"""What a dealer sees of customers, sites and users is estimated as many rows, and no more as one.

PostgreSQL takes `x IS NULL` for something that is hardly ever true, and of a wall that asks so for something that lets
hardly a row through: it then went through all devices site by site. A condition that comes out of a SELECT counts as
even chances.
"""

from alembic import op

from flexprint_server.migrations.wall import ALL_CUSTOMERS, ALL_SITES, CUSTOMER, DEALER, SITES

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

OF_CUSTOMER = f"dealer_id = {DEALER} AND ({ALL_CUSTOMERS} OR customer_id = {CUSTOMER})"

SEEN = {
    "customer": f"dealer_id = {DEALER} AND ({ALL_CUSTOMERS} OR id = {CUSTOMER})",
    "site": f"{OF_CUSTOMER} AND ({ALL_SITES} OR id = ANY ({SITES}::integer[]))",
    "user_account": OF_CUSTOMER,
}


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        for table, seen in SEEN.items():
            op.execute(f"ALTER POLICY wall ON {table} USING ({seen}) WITH CHECK ({seen})")
