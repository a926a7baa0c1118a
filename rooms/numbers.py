"""Numbers in the books of a site: one after the other per year, without holes."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rooms.models import Counter


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
