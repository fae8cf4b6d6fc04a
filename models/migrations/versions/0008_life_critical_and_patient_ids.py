"""what is life-critical, and who went under which Patient ID"""

import sqlalchemy as sa
from alembic import op
revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_transaction_life_critical', 'transaction', ['destination_id', 'state_since'], unique=False, postgresql_where=sa.text("urgency = 'life-critical'"))
    op.create_index('ix_delivery_patient_id', 'delivery', ['institution_id', sa.literal_column("lower(identity ->> 'PatientID')")], unique=False)


def downgrade() -> None:
    op.drop_index('ix_delivery_patient_id', table_name='delivery')
    op.drop_index('ix_transaction_life_critical', table_name='transaction')
