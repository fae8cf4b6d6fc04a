"""fetched images"""

import sqlalchemy as sa
from alembic import op
revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        'arrival_instance', sa.Column('fetched', sa.Boolean(), server_default=sa.text('false'), nullable=False)
    )
    op.add_column(
        'arrival_instance', sa.Column('pushed', sa.Boolean(), server_default=sa.text('true'), nullable=False)
    )


def downgrade() -> None:
    op.drop_column('arrival_instance', 'pushed')
    op.drop_column('arrival_instance', 'fetched')
