"""Every test of rooms runs on SQLite and on a real PostgreSQL server that this session starts."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from rooms.db import Database, migrate, open_database
from rooms.files import FileStore
from rooms.vault import Vault
from tests.support.actors import World, as_seen, build_world
from tests.support.migrated import migrated
from tests.support.postgres import PostgresServer, private_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's server."""
    with private_server() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty file to copy."""
    return migrated(tmp_path_factory.mktemp("template") / "hub.db")


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """A migrated, empty database to copy."""
    name = postgres.create()
    database = open_database(postgres.url(name))
    migrate(database)
    database.dispose()
    return name


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database a test runs on."""
    return str(request.param)


@pytest.fixture
def database(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty database of its own, for tests of several transactions."""
    if kind == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "hub.db")
        database = open_database(f"sqlite:///{tmp_path / 'hub.db'}")
        yield database
        database.dispose()
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create(request.getfixturevalue("postgres_template"))
    database = open_database(server.url(name))
    yield database
    database.dispose()
    server.drop(name)


class Shared:
    """Databases for all tests that leave nothing behind: of each kind an empty one, and one with the world."""

    def __init__(self, made: Callable[[str], Database]) -> None:
        self._made = made
        self._databases: dict[tuple[str, bool], Database] = {}
        self._people: dict[str, World] = {}

    def database(self, kind: str, with_world: bool) -> Database:
        """Made when first asked for."""
        key = kind, with_world
        if key not in self._databases:
            self._databases[key] = self._made(kind)
            if with_world:
                with self._databases[key].write() as db:
                    self._people[kind] = build_world(db)
        return self._databases[key]

    def world(self, kind: str, db: Session) -> World:
        """Its sites as rows of this transaction, and its people."""
        return as_seen(db, self._people[kind])

    def dispose(self) -> None:
        """Close all."""
        for database in self._databases.values():
            database.dispose()


@pytest.fixture(scope="session")
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """See ``Shared``."""

    def made(kind: str) -> Database:
        if kind == "sqlite":
            path = tmp_path_factory.mktemp("shared") / "hub.db"
            shutil.copy(request.getfixturevalue("sqlite_template"), path)
            return open_database(f"sqlite:///{path}")
        server: PostgresServer = request.getfixturevalue("postgres")
        return open_database(server.url(server.create(request.getfixturevalue("postgres_template"))))

    both = Shared(made)
    yield both
    both.dispose()


class _Undo(Exception):
    """Ends a test's transaction."""


@pytest.fixture
def db(kind: str, shared: Shared, request: pytest.FixtureRequest) -> Iterator[Session]:
    """One write transaction for the whole test, taken back at its end."""
    database = shared.database(kind, with_world="world" in request.fixturenames)
    with contextlib.suppress(_Undo), database.write() as session:
        yield session
        raise _Undo


@pytest.fixture
def world(kind: str, db: Session, shared: Shared) -> World:
    """Sites and people."""
    return shared.world(kind, db)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """A vault with a key of its own."""
    return Vault.at(tmp_path / "vault.key")


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    """A file store."""
    return FileStore(tmp_path / "files")
