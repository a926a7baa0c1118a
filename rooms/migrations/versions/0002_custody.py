"""Custody: orders, extracts, copies, holds, retention, disposal"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "custody_order",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("object_kind", sa.String(length=16), nullable=False),
        sa.Column("object_id", sa.String(length=24), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("issuer_title", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("dated", sa.Date(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(length=24), nullable=True),
        sa.ForeignKeyConstraint(["recorded_by"], ["user.id"], name=op.f("fk_custody_order_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_order")),
    )
    op.create_index(op.f("ix_custody_order_object_id"), "custody_order", ["object_id"], unique=False)
    op.create_table(
        "disposal",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("object_kind", sa.String(length=16), nullable=False),
        sa.Column("object_id", sa.String(length=24), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_by", sa.String(length=24), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=24), nullable=True),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("inventory", sa.JSON(), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["decided_by"], ["user.id"], name=op.f("fk_disposal_decided_by")),
        sa.ForeignKeyConstraint(["proposed_by"], ["user.id"], name=op.f("fk_disposal_proposed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disposal")),
    )
    op.create_index(op.f("ix_disposal_object_id"), "disposal", ["object_id"], unique=False)
    op.create_table(
        "hold",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("object_kind", sa.String(length=16), nullable=False),
        sa.Column("object_id", sa.String(length=24), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("placed_by", sa.String(length=24), nullable=True),
        sa.Column("lift_reason", sa.Text(), nullable=False),
        sa.Column("lift_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lift_asked_by", sa.String(length=24), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.String(length=24), nullable=True),
        sa.ForeignKeyConstraint(["lift_asked_by"], ["user.id"], name=op.f("fk_hold_lift_asked_by")),
        sa.ForeignKeyConstraint(["lifted_by"], ["user.id"], name=op.f("fk_hold_lifted_by")),
        sa.ForeignKeyConstraint(["placed_by"], ["user.id"], name=op.f("fk_hold_placed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    op.create_index(op.f("ix_hold_object_id"), "hold", ["object_id"], unique=False)
    op.create_table(
        "retention_mark",
        sa.Column("object_kind", sa.String(length=16), nullable=False),
        sa.Column("object_id", sa.String(length=24), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.String(length=24), nullable=True),
        sa.ForeignKeyConstraint(["set_by"], ["user.id"], name=op.f("fk_retention_mark_set_by")),
        sa.PrimaryKeyConstraint("object_kind", "object_id", name=op.f("pk_retention_mark")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("session_id", sa.String(length=24), nullable=True),
        sa.Column("case_id", sa.String(length=24), nullable=True),
        sa.Column("order_id", sa.String(length=24), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("contents", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sums_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=24), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("receiver_paper", sa.Text(), nullable=False),
        sa.Column("giver", sa.Text(), nullable=False),
        sa.Column("giver_title", sa.Text(), nullable=False),
        sa.Column("medium", sa.String(length=32), nullable=True),
        sa.Column("medium_label", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("handed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handed_by", sa.String(length=24), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_delivery_case_id")),
        sa.ForeignKeyConstraint(["created_by"], ["user.id"], name=op.f("fk_delivery_created_by")),
        sa.ForeignKeyConstraint(["handed_by"], ["user.id"], name=op.f("fk_delivery_handed_by")),
        sa.ForeignKeyConstraint(["order_id"], ["custody_order.id"], name=op.f("fk_delivery_order_id")),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name=op.f("fk_delivery_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index(op.f("ix_delivery_case_id"), "delivery", ["case_id"], unique=False)
    op.create_index(op.f("ix_delivery_session_id"), "delivery", ["session_id"], unique=False)
    op.create_table(
        "extract",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("session_id", sa.String(length=24), nullable=False),
        sa.Column("order_id", sa.String(length=24), nullable=False),
        sa.Column("supplement_id", sa.String(length=24), nullable=True),
        sa.Column("from_utc", sa.Float(precision=53), nullable=False),
        sa.Column("to_utc", sa.Float(precision=53), nullable=False),
        sa.Column("lanes", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=24), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["user.id"], name=op.f("fk_extract_created_by")),
        sa.ForeignKeyConstraint(["order_id"], ["custody_order.id"], name=op.f("fk_extract_order_id")),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name=op.f("fk_extract_session_id")),
        sa.ForeignKeyConstraint(["supplement_id"], ["supplement.id"], name=op.f("fk_extract_supplement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extract")),
    )
    op.create_index(op.f("ix_extract_session_id"), "extract", ["session_id"], unique=False)
    op.add_column("case", sa.Column("merged_from", sa.String(length=32), nullable=True))
    op.add_column("case_link", sa.Column("replaces_id", sa.String(length=24), nullable=True))
    op.add_column("package", sa.Column("disposed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("paper", sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Back to the revision before."""
    columns = (
        ("paper", "destroyed_at"),
        ("package", "disposed_at"),
        ("case_link", "replaces_id"),
        ("case", "merged_from"),
    )
    for table, column in columns:
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column)
    for table in ("extract", "delivery", "retention_mark", "hold", "disposal", "custody_order"):
        op.drop_table(table)
