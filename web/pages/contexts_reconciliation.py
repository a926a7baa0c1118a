"""What the page of the nightly comparison is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from web.pages.contexts import Context
from web.pages.contexts_admin import TileView


@dataclass(frozen=True)
class FindingRow:
    """One thing that is not as it should be. ``url``: the session's replay page, "" for a paper."""

    what: str
    kind: str
    url: str
    session: str
    path: str


@dataclass(frozen=True)
class ReportRow:
    """An earlier report."""

    url: str
    at: datetime
    share: str
    findings: int
    tone: str


@dataclass(frozen=True)
class ReconciliationPage(Context):
    """Đối chiếu hằng đêm. ``running``: progress in per cent, None when no comparison runs or waits. ``others``:
    findings on sessions that this reader may not open."""

    template: ClassVar[str] = "pages/reconciliation.html"
    at: datetime | None
    tiles: Sequence[TileView]
    findings: Sequence[FindingRow]
    others: int
    earlier: Sequence[ReportRow]
    running: int | None
    job: str = ""
    report: str = ""
    may_run: bool = False
