"""What the calendar of sittings and its notices are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

from web.pages.contexts import Context


@dataclass(frozen=True)
class ScheduleRow:
    """A sitting of the schedule. ``may_run``: the reader may invite sites and end it."""

    id: str
    time: str
    place: str
    chair: str
    detail: str
    word: str
    tone: str
    may_run: bool = False


@dataclass(frozen=True)
class DayOfSittings:
    """Sittings of one local day."""

    day: date
    rows: Sequence[ScheduleRow]


@dataclass(frozen=True)
class SittingsPage(Context):
    """Lịch tiếp. ``own_sites``: where the reader may open a sitting."""

    template: ClassVar[str] = "pages/sittings.html"
    days: Sequence[DayOfSittings]
    own_sites: Mapping[str, str]
    all_sites: Mapping[str, str]
    form: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PublicPage(Context):
    """The schedule for citizens; ``places`` are sites."""

    template: ClassVar[str] = "pages/public.html"
    now: datetime
    days: Sequence[DayOfSittings]
    places: Sequence[Any]


@dataclass(frozen=True)
class NoticePage(Context):
    """Notice of recording in plain words."""

    template: ClassVar[str] = "pages/notice.html"
