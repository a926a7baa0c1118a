"""Takes: what points recorded while they had no hub"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "take",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("session_id", sa.String(length=24), nullable=False),
        sa.Column("participant_id", sa.String(length=24), nullable=False),
        sa.Column("header", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("ended", sa.String(length=16), nullable=False),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.Column("cut", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("first_utc", sa.Float(precision=53), nullable=True),
        sa.Column("last_utc", sa.Float(precision=53), nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("placed", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handed_in_by", sa.String(length=24), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name=op.f("fk_take_session_id")),
        sa.ForeignKeyConstraint(["handed_in_by"], ["user.id"], name=op.f("fk_take_handed_in_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_take")),
    )
    for column in ("session_id", "participant_id", "state", "heard_at"):
        op.create_index(op.f(f"ix_take_{column}"), "take", [column], unique=False)
    op.create_table(
        "take_piece",
        sa.Column("take_id", sa.String(length=24), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("sealed_sha256", sa.String(length=64), nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False),
        sa.Column("end_us", sa.BigInteger(), nullable=False),
        sa.Column("error_us", sa.BigInteger(), nullable=False),
        sa.Column("mime", sa.String(length=32), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("cut", sa.String(length=16), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["take_id"], ["take.id"], name=op.f("fk_take_piece_take_id")),
        sa.PrimaryKeyConstraint("take_id", "number", name=op.f("pk_take_piece")),
    )


def downgrade() -> None:
    """Back again."""
    op.drop_table("take_piece")
    op.drop_table("take")
