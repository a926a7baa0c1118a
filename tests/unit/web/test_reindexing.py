"""After an update that changed the index of lookup, the worker makes it anew, once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import sqlalchemy as sa

from rooms import index, search
from rooms.actor import SYSTEM
from rooms.db import Database
from rooms.models import Job
from rooms.search import Filters
from rooms.vault import Vault
from tests.support.actors import build_world
from tests.support.factories import NOW, registered
from web import reindexing
from web.hub import Hub
from web.worker import Worker


def put_back(database: Database) -> None:
    """As the migration finds the index: rows under the bare ids of their entries."""
    with database.write() as db:
        kept = "SELECT r.id, w.words FROM search_words_row r JOIN search_words w ON w.rowid = r.row"
        lines = [(row[0], row[1]) for row in db.execute(sa.text(kept))]
        index.remove(db, [number for number, _ in lines])
        db.connection().exec_driver_sql("INSERT INTO search_words (rowid, words) VALUES (?, ?)", lines)


def found(database: Database) -> int:
    with database.read() as db:
        return search.find(db, SYSTEM, "boi thuong", Filters(), NOW).total


def queued(database: Database) -> list[str]:
    with database.read() as db:
        return [*db.scalars(sa.select(Job.kind).where(Job.kind == "reindex"))]


def test_an_index_of_before_is_made_anew_by_a_job(database: Database, tmp_path: Path) -> None:
    hub = cast(Hub, SimpleNamespace(database=database, now=lambda: NOW, config=SimpleNamespace(data=tmp_path)))
    worker = Worker(hub, tmp_path / "queue.db")
    with database.write() as db:
        world = build_world(db)
        vault = Vault.at(tmp_path / "vault.key")
        registered(db, world.alice, world.district, vault, content="Bồi thường")
    worker.find_due()
    assert queued(database) == [] and found(database) == 1
    put_back(database)
    worker.find_due()
    worker.find_due()
    assert queued(database) == ["reindex"] and found(database) == 1
    said = list[str]()
    assert reindexing.rebuild(hub, {}, lambda done, note: said.append(note)) == {"mended": 1}
    assert said[0] == "case" and said[-1] == "tidy"
    with database.read() as db:
        assert not index.is_old(db)
    assert found(database) == 1
