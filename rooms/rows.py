"""Plain rows of many ids at once: what lookup reads past the object mapper, whose objects cost more than the question.

A list of ids is one value of the statement (JSON for SQLite, an array for PostgreSQL), so that the statement is always
the same one: neither SQLAlchemy nor the database makes it ready again for another number of ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import InstrumentedAttribute, Session

_Column = sa.ColumnElement[Any] | InstrumentedAttribute[Any]

_EACH = sa.text("SELECT value FROM json_each(:listed)")


def is_sqlite(db: Session) -> bool:
    """Which of the two databases it is."""
    return db.get_bind().dialect.name == "sqlite"


def one_of(db: Session, column: _Column, values: Iterable[Any]) -> sa.ColumnElement[bool]:
    """The condition that a column holds one of the values; any number of them."""
    if is_sqlite(db):
        listed: sa.BindParameter[Any] = sa.bindparam("listed", json.dumps(list(values)), unique=True)
        return column.in_(_EACH.bindparams(listed))
    return column == sa.any_(sa.bindparam("listed", list(values), type_=postgresql.ARRAY(column.type), unique=True))


def read(db: Session, statement: sa.Executable) -> list[Any]:
    """All rows of a statement. What waits in the session is not written before: flush it."""
    return [*db.connection().execute(statement).all()]
