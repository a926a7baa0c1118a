"""Every test of rooms runs on SQLite and on a real PostgreSQL server that this session starts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from rooms.db import Database, migrate, open_database
from rooms.files import FileStore
from rooms.vault import Vault
from tests.support.actors import World, build_world
from tests.support.postgres import PostgresServer, private_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's server."""
    with private_server() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty file to copy."""
    path = tmp_path_factory.mktemp("template") / "hub.db"
    database = open_database(f"sqlite:///{path}")
    migrate(database)
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """A migrated, empty database to copy."""
    name = postgres.create()
    database = open_database(postgres.url(name))
    migrate(database)
    database.dispose()
    return name


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty database of each kind."""
    if request.param == "sqlite":
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


@pytest.fixture
def db(database: Database) -> Iterator[Session]:
    """One write transaction for the whole test."""
    with database.write() as session:
        yield session


@pytest.fixture
def world(db: Session) -> World:
    """Sites and people."""
    return build_world(db)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """A vault with a key of its own."""
    return Vault.at(tmp_path / "vault.key")


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    """A file store."""
    return FileStore(tmp_path / "files")
