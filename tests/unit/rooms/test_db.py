"""One code path for both databases."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from rooms import migrating
from rooms.db import Database, is_current, migrate, newest_revision, open_database
from rooms.errors import Conflict, StorageFailed
from rooms.models import Base, Counter, Holiday, Setting, Site, TrainingSpace, User
from rooms.words import SiteKind
from tests.support.factories import NOW
from tests.support.postgres import PostgresServer


def test_it_works(database: Database) -> None:
    """What is written is read back, also after the transaction."""
    with database.write() as db:
        db.add(Setting(key="a", value={"x": 1}, updated_at=NOW))
    with database.read() as db:
        row = db.get_one(Setting, "a")
    assert (row.value, row.updated_at) == ({"x": 1}, NOW)
    assert row.updated_at.tzinfo is not None


def test_an_exception_rolls_back(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as db:
        db.add(Setting(key="a", value={}, updated_at=NOW))
        db.flush()
        raise RuntimeError
    with database.read() as db:
        assert db.get(Setting, "a") is None


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StorageFailed), database.read() as db:
        db.add(Holiday(on=dt.date(2026, 9, 2), name="Quốc khánh"))
        db.flush()
    with database.write() as db:  # the same connection from the pool may write again
        db.add(Holiday(on=dt.date(2026, 9, 2), name="Quốc khánh"))


def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(Conflict), database.write() as db:
        db.add(TrainingSpace(site_id="a" * 24, created_at=NOW, expires_at=NOW))


def test_a_unique_key_is_a_conflict(database: Database) -> None:
    with database.write() as db:
        db.add(User(login="alice", created_at=NOW))
    with pytest.raises(Conflict), database.write() as db:
        db.add(User(login="alice", created_at=NOW))


def test_a_naive_time_is_refused(database: Database) -> None:
    with pytest.raises(sa.exc.StatementError, match="naive"), database.write() as db:
        db.add(Setting(key="a", value={}, updated_at=NOW.replace(tzinfo=None)))


def test_times_in_other_zones_compare_as_moments(database: Database) -> None:
    hanoi = NOW.astimezone(dt.timezone(dt.timedelta(hours=7)))
    with database.write() as db:
        db.add(Setting(key="a", value={}, updated_at=hanoi))
    with database.read() as db:
        later = sa.select(Setting.key).where(Setting.updated_at > NOW - dt.timedelta(seconds=1))
        assert db.scalars(later).all() == ["a"]
        assert db.get_one(Setting, "a").updated_at == NOW


def test_writers_wait_for_each_other(database: Database) -> None:
    """Eight threads count up in read-modify-write; none loses a step and none fails."""
    with database.write() as db:
        site = Site(code="x", kind=SiteKind.AGENCY, valid_from=NOW.date())
        db.add(site)
        db.flush()
        db.add(Counter(site_id=site.id, book="visit", year=2026, last=0))
    failures: list[BaseException] = []

    def count() -> None:
        try:
            for _ in range(5):
                with database.write() as db:
                    db.scalars(sa.select(Counter).with_for_update()).one().last += 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with database.read() as db:
        assert db.scalars(sa.select(Counter)).one().last == 40


def _is_ours(name: str | None, kind: str, parents: object) -> bool:
    """The index of words is no table of the model: each database keeps it in its own way (rooms.index)."""
    return kind != "table" or not (name or "").startswith("search_words")


def test_migrations_make_the_model(database: Database) -> None:
    """After all migrations alembic finds nothing to change."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": _is_ours})
        assert compare_metadata(context, Base.metadata) == []
    assert is_current(database)


def test_migrating_again_changes_nothing(database: Database) -> None:
    migrate(database)
    migrate(database)
    assert is_current(database)


def test_names_of_the_migrations_agree_with_their_links() -> None:
    assert newest_revision() == migrating.head()


def test_an_empty_database_is_not_current(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'new.db'}")
    assert not is_current(database)
    migrate(database)
    assert is_current(database)
    database.dispose()


def test_sqlite_is_set_up(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'new.db'}")
    with database.write() as db:
        for pragma, value in (
            ("journal_mode", "wal"),
            ("foreign_keys", 1),
            ("synchronous", 2),
            ("busy_timeout", 10000),
        ):
            assert db.scalar(sa.text(f"PRAGMA {pragma}")) == value
    database.dispose()


@pytest.mark.postgres
def test_a_stopped_server_is_unavailable(postgres: PostgresServer) -> None:
    name = postgres.create()
    database = open_database(postgres.url(name))
    migrate(database)
    postgres.stop()
    try:
        with pytest.raises(StorageFailed) as failed, database.read() as db:
            db.get(Setting, "a")
        assert failed.value.code == "database.unavailable"
    finally:
        postgres.start()
    with database.read() as db:  # and comes back without a restart of ours
        assert db.get(Setting, "a") is None
    database.dispose()
    postgres.drop(name)


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ValueError, match="sqlite"):
        open_database("mysql://localhost/x")
