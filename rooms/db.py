"""One code path for SQLite and PostgreSQL: engine, short transactions, migrations.

SQLite: WAL, foreign keys on, full sync (a committed event survives a power cut), BEGIN IMMEDIATE for writers so that
two of them wait for each other instead of failing at the commit. PostgreSQL: psycopg, read committed; what must not
run twice at once is locked by row (SELECT ... FOR UPDATE, which SQLite does not need).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.errors import Conflict, RoomsError, StorageFailed
from rooms.indexing import WritingSession

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for another one before it gives up with database.busy."""

_BEGIN = "diemcau_begin"
_REVISION = sa.table("alembic_version", sa.column("version_num"))
_MIGRATION_LOCK = 4_201_202_6  # any fixed number: the advisory lock of migrations on PostgreSQL


class Database:
    """An open database. Synchronous: call it from threads, never inside an event loop (design 2)."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._writer = engine.execution_options(**{_BEGIN: "write"})
        self._reader = engine.execution_options(**{_BEGIN: "read"})

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write; commits at the end, rolls back on an exception.

        SQLite: BEGIN IMMEDIATE, one writer at a time. Objects stay readable after the end. Raises StorageFailed
        (database.busy, database.unavailable, storage.full) and Conflict for what a unique key refuses.
        """
        try:
            with WritingSession(self._writer, expire_on_commit=False) as session, session.begin():
                yield session
        except sa.exc.DBAPIError as error:
            raise _translated(error) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads; the database refuses writes in it. Raises StorageFailed."""
        try:
            with Session(self._reader, expire_on_commit=False, autoflush=False) as session, session.begin():
                yield session
        except sa.exc.DBAPIError as error:
            raise _translated(error) from error

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_database(url: str) -> Database:
    """Open ``sqlite:///path`` or ``postgresql://...`` (psycopg). Does not migrate, does not connect yet.

    Raises ValueError for another kind of database.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Database(_sqlite(parsed))
    if parsed.get_backend_name() == "postgresql":
        return Database(_postgres(parsed.set(drivername="postgresql+psycopg")))
    raise ValueError("the database must be sqlite:/// or postgresql://")


def _sqlite(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000})

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # sqlite3 must not begin transactions by itself
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        reads = connection.get_execution_options().get(_BEGIN) == "read"
        connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reads else 'OFF'}")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _postgres(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "options": f"-c lock_timeout={BUSY_TIMEOUT_MS} -c timezone=UTC"},
    )

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get(_BEGIN) == "read":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    return engine


def _translated(error: sa.exc.DBAPIError) -> RoomsError:
    """The database's complaint as one of ours; the original stays as the cause."""
    words = str(error.orig).lower()
    state = getattr(error.orig, "sqlstate", None) or ""
    if isinstance(error, sa.exc.IntegrityError):
        return Conflict()
    if "disk is full" in words or "disk i/o error" in words or state == "53100":
        return StorageFailed("storage.full", "There is no room left on the disk of the database.")
    if "locked" in words or state in {"55P03", "40P01", "40001"}:
        return StorageFailed("database.busy", "The database is busy. Please try again.")
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
        return StorageFailed("database.unavailable", "The database cannot be reached.")
    return StorageFailed()


def newest_revision() -> str:
    """The revision that the tables are to have: the names of the migrations begin with theirs."""
    names = (Path(__file__).parent / "migrations" / "versions").glob("[0-9]*.py")
    return max(name.stem.partition("_")[0] for name in names)


def migrate(database: Database) -> None:
    """Bring the tables up to the newest revision; safe to call at every start and from several processes.

    Raises StorageFailed.
    """
    if is_current(database):
        return
    from rooms import migrating  # alembic costs every command a fifth of a second, and is needed after an upgrade only

    try:
        with database._writer.begin() as connection:
            if not database.is_sqlite:  # SQLite's BEGIN IMMEDIATE already keeps others out
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            migrating.upgrade(connection)
    except sa.exc.DBAPIError as error:
        raise _translated(error) from error


def is_current(database: Database) -> bool:
    """Whether the tables stand at the newest revision (for readiness). Raises StorageFailed."""
    try:
        with database._reader.begin() as connection:
            if not sa.inspect(connection).has_table(_REVISION.name):
                return False
            return connection.scalar(sa.select(_REVISION.c.version_num)) == newest_revision()
    except sa.exc.DBAPIError as error:
        raise _translated(error) from error
