"""Lookup without diacritics, with filters, within the actor's rights; each hit says why it matched."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.orm import Session

from rooms.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What to narrow by; ``types`` of case, visit, petition. Dates are local days, inclusive."""

    site_id: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    kind: str | None = None
    state: str | None = None
    types: tuple[str, ...] = ("case", "visit", "petition")
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One find. ``type``: case, visit, petition. ``why``: field names in which the words were found."""

    type: str
    object_id: str
    title: str
    at: dt.datetime
    site_id: str
    state: str
    kind: str
    number: str
    restricted: bool
    case_id: str | None
    why: tuple[str, ...]


def fold(text: str) -> str:
    """Text for comparing: no diacritics, đ as d, lower case, single spaces."""
    raise NotImplementedError


def search(db: Session, actor: Actor, query: str, filters: Filters, now: dt.datetime) -> list[Hit]:
    """Find cases, visits and petitions that hold all words of ``query``; newest first. Empty: the newest ones."""
    raise NotImplementedError
