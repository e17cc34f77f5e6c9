"""Customers' own users, and the audit log."""

import sqlalchemy as sa
from alembic import op

from flexprint_server.migrations.wall import CUSTOMER, DEALER, number, protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

USERS = f"dealer_id = {DEALER} AND ({CUSTOMER} IS NULL OR customer_id = {CUSTOMER})"


def upgrade() -> None:
    # In SQL, as Alembic's way with SQLite copies the table and drops the old one, and with it what refers to its rows.
    op.execute(
        "ALTER TABLE user_account ADD COLUMN customer_id INTEGER "
        "CONSTRAINT fk_user_account_customer_id_customer REFERENCES customer (id)"
    )

    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dealer_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("who", sa.String(length=254), nullable=False),
        sa.Column("what", sa.String(length=60), nullable=False),
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["dealer_id"], ["dealer.id"], name=op.f("fk_audit_entry_dealer_id_dealer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_dealer_id_id"), "audit_entry", ["dealer_id", "id"])
    protect("audit_entry", f"dealer_id = {DEALER} AND {CUSTOMER} IS NULL", may="SELECT, INSERT")
    number("audit_entry_id_seq")
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit log is only added to'; END $$"
        )
        op.execute(
            "CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_only_added_to()"
        )
        op.execute("ALTER POLICY wall ON user_account USING (" + USERS + ") WITH CHECK (" + USERS + ")")
    else:
        for deed in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_entry_no_{deed.lower()} BEFORE {deed} ON audit_entry "
                "BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END"
            )
