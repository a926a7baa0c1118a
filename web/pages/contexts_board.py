"""What the board is given: who waits, what runs, which points are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from web.pages.contexts import CheckView, Context, SittingView


@dataclass(frozen=True)
class QueueView:
    """A visit that waits. ``since``: UNIX seconds."""

    id: str
    title: str
    what: str
    detail: str
    since: float
    waited: float
    priority: bool = False


@dataclass(frozen=True)
class LineView:
    """The line of a point in a session: ``word`` and ``tone`` of its chip ("" when not known), and the figures of both
    ways as text ("" when nothing was measured)."""

    name: str
    word: str
    tone: str
    up: str
    down: str


@dataclass(frozen=True)
class RunningView:
    """A session that runs. ``record``: the record's state in capitals; ``record_since``: UNIX seconds or None."""

    id: str
    title: str
    state: str
    detail: str
    points: int
    record: str
    record_tone: str
    record_since: float | None = None
    recorded: str = ""
    lines: Sequence[CheckView] = ()
    figures: Sequence[LineView] = ()
    may_take: bool = False


@dataclass(frozen=True)
class SiteView:
    """A site on the board. ``search``: its name folded, for the search box."""

    id: str
    name: str
    depth: int
    state: str
    word: str
    tone: str
    search: str = ""


@dataclass(frozen=True)
class AlertView:
    """Something that needs somebody now."""

    who: str
    what: str
    at: datetime | None = None
    url: str = ""
    word: str = ""


@dataclass(frozen=True)
class BoardPart(Context):
    """Everything on the board that changes."""

    template: ClassVar[str] = "partials/_board.html"
    today: date
    sitting_line: str
    alerts: Sequence[AlertView]
    queue: Sequence[QueueView]
    running: Sequence[RunningView]
    later: Sequence[SittingView]
    sites: Sequence[SiteView]
    online: int
    done_today: int
    complete: str


@dataclass(frozen=True)
class BoardPage(BoardPart):
    """Bảng điều hành."""

    template: ClassVar[str] = "pages/board.html"
