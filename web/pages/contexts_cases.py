"""What files, search and the register are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

from web.pages.contexts import Context, Item, LineView, MatchView, RowView


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
class WhyView:
    """A reason: ``label`` translated, ``runs`` with the words that were looked for marked (rooms.terms.Run), ``url``
    to its second in the recording, ``clock`` of that moment."""

    label: str
    runs: Sequence[Any]
    url: str = ""
    clock: str = ""


@dataclass(frozen=True)
class HitView:
    """One find; ``recorded``: its title leads to the recording."""

    url: str
    title: str
    meta: str
    why: Sequence[WhyView]
    icon: str = "clipboard-list"
    recorded: bool = False


@dataclass(frozen=True)
class HitGroup:
    """Finds of one case, or of one visit that belongs to none. ``meta``, ``why``: where the case itself was found;
    ``word``: its state; ``more``: finds that are not shown."""

    title: str
    number: str
    url: str
    case: bool
    hits: Sequence[HitView]
    meta: str = ""
    why: Sequence[WhyView] = ()
    word: str = ""
    more: int = 0


@dataclass(frozen=True)
class SearchPage(Context):
    """Tra cứu. ``asked``: a search was made; ``capped``: there are more than ``total``; ``options``: the choices of
    each filter with counts; ``next``: where the following page begins; ``number``: which page this is."""

    template: ClassVar[str] = "pages/search.html"
    query: str
    asked: bool
    groups: Sequence[HitGroup]
    total: int
    capped: bool
    too_short: bool
    options: Mapping[str, Mapping[str, str]]
    filters: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)
    next: str = ""
    number: int = 1


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
