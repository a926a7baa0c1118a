"""What the officer's pages are given: the day, the desk, a visit, the waiting room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

from web.pages.contexts import Context, MatchView, PaperView, PointView, RowView, SittingView


@dataclass(frozen=True)
class TodayPage(Context):
    """Hôm nay: what happens at this point today."""

    template: ClassVar[str] = "pages/today.html"
    today: date
    point: PointView
    points: Sequence[PointView]
    drafts: Sequence[RowView]
    visits: Sequence[RowView]
    sittings: Sequence[SittingView]
    duty: str = ""


@dataclass(frozen=True)
class DeskPage(Context):
    """Tiếp nhận. ``form``: the draft as typed; ``persons``: one mapping per person; ``done``: steps filled in;
    ``errors``: field to sentence."""

    template: ClassVar[str] = "pages/desk.html"
    visit: Any
    step: int
    done: Sequence[int]
    form: Mapping[str, Any]
    persons: Sequence[Mapping[str, Any]]
    errors: Mapping[str, str]
    version: int
    saved_at: datetime | None
    point: PointView
    officer: str
    papers: Sequence[PaperView] = ()
    similar: Sequence[MatchView] = ()
    linked: MatchView | None = None
    sittings: Sequence[SittingView] = ()
    denunciation: bool = False
    max_upload: int = 64 * 1024 * 1024


@dataclass(frozen=True)
class SimilarPart(Context):
    """The part of the desk that proposes existing cases."""

    template: ClassVar[str] = "partials/_similar.html"
    similar: Sequence[MatchView]
    form: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class VisitPage(Context):
    """One visit. ``facts``: label and value of the register's columns; ``similar``: cases it may belong to;
    ``identities``: an opened vault entry, shown once; ``form``: what was typed when something was refused."""

    template: ClassVar[str] = "pages/visit.html"
    visit: Any
    heading: str
    who: str
    summary: str
    facts: Sequence[tuple[str, str]]
    papers: Sequence[PaperView]
    may_receive: bool
    sittings: Sequence[SittingView] = ()
    session: Any = None
    sessions: Sequence[RowView] = ()
    case: MatchView | None = None
    link_id: str = ""
    petitions: Sequence[Any] = ()
    similar: Sequence[MatchView] = ()
    may_open_vault: bool = False
    identities: Sequence[Sequence[tuple[str, str]]] = ()
    form: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    max_upload: int = 0


@dataclass(frozen=True)
class WaitingPart(Context):
    """Place in the queue. ``room_url``: where the visit was admitted to; ``since``: UNIX seconds of queueing."""

    template: ClassVar[str] = "partials/_ticket.html"
    visit: Any
    state: str
    place: int
    expects: str
    receiver: str
    since: float
    waited: float
    room_url: str = ""


@dataclass(frozen=True)
class WaitingPage(WaitingPart):
    """Phòng chờ trực tuyến."""

    template: ClassVar[str] = "pages/waiting.html"
    heading: str = ""
    point: PointView | None = None
