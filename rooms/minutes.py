"""Minutes (biên bản, TCD_20, domain 3.2): prefilled, one writer at a time, corrected in the open, frozen."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import Minutes, MinutesLine, MinutesSection
from rooms.words import LineKind


def prefill(db: Session, actor: Actor, now: dt.datetime, *, visit_id: str = "", session_id: str = "") -> Minutes:
    """The minutes of a visit or session, made and prefilled at first use. Raises NotFound, Forbidden."""
    raise NotImplementedError


def take(db: Session, actor: Actor, minutes_id: str, device: str, now: dt.datetime) -> Minutes:
    """ "Nhận quyền ghi": become the writer; whoever wrote before loses the pen. Raises Forbidden, WrongState."""
    raise NotImplementedError


def add_line(
    db: Session, actor: Actor, minutes_id: str, text: str, now: dt.datetime, *, speaker: str = "",
    at: dt.datetime | None = None, at_s: float | None = None, kind: LineKind = LineKind.LINE, device: str = "",
) -> MinutesLine:  # fmt: skip
    """A time-coded line by the writer, or a bookmark by anyone entitled. Raises Conflict minutes.other_writer."""
    raise NotImplementedError


def correct_line(
    db: Session, actor: Actor, minutes_id: str, line_id: str, text: str, now: dt.datetime, *, speaker: str = "",
    device: str = "",
) -> MinutesLine:  # fmt: skip
    """Replace a line by a new one that names it; an empty text strikes it out. The old one stays readable."""
    raise NotImplementedError


def save_section(
    db: Session, actor: Actor, minutes_id: str, key: str, text: str, base: int, now: dt.datetime, *, device: str = ""
) -> MinutesSection:
    """Save a section; ``base``: version edited. Raises Conflict minutes.changed, minutes.other_writer."""
    raise NotImplementedError


def freeze(db: Session, actor: Actor, minutes_id: str, now: dt.datetime) -> Minutes:
    """Freeze after reading back: the hash of the printed content is kept. Raises WrongState."""
    raise NotImplementedError


def view(db: Session, minutes_id: str) -> dict[str, Any]:
    """The minutes as plain JSON values, for pages: sections, lines (with corrections folded in), writer, state."""
    raise NotImplementedError


def for_print(db: Session, actor: Actor, minutes_id: str, now: dt.datetime) -> dict[str, Any]:
    """All that the printed form needs: head, parties, sections, lines, points with people and times, signatures."""
    raise NotImplementedError
