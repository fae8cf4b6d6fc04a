"""of which sex a known patient is, and Patient IDs without blanks and hyphens"""

import sqlalchemy as sa
from alembic import op
revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('local_patient', sa.Column('PatientSex', sa.String(), server_default='', nullable=False))
    op.drop_index('ix_delivery_patient_id', table_name='delivery')
    op.create_index('ix_delivery_patient_id', 'delivery', ['institution_id', sa.literal_column("translate(lower(identity ->> 'PatientID'), ' -', '')")], unique=False)


def downgrade() -> None:
    op.drop_index('ix_delivery_patient_id', table_name='delivery')
    op.create_index('ix_delivery_patient_id', 'delivery', ['institution_id', sa.literal_column("lower(identity ->> 'PatientID')")], unique=False)
    op.drop_column('local_patient', 'PatientSex')
