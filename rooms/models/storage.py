"""What lies in the file store, under which keys; nightly reconciliations; what was published outside the hub."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from rooms.models.base import Base, id_column, text


class StoredFile(Base):
    """A file that the store gave back unchanged after it was put there. ``path``: relative to the file store."""

    __tablename__ = "stored_file"

    path: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    length: Mapped[int] = mapped_column(sa.BigInteger)
    sha256: Mapped[str] = mapped_column(sa.String(64))
    stored_at: Mapped[dt.datetime]
    checked_at: Mapped[dt.datetime] = mapped_column(index=True)  # when its hash was last read back
    drop_asked: Mapped[bool] = mapped_column(default=False, index=True)  # to be removed from the store


class StoreKey(Base):
    """The key under which a group of files (a package, a paper) is encrypted, wrapped by the key outside the store."""

    __tablename__ = "store_key"

    group: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    wrapped_by: Mapped[str] = mapped_column(sa.String(16), index=True)  # id of the outer key
    nonce: Mapped[bytes]
    wrapped: Mapped[bytes]
    made_at: Mapped[dt.datetime]


class Reconciliation(Base):
    """A nightly comparison of what should be there with what is. ``findings``: code, kind, session, path."""

    __tablename__ = "reconciliation"

    id: Mapped[str] = id_column()
    began_at: Mapped[dt.datetime] = mapped_column(index=True)
    ended_at: Mapped[dt.datetime]
    sessions: Mapped[int]  # closed or locked ones that were to be recorded
    complete: Mapped[int]  # of those, locked, without loss and with every file there
    files: Mapped[int]
    sampled: Mapped[int]  # files whose hash was read again
    findings: Mapped[list[dict[str, Any]]] = mapped_column(default=list)


class Publication(Base):
    """A daily head that was given to somebody outside. ``way``: folder, mail, rfc3161."""

    __tablename__ = "publication"
    __table_args__ = (sa.UniqueConstraint("day", "way"),)

    id: Mapped[str] = id_column()
    day: Mapped[dt.date] = mapped_column(index=True)
    way: Mapped[str] = mapped_column(sa.String(16))
    done_at: Mapped[dt.datetime | None]  # None: not yet, ``error`` says why
    tried_at: Mapped[dt.datetime]
    error: Mapped[str] = text()  # code only
    proof: Mapped[bytes | None]  # rfc3161: the token, DER
