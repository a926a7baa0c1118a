"""Fills databases for the lookup bench: rows are made once and go into one database or into both at the same time.

Neither checks keys or syncs while it is filled; indices are made at the end, and then what each database does after
very many writes. A filled database can be kept in a folder and is found there again.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa

from rooms import index, index_postgres, index_sqlite, people, sites
from rooms.actor import SYSTEM, Actor
from rooms.db import Database, migrate, open_database
from rooms.models import Base
from rooms.words import Role, SiteKind
from tests.bench.lookup_made import NOW, PLACES, Maker, Rows, Size
from tests.support import postgres

BATCH = 20_000
MADE = 3
"""Raised when other rows are made: databases that were kept are then filled anew."""

SERVER = {"shared_buffers": "512MB", "max_wal_size": "8GB", "maintenance_work_mem": "1GB", "work_mem": "16MB"}
"""Of a small server of its own; work_mem is what a hub's connection asks for."""


class _Rows:
    def __init__(self, columns: list[str], rest: tuple[Any, ...]) -> None:
        self.columns, self.rest, self.waiting = columns, rest, list[tuple[Any, ...]]()

    def add(self, *values: Any) -> None:
        self.waiting.append((*values, *self.rest))


class _Sink:
    """Rows into one database, past SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.held = database.engine.raw_connection()
        self.raw: Any = self.held.driver_connection
        self.tables: dict[str, _Rows] = {}
        self.times: dict[tuple[int, str], str] = {}
        self.texts: list[Any] = []
        self.indices: list[str] = []

    def table(self, model: type[Base], *columns: str) -> Rows:
        others = [c for c in model.__table__.columns if not c.nullable and c.name not in columns]
        rows = _Rows([*columns, *(c.name for c in others)], tuple(_empty(column) for column in others))
        return self.tables.setdefault(str(model.__tablename__), rows)

    def time(self, number: int, place: str) -> str:
        """The terms of an entry's month; of numbers that share a day and place they are found once."""
        day = number // (index.SLOTS * 86400), place
        if day not in self.times:
            self.times[day] = " ".join(index_postgres.terms_of_time(number, (place,)))
        return self.times[day]

    def full(self) -> bool:
        return len(self.texts) >= BATCH

    def flush(self) -> None:
        for name, rows in self.tables.items():
            if rows.waiting:
                self.put(name, rows.columns, rows.waiting)
                rows.waiting.clear()
        self.put_words()
        self.texts.clear()

    def put(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        raise NotImplementedError

    def put_words(self) -> None:
        raise NotImplementedError


def _empty(column: Any) -> Any:
    if isinstance(column.type, sa.JSON):
        return "[]"
    return 0 if isinstance(column.type, sa.Integer | sa.Boolean) else ""


class _Sqlite(_Sink):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.zones: dict[str, int] = {}
        self.places: list[tuple[int, int]] = []

    def begin(self) -> None:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-1500000",
                       "locking_mode=EXCLUSIVE", "temp_store=MEMORY"):  # fmt: skip
            self.raw.execute(f"PRAGMA {pragma}")
        made = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        for name, statement in self.raw.execute(made).fetchall():
            self.indices.append(statement)
            self.raw.execute(f'DROP INDEX "{name}"')
        self.raw.execute("INSERT INTO search_words (search_words, rank) VALUES ('hashsize', 268435456)")
        self.raw.execute("BEGIN")

    def words(self, number: int, place: str, terms: str) -> None:
        row = index_sqlite.row_of(self.zones.setdefault(place, len(self.zones) + 1), number)
        self.texts.append((row, f" {terms} "))
        self.places.append((number, row))

    def full(self) -> bool:
        return len(self.texts) >= 10 * BATCH  # FTS5 begins a new part of its lists wherever rows do not rise

    def put(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
        self.raw.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)

    def put_words(self) -> None:
        self.texts.sort(key=lambda text: text[0])
        self.raw.executemany("INSERT INTO search_words (rowid, words) VALUES (?, ?)", self.texts)
        self.raw.executemany("INSERT INTO search_words_row (id, row) VALUES (?, ?)", self.places)
        self.places.clear()

    def end(self) -> None:
        self.raw.executemany("INSERT INTO search_words_zone (place, zone) VALUES (?, ?)", self.zones.items())
        for statement in self.indices:
            self.raw.execute(statement)
        self.raw.execute("COMMIT")
        self.raw.execute("INSERT INTO search_words (search_words) VALUES ('optimize')")
        self.raw.execute("INSERT INTO search_words (search_words, rank) VALUES ('hashsize', 1048576)")
        self.raw.execute("ANALYZE")
        self.raw.execute("PRAGMA locking_mode=NORMAL")
        self.raw.execute("PRAGMA journal_mode=WAL")
        self.held.invalidate()  # its settings are for filling only


class _Postgres(_Sink):
    def begin(self) -> None:
        self.raw.execute("SET session_replication_role = replica")
        made = """
            SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT IN
                (SELECT conname FROM pg_constraint)
        """
        for name, statement in self.raw.execute(made).fetchall():
            self.indices.append(statement)
            self.raw.execute(f'DROP INDEX "{name}"')

    def words(self, number: int, place: str, terms: str) -> None:
        terms = f"{terms} {self.time(number, place)}".replace(" ", "' '")
        self.texts.append(f"{number}\t'{terms}'\n")

    def put(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        lines = ["\t".join("\\N" if value is None else str(value) for value in row) for row in rows]
        self._copy(table, columns, "\n".join(lines) + "\n")

    def put_words(self) -> None:
        self._copy("search_words", ["id", "words"], "".join(self.texts))

    def _copy(self, table: str, columns: list[str], text: str) -> None:
        names = ", ".join(f'"{name}"' for name in columns)
        with self.raw.cursor() as cursor, cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
            copy.write(text.encode())

    def end(self) -> None:
        for statement in self.indices:
            self.raw.execute(statement)
        self.raw.commit()
        self.raw.autocommit = True
        self.raw.execute("VACUUM ANALYZE")
        self.held.invalidate()


class _Both:
    """The same rows into several databases."""

    def __init__(self, sinks: list[_Sqlite | _Postgres]) -> None:
        self.sinks = sinks

    def table(self, model: type[Base], *columns: str) -> Rows:
        rows = [sink.table(model, *columns) for sink in self.sinks]
        return rows[0] if len(rows) == 1 else _EachRows(rows)

    def words(self, number: int, place: str, terms: str) -> None:
        for sink in self.sinks:
            sink.words(number, place, terms)
            if sink.full():
                sink.flush()


class _EachRows:
    def __init__(self, rows: list[Rows]) -> None:
        self.rows = rows

    def add(self, *values: Any) -> None:
        for one in self.rows:
            one.add(*values)


def world(database: Database) -> list[str]:
    """Twelve sites and a records officer at three of them, with the same ids in every database."""
    with mock.patch("secrets.choice", random.Random(1).choice), database.write() as db:
        since = dt.date(2014, 1, 1)
        central = sites.add_site(db, SYSTEM, "TW", "Trụ sở trung ương", SiteKind.CENTRAL, None, since, NOW)
        made = [
            sites.add_site(db, SYSTEM, f"D{n}", f"Điểm cầu huyện {name}", SiteKind.DISTRICT, central.id, since, NOW,
                           short_name=name)
            for n, name in enumerate(PLACES.split("|")[:11])
        ]  # fmt: skip
        user = people.add_user(db, SYSTEM, "rita", "Rita", NOW)
        for site in made[:3]:
            people.add_membership(db, SYSTEM, user.id, site.id, Role.RECORDS, NOW)
            people.add_membership(db, SYSTEM, user.id, site.id, Role.CLERK, NOW)
        return [central.id, *(site.id for site in made)]


def officer(database: Database) -> Actor:
    """The records officer who asks."""
    with database.read() as db:
        user = people.by_login(db, "rita")
        assert user is not None
        return people.actor_of(db, user.id, NOW)


def fill(databases: list[Database], size: Size, seed: int = 1) -> dict[str, float]:
    """Make the hub in empty databases; seconds for the rows and for the end of each."""
    places = [world(database) for database in databases][0]
    sinks = [_Sqlite(database) if database.is_sqlite else _Postgres(database) for database in databases]
    began, took = time.monotonic(), dict[str, float]()
    for sink in sinks:
        sink.begin()
    Maker(_Both(sinks), random.Random(seed), places, size).make()
    for sink in sinks:
        sink.flush()
    took["rows_s"] = round(time.monotonic() - began, 1)
    for sink in sinks:
        began = time.monotonic()
        sink.end()
        took["sqlite_end_s" if sink.database.is_sqlite else "postgres_end_s"] = round(time.monotonic() - began, 1)
    return took


@contextlib.contextmanager
def filled(kinds: tuple[str, ...], size: Size, keep: Path | None = None) -> Iterator[dict[str, Database]]:
    """Filled databases by kind; ``keep``: a folder in which they stay and are found again."""
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dc-lookup-")))
        folder.mkdir(parents=True, exist_ok=True)
        databases = {kind: stack.enter_context(_opened(kind, folder, keep is not None)) for kind in kinds}
        wanted = {"made": MADE, "cases": size.cases, "recordings": size.recordings}
        empty = [kind for kind in kinds if _note(folder, kind) != wanted]
        for kind in empty:
            if _note(folder, kind):
                raise SystemExit(f"{folder}: holds another filling ({kind}); name another folder")
        if empty:
            took = fill([databases[kind] for kind in empty], size)
            sys.stderr.write(f"filled {', '.join(empty)}: {took}\n")
        for kind in empty:
            (folder / f"{kind}.json").write_text(json.dumps(wanted), "utf-8")
        yield databases


def _note(folder: Path, kind: str) -> dict[str, int]:
    """What a kept database was filled with; what was not filled to its end is thrown away at its opening."""
    path = folder / f"{kind}.json"
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


@contextlib.contextmanager
def _opened(kind: str, folder: Path, stays: bool) -> Iterator[Database]:
    if not _note(folder, kind):
        for path in folder.glob("hub.db*" if kind == "sqlite" else "pg"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if kind == "sqlite":
        database = open_database(f"sqlite:///{folder / 'hub.db'}")
        migrate(database)
        yield database
        database.dispose()
        return
    with postgres.private_server(folder / "pg" if stays else None, SERVER) as server:
        name = "lookup"
        if not _note(folder, kind):
            server.execute(f"CREATE DATABASE {name}")
        database = open_database(server.url(name))
        migrate(database)
        yield database
        database.dispose()
