"""What lookup finds: one row for each case, visit, petition and session (made by rooms.entries, read by rooms.search).

The words themselves are in ``search_words``, which every database keeps in its own way (rooms.index, ADR 18).
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from rooms.ids import ID_LENGTH
from rooms.models.base import Base


class SearchEntry(Base):
    """One thing that can be found. Made from its object in the same transaction; ``diemcau index rebuild`` makes all.

    ``id`` orders by time (rooms.index.entry_id), so that a page of newest finds needs no sorting. ``case_id``: the
    case the object belongs to now, where a merged one stands for the one it was joined to. ``visit_id``: the visit it
    belongs to. ``name``: what stands first in a list; a pseudonym for a restricted one.
    """

    __tablename__ = "search_entry"

    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(sa.String(16))  # case, visit, petition, session
    object_id: Mapped[str] = mapped_column(sa.String(ID_LENGTH), unique=True)
    site_id: Mapped[str | None] = mapped_column(sa.String(ID_LENGTH))
    case_id: Mapped[str | None] = mapped_column(sa.String(ID_LENGTH), index=True)
    visit_id: Mapped[str | None] = mapped_column(sa.String(ID_LENGTH), index=True)
    restricted: Mapped[bool]
    matter: Mapped[str] = mapped_column(sa.String(32))  # PetitionKind, "" when it is not known
    state: Mapped[str] = mapped_column(sa.String(32))  # of its own kind; "" for petitions
    recorded: Mapped[bool]
    at: Mapped[dt.datetime]
    name: Mapped[str] = mapped_column(sa.String(160))


class SessionGuest(Base):
    """A line of rooms.guests: a site or a user to whom a session may open more than their site does. ``ended_at``: when
    the session was closed, None while it is not."""

    __tablename__ = "search_guest"
    __table_args__ = (sa.Index("ix_search_guest_who", "who", "ended_at", "session_id"),)

    session_id: Mapped[str] = mapped_column(sa.String(ID_LENGTH), primary_key=True)
    who: Mapped[str] = mapped_column(sa.String(ID_LENGTH), primary_key=True)
    ended_at: Mapped[dt.datetime | None]
