"""Plain rows of many ids at once: what lookup reads past the object mapper, whose objects cost more than the question.

A list of ids is one value of the statement (JSON for SQLite, an array for PostgreSQL), so that the statement is always
the same one: neither SQLAlchemy nor the database makes it ready again for another number of ids. What every question
asks is also built only once (Prepared): building it costs more than most of them take.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import InstrumentedAttribute, Session

_Column = sa.ColumnElement[Any] | InstrumentedAttribute[Any]

_EACH = sa.text("SELECT value FROM json_each(:listed)")

OneOf = Callable[[_Column, str], sa.ColumnElement[bool]]
"""Makes the condition that a column holds one of the values that are given under a name when the statement is read."""


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


class Prepared:
    """A statement that is built once for each of the two databases. ``make`` is given a OneOf for its lists of ids."""

    def __init__(self, make: Callable[[OneOf], sa.Executable]) -> None:
        self._make = make
        self._made: dict[bool, sa.Executable] = {}

    def read(self, db: Session, **values: Any) -> list[Any]:
        """All rows with these values; lists, sets and views are lists of ids, which are plain words or numbers."""
        sqlite = is_sqlite(db)
        if sqlite not in self._made:
            self._made[sqlite] = self._make(_in_json if sqlite else _in_array)
        given = {name: _listed(sqlite, value) for name, value in values.items()}
        return [*db.connection().execute(self._made[sqlite], given).all()]


def _listed(sqlite: bool, value: Any) -> Any:
    if isinstance(value, str) or not isinstance(value, Iterable):
        return value
    # One text is cheaper to send than an array, of which the driver looks at every element.
    return json.dumps([*value]) if sqlite else ",".join(map(str, value))


def _in_json(column: _Column, name: str) -> sa.ColumnElement[bool]:
    return column.in_(sa.text(f"SELECT value FROM json_each(:{name})"))


def _in_array(column: _Column, name: str) -> sa.ColumnElement[bool]:
    array = postgresql.ARRAY(column.type)
    return column == sa.any_(sa.cast(sa.func.string_to_array(sa.bindparam(name, type_=sa.Text), ","), array))
