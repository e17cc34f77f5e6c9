"""A device keeps the figures of its newest read by their layout, as reads do; a read keeps the states of supplies."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_LETTERS = {"ok": "o", "low": "l", "empty": "e", "some": "s", "unknown": "u", "unlimited": "n"}
_AT_ONCE = 1000


def upgrade() -> None:
    with op.batch_alter_table("device") as device:
        device.add_column(sa.Column("layout_id", sa.Integer(), nullable=True))
        device.add_column(sa.Column("meter_values", sa.JSON(), nullable=True))
        device.add_column(sa.Column("levels", sa.JSON(), nullable=True))
        device.add_column(sa.Column("percents", sa.JSON(), nullable=True))
        device.add_column(sa.Column("states", sa.Text(), nullable=True))
    with op.batch_alter_table("read") as read:
        read.add_column(sa.Column("states", sa.Text(), nullable=True))
    _fill()
    with op.batch_alter_table("device") as device:
        device.alter_column("layout_id", existing_type=sa.Integer(), nullable=False)
        device.alter_column("meter_values", existing_type=sa.JSON(), nullable=False)
        device.alter_column("levels", existing_type=sa.JSON(), nullable=False)
        device.alter_column("percents", existing_type=sa.JSON(), nullable=False)
        device.alter_column("states", existing_type=sa.Text(), nullable=False)
        device.create_foreign_key(op.f("fk_device_layout_id_layout"), "layout", ["layout_id"], ["id"])
        device.drop_column("meters")
        device.drop_column("supplies")
    with op.batch_alter_table("read") as read:
        read.alter_column("states", existing_type=sa.Text(), nullable=False)


def _fill() -> None:
    """Figures come from the read that the device shows; of older reads nobody wrote down the states."""
    database = op.get_bind()
    database.execute(
        sa.text(
            "UPDATE device SET (layout_id, meter_values, levels, percents) = ("
            "SELECT layout_id, meters, levels, percents FROM read "
            "WHERE device_id = device.id AND read_at = device.last_read_at ORDER BY id DESC LIMIT 1)"
        )
    )
    change = sa.text("UPDATE device SET states = :states WHERE id = :id")
    shown = database.execute(sa.text("SELECT id, supplies FROM device")).all()
    for at in range(0, len(shown), _AT_ONCE):
        told = [{"id": row.id, "states": _letters(row.supplies)} for row in shown[at : at + _AT_ONCE]]
        database.execute(change, told)
    unknown = (
        "repeat('u', json_array_length(levels))"
        if database.dialect.name == "postgresql"
        else "replace(hex(zeroblob(json_array_length(levels))), '00', 'u')"
    )
    database.execute(sa.text(f"UPDATE read SET states = {unknown}"))
    database.execute(
        sa.text(
            "UPDATE read SET states = device.states FROM device "
            "WHERE device.id = read.device_id AND device.last_read_at = read.read_at"
        )
    )


def _letters(supplies: str | list[list[Any]]) -> str:
    # SQLite gives JSON as text. The state is the sixth of nine.
    rows = json.loads(supplies) if isinstance(supplies, str) else supplies
    return "".join(_LETTERS[row[5]] for row in rows)
