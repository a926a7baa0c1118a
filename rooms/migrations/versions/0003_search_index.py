"""The index of lookup; the search columns of visits and petitions go"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FTS5 = """
CREATE VIRTUAL TABLE search_words USING fts5(
    words, detail=none, columnsize=0, tokenize="ascii tokenchars '_./-:'"
)
"""


def upgrade() -> None:
    """To this revision. The entries themselves are made by ``rooms.indexing.rebuild`` at the next start."""
    op.create_table(
        "search_entry",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("object_id", sa.String(length=24), nullable=False),
        sa.Column("site_id", sa.String(length=24), nullable=True),
        sa.Column("case_id", sa.String(length=24), nullable=True),
        sa.Column("visit_id", sa.String(length=24), nullable=True),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("matter", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("recorded", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_entry")),
        sa.UniqueConstraint("object_id", name=op.f("uq_search_entry_object_id")),
    )
    op.create_index(op.f("ix_search_entry_case_id"), "search_entry", ["case_id"])
    op.create_index(op.f("ix_search_entry_visit_id"), "search_entry", ["visit_id"])
    op.create_index(op.f("ix_session_closed_at"), "session", ["closed_at"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute(FTS5)
    else:
        op.execute("CREATE TABLE search_words (id bigint PRIMARY KEY, words tsvector NOT NULL)")
        op.execute("CREATE INDEX ix_search_words_words ON search_words USING gin (words) WITH (fastupdate = off)")
    op.drop_column("visit", "search")
    op.drop_column("petition", "search")
