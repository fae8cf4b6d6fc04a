"""senders' IDs and Accession Numbers"""

import sqlalchemy as sa
from alembic import op
revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('senders_id',
    sa.Column('institution_id', sa.String(), nullable=False),
    sa.Column('sender_id', sa.String(), nullable=False),
    sa.Column('issuer', sa.String(), nullable=False),
    sa.Column('sent_id', sa.String(), nullable=False),
    sa.Column('patient_id', sa.String(), nullable=False),
    sa.Column('learned_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['institution_id'], ['institution.ods_code'], name=op.f('fk_senders_id_institution_id')),
    sa.ForeignKeyConstraint(['sender_id'], ['institution.ods_code'], name=op.f('fk_senders_id_sender_id')),
    sa.PrimaryKeyConstraint('institution_id', 'sender_id', 'issuer', 'sent_id', name=op.f('pk_senders_id'))
    )
    op.create_index('ix_delivery_accession', 'delivery', ['institution_id', sa.literal_column("lower(identity ->> 'AccessionNumber')")], unique=False)


def downgrade() -> None:
    op.drop_index('ix_delivery_accession', table_name='delivery')
    op.drop_table('senders_id')
