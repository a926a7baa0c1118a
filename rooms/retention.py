"""How long a file or record is kept: classes as dated data with source and how sure (domain 5.3), never as law.

A class says years (none: permanent). They are counted from the end of the year in which the work ended. When a time is
over nothing happens by itself: it only may be proposed for disposal (rooms.disposals).
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy.orm import Session

from rooms import audit, custodians, settings
from rooms.actor import Actor
from rooms.errors import Invalid
from rooms.localtime import local_date
from rooms.models import Case, ReceptionSession, RetentionMark
from rooms.words import CaseState

DEFAULT = "reception"
_DATA = Path(__file__).parent / "presets" / "retention.json"


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """A class. ``years`` None: permanent. ``rule``: the rule that may change the years. ``sure``: found, memory, low,
    design."""

    key: str
    years: int | None
    source: str
    sure: str
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    rule: str = ""

    def holds(self, on: dt.date) -> bool:
        """Whether it is in force on a day."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on < self.valid_to)


@dataclass(frozen=True, slots=True)
class Kept:
    """How long something is kept. ``until``: last day, None when permanent or while the work goes on; ``chosen``:
    somebody gave it this class, with this reason."""

    cls: RetentionClass
    until: dt.date | None
    ended: dt.date | None
    chosen: bool
    reason: str = ""

    def over(self, on: dt.date) -> bool:
        """Whether the time is over on a day."""
        return self.until is not None and on > self.until


@cache
def built_in() -> tuple[RetentionClass, ...]:
    """All classes as they were shipped."""
    return tuple(
        RetentionClass(
            key=one["key"], years=one["years"], source=one["source"], sure=one["sure"], rule=one.get("rule", ""),
            valid_from=_date(one["valid_from"]), valid_to=_date(one["valid_to"]),
        )
        for one in json.loads(_DATA.read_text("utf-8"))["classes"]
    )  # fmt: skip


def _date(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def classes(db: Session, now: dt.datetime) -> list[RetentionClass]:
    """The classes in force today; years that follow a rule are those of the rule, as an administrator set it."""
    found = []
    for one in built_in():
        if one.holds(local_date(now)):
            years = int(settings.rule(db, one.rule, now)) if one.rule else one.years
            found.append(RetentionClass(one.key, years, one.source, one.sure, one.valid_from, one.valid_to, one.rule))
    return found


def until(cls: RetentionClass, ended: dt.date | None) -> dt.date | None:
    """The last day of keeping; None for permanent, or while the work has not ended. Pure."""
    if cls.years is None or ended is None:
        return None
    return dt.date(ended.year + cls.years, 12, 31)


def of(db: Session, thing: Case | ReceptionSession, now: dt.datetime) -> Kept:
    """How long a file, or a record by itself, is kept; the caller has loaded it for the actor."""
    kind = "case" if isinstance(thing, Case) else "session"
    mark = db.get(RetentionMark, (kind, thing.id))
    by_key = {one.key: one for one in [*built_in(), *classes(db, now)]}  # a class given once stays what it was
    cls = by_key.get(mark.key if mark is not None else DEFAULT, by_key[DEFAULT])
    ended = _ended(thing)
    return Kept(cls, until(cls, ended), ended, mark is not None, mark.reason if mark is not None else "")


def _ended(thing: Case | ReceptionSession) -> dt.date | None:
    if isinstance(thing, Case):
        over = thing.state is CaseState.CLOSED and thing.closed_at is not None
        return local_date(thing.closed_at) if over and thing.closed_at else None
    return local_date(thing.closed_at) if thing.closed_at else None


def give(
    db: Session, actor: Actor, kind: str, object_id: str, key: str, reason: str, now: dt.datetime
) -> RetentionMark:
    """Give a file or record a class, with a reason. Raises NotFound, Forbidden, Invalid (retention.unknown,
    custody.reason_missing)."""
    thing = custodians.load(db, actor, kind, object_id, now)
    custodians.need(custodians.may_keep(db, actor, thing, now))
    if key not in {one.key for one in classes(db, now)}:
        raise Invalid("retention.unknown", "There is no such class of retention.", field="retention")
    words = custodians.need_reason(reason, field="retention_reason")
    row = db.get(RetentionMark, (kind, object_id))
    if row is None:
        row = RetentionMark(object_kind=kind, object_id=object_id)
        db.add(row)
    row.key, row.reason, row.set_at, row.set_by = key, words, now, actor.user_id
    db.flush()
    audit.log(db, actor, "retention.given", kind, object_id, now, reason=words, detail={"class": key})
    return row
