"""What each template is given: one dataclass per template, with the meaning of every field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar


@dataclass(frozen=True)
class Item:
    """An entry of the navigation. ``label`` is a message id."""

    label: str
    url: str
    icon: str
    here: bool = False


@dataclass(frozen=True)
class Chrome:
    """The frame round a page of somebody who is logged in. ``role``: office and place in words, translated already.
    ``training``: the page belongs to the training space."""

    user: str
    name: str
    role: str
    items: tuple[Item, ...]
    more: tuple[Item, ...] = ()
    training: bool = False


@dataclass(frozen=True)
class Flash:
    """A sentence about what has just been done. ``tone``: good, warn, bad or empty."""

    text: str
    tone: str = "good"


@dataclass(frozen=True)
class Context:
    """Base of all contexts; ``template`` is the file."""

    template: ClassVar[str] = ""


@dataclass(frozen=True)
class LoginPage(Context):
    """Log-in. ``error``: why it was refused, translated. ``next_url``: where to go afterwards."""

    template: ClassVar[str] = "pages/login.html"
    login: str = ""
    next_url: str = ""
    error: str = ""


@dataclass(frozen=True)
class ErrorPage(Context):
    """What happened, what was kept, what to do; all translated. ``retry``: offer to load the page again."""

    template: ClassVar[str] = "pages/error.html"
    status: int = 404
    heading: str = ""
    text: str = ""
    kept: str = ""
    advice: str = ""
    retry: bool = False
    code: str = ""


@dataclass(frozen=True)
class CheckView:
    """One line of a point's state, translated. ``tone`` as for chips."""

    label: str
    word: str
    tone: str


@dataclass(frozen=True)
class PointView:
    """This reception point: presence in a word, the day's device check line by line."""

    id: str
    name: str
    word: str = ""
    tone: str = "off"
    checks: Sequence[CheckView] = ()
    checked_at: datetime | None = None


@dataclass(frozen=True)
class PaperView:
    """A paper in a list; ``url`` opens it in place."""

    id: str
    title: str
    mime: str
    length: int
    at: datetime | None
    url: str


@dataclass(frozen=True)
class MatchView:
    """A case that may be the same matter, and why, translated."""

    id: str
    number: str
    title: str
    why: str


@dataclass(frozen=True)
class RowView:
    """A visit, sitting or case in a list."""

    id: str
    url: str
    who: str = ""
    what: str = ""
    word: str = ""
    tone: str = "plain"
    number: str = ""
    at: datetime | None = None
    by: str = ""


@dataclass(frozen=True)
class SittingView:
    """A sitting in a list. ``place``: who presides where; ``detail``: chair and invited sites."""

    id: str
    time: str
    place: str
    detail: str = ""
    chair: str = ""
    word: str = ""
    tone: str = "info"
    waiting: int = 0


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


@dataclass(frozen=True)
class BoardPage(BoardPart):
    """Bảng điều hành."""

    template: ClassVar[str] = "pages/board.html"


@dataclass(frozen=True)
class CaseRow:
    """A case in the list; ``marks``: crowded, complex, long-running, translated."""

    url: str
    number: str
    title: str
    kind: str
    leader: str
    next_date: date | None
    word: str
    tone: str
    marks: str = ""


@dataclass(frozen=True)
class CasesPage(Context):
    """Hồ sơ vụ việc: the list. ``by_grant``: the reader sees only what was opened to them by a right."""

    template: ClassVar[str] = "pages/cases.html"
    tabs: Sequence[Item]
    rows: Sequence[CaseRow]
    tab: str = "open"
    by_grant: bool = False
    sites: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, str] = field(default_factory=dict)
    more_url: str = ""
    back_url: str = ""


@dataclass(frozen=True)
class LinkView:
    """A button of an entry; ``label`` is a message id; ``blank``: opens beside."""

    label: str
    url: str
    icon: str
    blank: bool = False


@dataclass(frozen=True)
class LineView:
    """A time-coded line of minutes."""

    time: str
    speaker: str
    text: str


@dataclass(frozen=True)
class EntryView:
    """One entry of a file's time line. ``inline``: image, lines or facts, in place; ``label``: message id;
    ``newest``: the last thing that happened."""

    kind: str
    icon: str
    label: str
    at: datetime
    title: str = ""
    detail: str = ""
    word: str = ""
    tone: str = "plain"
    url: str = ""
    inline: str = ""
    inline_label: str = ""
    lines: Sequence[LineView] = ()
    facts: Sequence[tuple[str, str]] = ()
    links: Sequence[LinkView] = ()
    newest: bool = False


@dataclass(frozen=True)
class DayOfEntries:
    """Entries of one local day."""

    day: date
    entries: Sequence[EntryView]


@dataclass(frozen=True)
class CasePage(Context):
    """One file as a time line. ``newest_first``: the reader turned it round; ``pending``, ``links``, ``rights``: see
    web.pages.contexts_files; ``merged_into``: the file this one was joined to, and why."""

    template: ClassVar[str] = "pages/case.html"
    case: Any
    number: str
    summary: str
    groups: Sequence[DayOfEntries]
    facts: Sequence[tuple[str, str]]
    recordings: Sequence[RowView]
    may_edit: bool
    newest_first: bool = False
    pending: Sequence[Any] = ()
    links: Sequence[Any] = ()
    rights: Any = None
    merged_into: MatchView | None = None
    looks: str = ""
    form: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HitView:
    """One find; ``why``: message ids."""

    url: str
    title: str
    meta: str
    why: Sequence[str]


@dataclass(frozen=True)
class HitGroup:
    """Finds of one case, or of none. ``meta``, ``why``: where the case itself was found."""

    title: str
    number: str
    url: str
    case: bool
    hits: Sequence[HitView]
    meta: str = ""
    why: Sequence[str] = ()


@dataclass(frozen=True)
class SearchPage(Context):
    """Tra cứu. ``asked``: a search was made; ``capped``: there may be more."""

    template: ClassVar[str] = "pages/search.html"
    query: str
    asked: bool
    groups: Sequence[HitGroup]
    total: int
    capped: bool
    sites: Mapping[str, str]
    states: Mapping[str, str]
    filters: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RegisterPage(Context):
    """Sổ tiếp công dân; ``rows`` are rooms.visits.RegisterRow."""

    template: ClassVar[str] = "pages/register.html"
    rows: Sequence[Any]
    site_id: str
    site_name: str
    body: str
    sites: Mapping[str, str]
    since: date
    until: date
    errors: Mapping[str, str] = field(default_factory=dict)


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


@dataclass(frozen=True)
class AccountPage(Context):
    """Change of the own password."""

    template: ClassVar[str] = "pages/account.html"
    must_change: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PaperHead(Context):
    """Head of a printed form (Nghị định 30): bodies, number, place and day."""

    back_url: str
    parent_body: str
    body: str
    number_line: str
    place: str
    on: date


@dataclass(frozen=True)
class ReceiptPage(PaperHead):
    """Giấy biên nhận (TCD_02)."""

    template: ClassVar[str] = "pages/receipt.html"
    hour: int = 0
    minute: int = 0
    where: str = ""
    officer: str = ""
    officer_title: str = ""
    giver: str = ""
    identity: str = ""
    address: str = ""
    phone: str = ""
    content: str = ""
    papers: Sequence[PaperView] = ()
    visit_number: str = ""
    queue_line: str = ""


@dataclass(frozen=True)
class PointLine:
    """A point in the minutes: people before its camera, when it came and left."""

    name: str
    people: str = ""
    times: str = ""


@dataclass(frozen=True)
class SectionView:
    """A section of the minutes; ``heading`` opens a part, ``title`` the section in it."""

    heading: str
    title: str
    text: str


@dataclass(frozen=True)
class MinutesPrintPage(PaperHead):
    """Biên bản tiếp công dân (TCD_20)."""

    template: ClassVar[str] = "pages/minutes_print.html"
    online: bool = False
    frozen: bool = False
    begins: str = ""
    ends: str = ""
    where: str = ""
    receivers: Sequence[str] = ()
    points: Sequence[PointLine] = ()
    received: Sequence[str] = ()
    sections: Sequence[SectionView] = ()
    lines: Sequence[LineView] = ()
    record_line: str = ""
    chair: str = ""
    writer: str = ""
    hash_line: str = ""
