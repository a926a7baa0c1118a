"""Indices for what somebody's sites took part in of late"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.create_index("ix_session_ended", "session", ["closed_at", "site_id", "restricted", "id", "visit_id"])
    op.drop_index(op.f("ix_session_closed_at"), "session")
    op.create_index("ix_participant_taking_part", "participant", ["session_id", "site_id", "state", "user_id"])


def downgrade() -> None:
    """Back to the revision before."""
    op.drop_index("ix_participant_taking_part", "participant")
    op.create_index(op.f("ix_session_closed_at"), "session", ["closed_at"])
    op.drop_index("ix_session_ended", "session")
