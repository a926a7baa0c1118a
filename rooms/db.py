"""One code path for SQLite and PostgreSQL: engine, short transactions, migrations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.orm import Session


class Database:
    """An open database. Synchronous: call it from threads, never inside an event loop (design 2)."""

    engine: sa.Engine

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write; commits at the end, rolls back on an exception.

        SQLite: BEGIN IMMEDIATE, one writer at a time. Raises StorageFailed (database.busy, database.unavailable,
        storage.full).
        """
        raise NotImplementedError
        yield

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads. Raises StorageFailed."""
        raise NotImplementedError
        yield

    def dispose(self) -> None:
        """Close all connections."""
        raise NotImplementedError


def open_database(url: str) -> Database:
    """Open ``sqlite:///path`` or ``postgresql://...`` (psycopg). Does not migrate."""
    raise NotImplementedError


def migrate(database: Database) -> None:
    """Bring the tables up to the newest revision; safe to call at every start and from several processes."""
    raise NotImplementedError


def is_current(database: Database) -> bool:
    """Whether the tables stand at the newest revision (for readiness)."""
    raise NotImplementedError
