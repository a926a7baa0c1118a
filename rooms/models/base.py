"""Base class, column types and naming of constraints, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from rooms.ids import ID_LENGTH, new_id


class UtcDateTime(sa.types.TypeDecorator[dt.datetime]):
    """A moment. Takes and gives timezone-aware datetimes, in UTC; a naive one is our mistake and is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Raises ValueError for a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime is not a moment")
        return value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """SQLite keeps no zone; what it holds is UTC because of the line above."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dt.datetime: UtcDateTime,
        dict[str, Any]: sa.JSON,
        list[str]: sa.JSON,
        list[dict[str, Any]]: sa.JSON,
        # Words are stored as text: adding one needs no migration.
        enum.Enum: sa.Enum(
            enum.Enum,
            native_enum=False,
            create_constraint=False,
            length=32,
            values_callable=lambda words: [word.value for word in words],
        ),
    }


def id_column() -> Mapped[str]:
    """The primary key of an object that has an opaque id."""
    return mapped_column(sa.String(ID_LENGTH), primary_key=True, default=new_id)


def ref(target: str, *, index: bool = True, primary_key: bool = False) -> Mapped[Any]:
    """A foreign key to the id of table ``target``; whether it may be empty comes from the annotation."""
    return mapped_column(
        sa.String(ID_LENGTH), sa.ForeignKey(f"{target}.id"), index=index and not primary_key, primary_key=primary_key
    )


def text(default: str = "") -> Mapped[str]:
    """A text that is never NULL."""
    return mapped_column(sa.Text, default=default)


BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""Counting key: SQLite only counts by itself on INTEGER."""
