"""What templates are given: one dataclass per template, with the meaning of every field.

Here: the frame, log-in and errors, and the rows that several pages share. Each part of the hub has its own file
(``contexts_desk``, ``contexts_board``, ``contexts_cases``, ...).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar


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
class LineView:
    """A time-coded line of minutes."""

    time: str
    speaker: str
    text: str


@dataclass(frozen=True)
class AccountPage(Context):
    """Change of the own password."""

    template: ClassVar[str] = "pages/account.html"
    must_change: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)
