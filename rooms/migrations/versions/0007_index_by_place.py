"""The index of lookup by place: zones on SQLite, terms of place and month on PostgreSQL; guests of sessions

Nothing that is there is touched: entries stay where they are and are found there, until the worker has made the index
anew in short transactions (web.reindexing, ADR 18).
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "search_guest",
        sa.Column("session_id", sa.String(length=24), nullable=False),
        sa.Column("who", sa.String(length=24), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("session_id", "who", name=op.f("pk_search_guest")),
    )
    op.create_index("ix_search_guest_who", "search_guest", ["who", "ended_at", "session_id"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE TABLE search_words_zone (zone INTEGER PRIMARY KEY, place TEXT NOT NULL UNIQUE)")
        op.execute("CREATE TABLE search_words_row (id INTEGER PRIMARY KEY, row INTEGER NOT NULL)")
    else:
        op.execute("CREATE TABLE search_words_form (form integer NOT NULL)")
        op.execute("INSERT INTO search_words_form SELECT 2 WHERE NOT EXISTS (SELECT FROM search_words)")
