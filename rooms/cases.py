"""Cases: the matter's file, links that can be undone, the time line."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import Case, CaseLink
from rooms.words import Field, PetitionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One entry of a file's time line. ``kind``: visit, petition, session, paper, minutes, recording, link, unlink."""

    at: dt.datetime
    kind: str
    object_id: str
    title: str
    state: str = ""
    site_id: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A case that may be the same matter, and why: words that agree, same person."""

    case: Case
    score: float
    why: tuple[str, ...]


def open_case(
    db: Session, actor: Actor, site_id: str, title: str, now: dt.datetime, *, visit_id: str | None = None,
    kind: PetitionKind | None = None, field: Field | None = None, summary: str = "", leader: str = "",
) -> Case:  # fmt: skip
    """Open a file, numbered per site and year; with ``visit_id`` linked at once."""
    raise NotImplementedError


def update_case(
    db: Session, actor: Actor, case_id: str, now: dt.datetime, *, title: str | None = None,
    summary: str | None = None, leader: str | None = None, next_date: dt.date | None = None,
    crowded: bool | None = None, complex: bool | None = None, long_running: bool | None = None,
) -> Case:  # fmt: skip
    """Change what is said about the matter; None leaves a value as it is."""
    raise NotImplementedError


def suggest(db: Session, actor: Actor, visit_id: str, now: dt.datetime, *, limit: int = 5) -> list[Suggestion]:
    """Open cases that resemble a visit, best first; only cases the actor may read."""
    raise NotImplementedError


def link(
    db: Session, actor: Actor, case_id: str, object_kind: str, object_id: str, now: dt.datetime, *, reason: str = ""
) -> CaseLink:
    """Link a visit, session, petition or case. Once the object's session is locked a reason and a second person
    are needed: the link is pending until confirm_link. Raises Conflict case.already_linked."""
    raise NotImplementedError


def unlink(db: Session, actor: Actor, link_id: str, reason: str, now: dt.datetime) -> CaseLink:
    """End a link, with a reason; pending a second person once locked. The trace stays in both files."""
    raise NotImplementedError


def confirm_link(db: Session, actor: Actor, link_id: str, now: dt.datetime) -> CaseLink:
    """The second person confirms. Raises Forbidden case.same_person for the one who asked."""
    raise NotImplementedError


def merge(db: Session, actor: Actor, case_id: str, into_id: str, reason: str, now: dt.datetime) -> Case:
    """Join a file to another (ghép hồ sơ); its links stay and can be taken back by unmerge."""
    raise NotImplementedError


def unmerge(db: Session, actor: Actor, case_id: str, reason: str, now: dt.datetime) -> Case:
    """Take a merge back."""
    raise NotImplementedError


def case_of(db: Session, object_kind: str, object_id: str) -> str | None:
    """Id of the case an object is linked to now, None when it is not."""
    raise NotImplementedError


def timeline(db: Session, actor: Actor, case_id: str, now: dt.datetime) -> list[TimelineEntry]:
    """The file as one time line, oldest first; what the actor may not see is left out."""
    raise NotImplementedError
