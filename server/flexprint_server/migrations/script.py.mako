"""${message}

Old code still runs while this does: add first, remove one release later. Long work on big tables holds locks;
do it in batches, outside this step.
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
