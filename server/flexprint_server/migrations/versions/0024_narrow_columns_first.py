"""PostgreSQL: the columns of a device that lists count and sort by stand before its texts.

A row is taken apart from its beginning, so that a walk over a hundred thousand devices paid for thirty texts to get at
a time or a number behind them. A column that is added stands last; so the texts are moved there.
"""

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_TEXTS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = 'device'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attlen = -1 ORDER BY a.attnum
"""
_THEIR_INDEXES = """
SELECT DISTINCT pg_get_indexdef(i.indexrelid) FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = 'device'::regclass AND a.attlen = -1
"""


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    texts = op.get_bind().execute(sa.text(_TEXTS)).all()
    indexes = op.get_bind().execute(sa.text(_THEIR_INDEXES)).scalars().all()
    _alter(f"ADD COLUMN moved_{name} {kind}" for name, kind, *_ in texts)
    op.execute(f"UPDATE device SET {', '.join(f'moved_{name} = {name}' for name, *_ in texts)}")
    _alter(f"DROP COLUMN {name}" for name, *_ in texts)
    for name, *_ in texts:
        op.execute(f"ALTER TABLE device RENAME COLUMN moved_{name} TO {name}")
    _alter(f"ALTER COLUMN {name} SET NOT NULL" for name, _, is_needed, _ in texts if is_needed)
    _alter(f"ALTER COLUMN {name} SET DEFAULT {default}" for name, _, _, default in texts if default is not None)
    for definition in indexes:
        op.execute(definition)
    # The update left each row twice: this writes the table anew.
    op.execute("CLUSTER device USING pk_device")


def _alter(steps: Iterable[str]) -> None:
    told = ", ".join(steps)
    if told:
        op.execute(f"ALTER TABLE device {told}")
