"""What people type about a device, retire, merge, split and settle; counters that went down."""

import sqlalchemy as sa
from alembic import op

from flexprint_server.migrations.wall import CUSTOMER, DEALER, ROLE, number, protect

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OF_DEVICE = f"dealer_id = {DEALER} AND ({CUSTOMER} IS NULL OR device_id IN (SELECT id FROM device))"

# In SQL, as Alembic's way with SQLite copies the table and drops the old one, and with it what refers to its rows.
COLUMNS = {
    "device": (
        "typed_asset VARCHAR(255)",
        "typed_name VARCHAR(255)",
        "typed_location VARCHAR(255)",
        "typed_note TEXT",
        "typed_text TEXT NOT NULL DEFAULT ''",
        "in_fleet BOOLEAN NOT NULL DEFAULT true",
        "retired_at {instant}",
        "merged_into_id BIGINT",
    ),
    "device_key": ("seen_as BIGINT",),
    "read": ("seen_as BIGINT",),
}


def upgrade() -> None:
    is_postgresql = op.get_context().dialect.name == "postgresql"
    instant = "TIMESTAMP WITH TIME ZONE" if is_postgresql else "DATETIME"
    for table, columns in COLUMNS.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ADD COLUMN {column.format(instant=instant)}")
    if is_postgresql:
        # Merging and splitting say whose reads they are; what was read is nobody's to change.
        op.execute(f"GRANT UPDATE (device_id, seen_as) ON read TO {ROLE}")

    _make(
        "device_change",
        _device("device_id"),
        _device("other_id"),
        sa.Column("kind", sa.String(length=10), nullable=False),
        _instant("at"),
        sa.Column("who", sa.String(length=254), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        _instant("since", nullable=True),
        sa.Column("before", sa.JSON(), nullable=False),
        _instant("undone_at", nullable=True),
        sa.Column("undone_by", sa.String(length=254), nullable=True),
    )
    op.create_index(op.f("ix_device_change_device_id"), "device_change", ["device_id"])
    op.create_index(op.f("ix_device_change_other_id"), "device_change", ["other_id"])

    _make(
        "identity_doubt",
        _device("device_id"),
        _device("other_id"),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        _instant("seen_at"),
        _instant("settled_at", nullable=True),
        sa.Column("settled_by", sa.String(length=254), nullable=True),
        sa.Column("verdict", sa.String(length=10), nullable=True),
        sa.UniqueConstraint("device_id", "other_id", "key", name=op.f("uq_identity_doubt_device_id_other_id_key")),
    )
    op.create_index(op.f("ix_identity_doubt_dealer_id"), "identity_doubt", ["dealer_id"])
    op.create_index(op.f("ix_identity_doubt_other_id"), "identity_doubt", ["other_id"])

    _make(
        "device_event",
        _device("device_id"),
        _instant("at"),
        sa.Column("what", sa.String(length=20), nullable=False),
        sa.Column("before", sa.String(length=600), nullable=True),
        sa.Column("after", sa.String(length=600), nullable=True),
    )
    op.create_index(op.f("ix_device_event_device_id_at"), "device_event", ["device_id", "at"])

    _make(
        "meter_epoch",
        _device("device_id"),
        sa.Column("meter", sa.String(length=40), nullable=False),
        _instant("before_at"),
        sa.Column("value_before", sa.BigInteger(), nullable=False),
        _instant("at"),
        sa.Column("value_after", sa.BigInteger(), nullable=False),
        sa.Column("guess", sa.String(length=20), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        _instant("confirmed_at", nullable=True),
        sa.Column("confirmed_by", sa.String(length=254), nullable=True),
        sa.UniqueConstraint("device_id", "meter", "at", name=op.f("uq_meter_epoch_device_id_meter_at")),
    )
    op.create_index(op.f("ix_meter_epoch_dealer_id"), "meter_epoch", ["dealer_id"])


def _make(table: str, *columns: sa.Column[object] | sa.Constraint) -> None:
    """A table whose rows belong to a dealer's device."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        table,
        sa.Column("id", key, nullable=False),
        sa.Column("dealer_id", sa.Integer(), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["dealer_id"], ["dealer.id"], name=op.f(f"fk_{table}_dealer_id_dealer")),
        *(
            sa.ForeignKeyConstraint(
                [name], ["device.id"], name=op.f(f"fk_{table}_{name}_device"), ondelete="CASCADE"
            )
            for name in ("device_id", "other_id")
            if any(isinstance(column, sa.Column) and column.name == name for column in columns)
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    protect(table, OF_DEVICE)
    number(f"{table}_id_seq")


def _device(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
