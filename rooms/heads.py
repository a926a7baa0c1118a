"""The daily head over all packages, and the statement of it that is given to others (docs/formats.md, Daily heads).

A chain kept on one host proves order, not honesty (design 6): what is published outside fixes every package and every
supplement of a day, so that nothing of it can be replaced or taken away later without anybody noticing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.errors import NotFound, WrongState
from rooms.localtime import day_bounds
from rooms.manifest import NO_EVENT, canonical, sha256_hex, utc_text
from rooms.models import DailyHead, Package, Publication, Supplement
from rooms.signing import Signer

FORMAT = "diemcau-head"
VERSION = 1


def daily_head(db: Session, on: dt.date, now: dt.datetime) -> DailyHead:
    """One hash over all packages locked and supplements added on a local day, and over the head of the day before:
    SHA-256 of ``lines_of``, each ended by LF, after the line with the previous head.

    Made once; asking again gives the same row. Raises WrongState for a day that is not over.
    """
    there = db.get(DailyHead, on)
    if there is not None:
        return there
    if now < day_bounds(on)[1]:
        raise WrongState("day", "open", "The day is not over.")
    before = db.scalar(sa.select(DailyHead).where(DailyHead.on < on).order_by(DailyHead.on.desc()).limit(1))
    previous = before.head if before is not None else NO_EVENT
    lines = lines_of(db, on)
    row = DailyHead(on=on, count=len(lines), previous=previous, head=head_over(previous, lines), made_at=now)
    db.add(row)
    db.flush()
    return row


def lines_of(db: Session, on: dt.date) -> list[str]:
    """ "<session> <SHA-256 of its manifest>" and "<session> <number> <SHA-256 of the supplement>", sorted."""
    start, end = day_bounds(on)
    locked = sa.select(Package).where(Package.locked_at >= start, Package.locked_at < end)
    added = sa.select(Supplement).where(Supplement.added_at >= start, Supplement.added_at < end)
    return sorted(
        [f"{row.session_id} {row.manifest_sha256}" for row in db.scalars(locked)]
        + [f"{row.session_id} {row.number:04d} {row.sha256}" for row in db.scalars(added)]
    )


def head_over(previous: str, lines: Sequence[str]) -> str:
    """The head of a day."""
    return sha256_hex("".join(f"{line}\n" for line in (previous, *lines)).encode())


def statement(db: Session, on: dt.date, signer: Signer) -> bytes:
    """What is published of a day, canonical JSON; its signature goes beside it. Raises NotFound for a day without a
    head, WrongState when the database does not hold any more what the head was made of."""
    row = db.get(DailyHead, on)
    if row is None:
        raise NotFound()
    lines = lines_of(db, on)
    if head_over(row.previous, lines) != row.head:
        raise WrongState("day", "changed", "Packages of this day were changed after their head was made.")
    return canonical(
        {
            "format": FORMAT,
            "version": VERSION,
            "day": on.isoformat(),
            "previous": row.previous,
            "lines": lines,
            "head": row.head,
            "made_utc": utc_text(row.made_at),
            "key": signer.key(),
        }
    )


def unpublished(db: Session, way: str, *, limit: int = 31) -> list[dt.date]:
    """Days with a head that did not go out this way yet, oldest first: at most a month is caught up with at once."""
    done = sa.select(Publication.day).where(Publication.way == way, Publication.done_at.is_not(None))
    found = sa.select(DailyHead.on).where(DailyHead.on.not_in(done)).order_by(DailyHead.on.desc()).limit(limit)
    return sorted(db.scalars(found))


def note(db: Session, day: dt.date, way: str, now: dt.datetime, *, error: str = "", proof: bytes | None = None) -> None:
    """Keep that a day went out, or why not."""
    row = db.scalar(sa.select(Publication).where(Publication.day == day, Publication.way == way))
    row = row or Publication(day=day, way=way)
    row.tried_at, row.done_at, row.error, row.proof = now, None if error else now, error, proof
    db.add(row)


def publications(db: Session, days: Sequence[dt.date]) -> list[Publication]:
    """How these days went out."""
    return list(db.scalars(sa.select(Publication).where(Publication.day.in_(days)).order_by(Publication.way)))
