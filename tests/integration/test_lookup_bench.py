"""The rows of the lookup bench are those a hub would have: its index is what the hub's own rebuild makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from rooms import indexing
from rooms.db import Database
from tests.bench.lookup_fill import filled
from tests.bench.lookup_made import Size


def index_of(database: Database) -> dict[str, tuple[object, ...]]:
    """Entries by what they are about, without the place among others of their second."""
    kept = "SELECT id AS number, CAST(tsvector_to_array(words) AS text) AS words FROM search_words"
    if database.is_sqlite:
        kept = "SELECT r.id AS number, w.words FROM search_words_row r JOIN search_words w ON w.rowid = r.row"
    with database.read() as db:
        rows = db.execute(
            sa.text(f"""
                SELECT e.object_id, e.id / 4096, e.kind, e.site_id, e.case_id, e.visit_id, e.restricted, e.matter,
                    e.state, e.recorded, e.at, e.name, w.words
                FROM search_entry e JOIN ({kept}) w ON w.number = e.id
            """)
        ).all()
    return {row[0]: (*row[1:-1], frozenset(row[-1].strip("{} ").replace(",", " ").split())) for row in rows}


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_made_up_index_is_the_one_that_a_rebuild_makes(kind: str, tmp_path: Path) -> None:
    with filled((kind,), Size(60, 300)) as databases:
        database = databases[kind]
        made = index_of(database)
        with database.write() as db:
            counts = indexing.rebuild(db)
        assert counts["case"] == 60 and counts["session"] == 300 and sum(counts.values()) == len(made)
        assert index_of(database) == made
