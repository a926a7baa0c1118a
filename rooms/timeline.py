"""A file (hồ sơ) as one time line of visits, petitions, sessions, papers, minutes, recordings and links."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, filed
from rooms.actor import Actor
from rooms.models import Case, CaseLink, Minutes, Package, Paper, Petition, ReceptionSession, ReplayFile, Visit
from rooms.words import LinkPending


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One entry of a file's time line. ``kind``: case, visit, petition, session, recording, minutes, paper, link,
    unlink, merge. ``object_id`` is what it speaks of, ``parent_id`` the visit, session or petition it belongs to."""

    at: dt.datetime
    kind: str
    object_id: str
    title: str
    state: str = ""
    site_id: str | None = None
    parent_id: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def timeline(db: Session, actor: Actor, case_id: str, now: dt.datetime) -> list[TimelineEntry]:
    """The file as one time line, oldest first; what the actor may not see is left out. With the files merged into it.

    Raises NotFound.
    """
    case = access.load_case(db, actor, case_id, now=now)
    entries = [*_case_entries(case)]
    members = filed.with_joined(db, [case.id])
    links = list(db.scalars(sa.select(CaseLink).where(CaseLink.case_id.in_(members))))
    for link in links:
        entries += _link_entries(link, case.id)
    active = [link for link in links if link.unlinked_at is None and link.pending is not LinkPending.LINK]
    ids = {
        kind: {link.object_id for link in active if link.object_kind == kind}
        for kind in ("visit", "session", "petition")
    }
    visits = _readable(db, actor, Visit, Visit.id.in_(ids["visit"]), now)
    wanted = sa.or_(ReceptionSession.id.in_(ids["session"]), ReceptionSession.visit_id.in_([v.id for v in visits]))
    sessions = _readable(db, actor, ReceptionSession, wanted, now)
    petitions = _readable(db, actor, Petition, Petition.id.in_(ids["petition"]), now)
    entries += [_visit_entry(visit) for visit in visits]
    entries += [_petition_entry(petition) for petition in petitions]
    entries += [entry for session in sessions for entry in _session_entries(db, session)]
    entries += _minutes_entries(db, [v.id for v in visits], [s.id for s in sessions])
    owners = [("case", case.id)] + [("visit", v.id) for v in visits]
    owners += [("session", s.id) for s in sessions] + [("petition", p.id) for p in petitions]
    entries += _paper_entries(db, owners)
    return sorted(entries, key=lambda entry: (entry.at, entry.kind, entry.object_id))


def _readable(db: Session, actor: Actor, model: Any, wanted: sa.ColumnElement[bool], now: dt.datetime) -> list[Any]:
    return list(db.scalars(sa.select(model).where(wanted, access.readable(db, actor, model, now))))


def _case_entries(case: Case) -> Iterator[TimelineEntry]:
    yield TimelineEntry(at=case.opened_at, kind="case", object_id=case.id, title=case.title, site_id=case.site_id)


def _link_entries(link: CaseLink, case_id: str) -> Iterator[TimelineEntry]:
    detail = {"object_kind": link.object_kind, "pending": link.pending.value, "reason": link.reason, "link": link.id}
    kind = "merge" if link.object_kind == "case" else "link"
    yield TimelineEntry(
        at=link.linked_at, kind=kind, object_id=link.object_id, title="", parent_id=link.case_id, detail=detail
    )
    if link.unlinked_at is not None:
        reason = {"object_kind": link.object_kind, "reason": link.unlink_reason, "link": link.id}
        yield TimelineEntry(
            at=link.unlinked_at,
            kind="unlink",
            object_id=link.object_id,
            title="",
            parent_id=link.case_id,
            detail=reason,
        )


def _visit_entry(visit: Visit) -> TimelineEntry:
    detail = {
        "number": visit.number, "year": visit.year, "people_count": visit.people_count,
        "kind": visit.kind.value if visit.kind else "", "outcome": visit.outcome.value if visit.outcome else "",
        "persons": [person.name for person in visit.persons], "restricted": visit.restricted,
    }  # fmt: skip
    return TimelineEntry(
        at=visit.started_at, kind="visit", object_id=visit.id, title=visit.content, state=visit.state.value,
        site_id=visit.site_id, detail=detail,
    )  # fmt: skip


def _petition_entry(petition: Petition) -> TimelineEntry:
    detail = {"kind": petition.kind.value, "number": petition.number, "year": petition.year,
              "petitioner": petition.petitioner, "received_on": petition.received_on.isoformat()}  # fmt: skip
    return TimelineEntry(
        at=petition.created_at, kind="petition", object_id=petition.id, title=petition.content,
        site_id=petition.site_id, parent_id=petition.visit_id or "", detail=detail,
    )  # fmt: skip


def _session_entries(db: Session, session: ReceptionSession) -> Iterator[TimelineEntry]:
    at = session.started_at or session.opened_at or session.created_at
    yield TimelineEntry(
        at=at, kind="session", object_id=session.id, title=session.title, state=session.state.value,
        site_id=session.site_id, parent_id=session.visit_id or "",
        detail={"number": session.number, "year": session.year, "closed_at": session.closed_at,
                "points": [point.name for point in session.participants]},
    )  # fmt: skip
    package = db.scalar(sa.select(Package).where(Package.session_id == session.id))
    replay = db.scalar(sa.select(sa.func.count()).where(ReplayFile.session_id == session.id)) or 0
    if package is not None or replay:
        yield TimelineEntry(
            at=package.locked_at if package else at, kind="recording", object_id=session.id, title=session.title,
            state="locked" if package else "open", site_id=session.site_id, parent_id=session.id,
            detail={"replay_files": replay, "complete": session.complete, "lost_s": session.lost_s},
        )  # fmt: skip


def _minutes_entries(db: Session, visit_ids: list[str], session_ids: list[str]) -> list[TimelineEntry]:
    found = sa.select(Minutes).where(sa.or_(Minutes.visit_id.in_(visit_ids), Minutes.session_id.in_(session_ids)))
    return [
        TimelineEntry(
            at=minutes.frozen_at or minutes.created_at, kind="minutes", object_id=minutes.id, title="",
            state=minutes.state.value, parent_id=minutes.session_id or minutes.visit_id or "",
        )
        for minutes in db.scalars(found)
    ]  # fmt: skip


def _paper_entries(db: Session, owners: list[tuple[str, str]]) -> list[TimelineEntry]:
    ids = [owner_id for _, owner_id in owners]
    found = sa.select(Paper).where(Paper.owner_id.in_(ids), Paper.withdrawn_at.is_(None))
    return [
        TimelineEntry(
            at=paper.added_at, kind="paper", object_id=paper.id, title=paper.title, parent_id=paper.owner_id,
            detail={"mime": paper.mime, "length": paper.length, "kind": paper.kind},
        )
        for paper in db.scalars(found)
        if (paper.owner_kind, paper.owner_id) in owners
    ]  # fmt: skip
