"""What goes on paper: one dataclass per printed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from web.pages.contexts import Context, LineView, PaperView


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
