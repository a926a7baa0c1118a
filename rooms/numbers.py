"""Numbers in the books of a site: one after the other per year, without holes; and how a session's is written."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rooms.localtime import local_date
from rooms.models import Counter, ReceptionSession


def session_number(session: ReceptionSession) -> str:
    """A session's number as people see it everywhere: 2611-0142 for year, month of opening (local) and number in the
    book; the beginning of the id for plain and training sessions, which have none."""
    return number_of_session(session.id, session.year, session.number, session.created_at)


def number_of_session(session_id: str, year: int | None, number: int | None, created_at: dt.datetime) -> str:
    """The same of what a session's row holds."""
    if not number or not year:
        return session_id[:6]
    return f"{year % 100:02d}{local_date(created_at).month:02d}-{number:04d}"


def initials(name: str, short_name: str) -> str:
    """The letters of a site in the number of its cases: LN for Lục Ngạn."""
    return "".join(word[0] for word in (short_name or name).split())[:3].upper()


def next_number(db: Session, site_id: str, book: str, year: int) -> int:
    """The next number of a book. The row stays locked until the caller commits, so a rollback leaves no hole."""
    key = (Counter.site_id == site_id, Counter.book == book, Counter.year == year)
    row = db.scalar(sa.select(Counter).where(*key).with_for_update())
    if row is None:
        try:
            with db.begin_nested():
                db.add(Counter(site_id=site_id, book=book, year=year, last=0))
        except IntegrityError:
            pass  # another writer made it first (PostgreSQL only)
        row = db.scalars(
            sa.select(Counter).where(*key).with_for_update().execution_options(populate_existing=True)
        ).one()
    row.last += 1
    db.flush()
    return row.last
