"""reserved local IDs"""

import sqlalchemy as sa
from alembic import op
revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('local_patient', sa.Column('reserved_by', sa.String(), nullable=True))


def downgrade() -> None:
    # What no release has told would count as known there.
    op.execute('DELETE FROM local_patient WHERE reserved_by IS NOT NULL')
    op.drop_column('local_patient', 'reserved_by')
