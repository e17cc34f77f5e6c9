"""A workbook is stored in parts of a megabyte: nobody has to hold a large one whole."""

import sqlalchemy as sa
from alembic import op

from flexprint_server.migrations.wall import protect

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# The same in SQLite and PostgreSQL.
CUT = """
INSERT INTO workbook_part (report_id, number, content)
WITH RECURSIVE cut (report_id, number, octets) AS (
  SELECT report_id, 0, length(content) FROM workbook
  UNION ALL
  SELECT report_id, number + 1, octets FROM cut WHERE (number + 1) * 1048576 < octets
)
SELECT cut.report_id, cut.number, substr(workbook.content, cut.number * 1048576 + 1, 1048576)
FROM cut JOIN workbook ON workbook.report_id = cut.report_id"""


def upgrade() -> None:
    op.create_table(
        "workbook_part",
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["report_id"], ["report.id"], name=op.f("fk_workbook_part_report_id_report"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("report_id", "number", name=op.f("pk_workbook_part")),
    )
    protect("workbook_part", "report_id IN (SELECT id FROM report)", may="SELECT")
    op.execute(CUT)
    op.drop_table("workbook")
