"""What belongs to a file now, through joined files and links; no rights are asked here (rooms.access is the door).

A link that waits for a second person does not count yet; an end of a link that waits has not happened yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.models import Case, CaseLink, Minutes, Paper, Petition, ReceptionSession, Visit
from rooms.words import CaseState, LinkPending

STANDS = sa.and_(CaseLink.unlinked_at.is_(None), CaseLink.pending != LinkPending.LINK)
"""A link that holds now."""


@dataclass(frozen=True, slots=True)
class Filed:
    """Ids of all that a file holds, files joined to it included."""

    cases: tuple[str, ...]
    visits: tuple[str, ...]
    sessions: tuple[str, ...]
    petitions: tuple[str, ...]
    minutes: tuple[str, ...]
    papers: tuple[str, ...]

    def everything(self) -> tuple[str, ...]:
        """All ids."""
        return (*self.cases, *self.visits, *self.sessions, *self.petitions, *self.minutes, *self.papers)


def with_joined(db: Session, case_ids: Iterable[str]) -> tuple[str, ...]:
    """These files and all that were joined to them, also over several steps."""
    found: dict[str, None] = dict.fromkeys(case_ids)
    fresh = list(found)
    while fresh:
        joined = sa.select(Case.id).where(Case.merged_into_id.in_(fresh), Case.state == CaseState.MERGED)
        fresh = [one for one in db.scalars(joined) if one not in found]
        found.update(dict.fromkeys(fresh))
    return tuple(found)


def root_of(db: Session, case_id: str) -> str:
    """The file in which this one is now: itself, or the one it was joined to at last."""
    seen = {case_id}
    while True:
        row = db.get(Case, case_id)
        into = row.merged_into_id if row is not None and row.state is CaseState.MERGED else None
        if into is None or into in seen:
            return case_id
        seen.add(into)
        case_id = into


def above(db: Session, case_ids: Iterable[str]) -> tuple[str, ...]:
    """These files and those they were joined to."""
    found: dict[str, None] = {}
    for case_id in case_ids:
        at: str | None = case_id
        while at is not None and at not in found:
            found[at] = None
            row = db.get(Case, at)
            at = row.merged_into_id if row is not None and row.state is CaseState.MERGED else None
    return tuple(found)


def cases_of(db: Session, kind: str, object_id: str) -> tuple[str, ...]:
    """The files an object is in now (its own, and what that was joined to); a session is also where its visit is."""
    pairs = [(kind, object_id)]
    if kind == "session":
        session = db.get(ReceptionSession, object_id)
        if session is not None and session.visit_id is not None:
            pairs.append(("visit", session.visit_id))
    named = sa.or_(*(sa.and_(CaseLink.object_kind == one, CaseLink.object_id == name) for one, name in pairs))
    return above(db, db.scalars(sa.select(CaseLink.case_id).where(named, STANDS)))


def of_case(db: Session, case_id: str) -> Filed:
    """All that a file holds now."""
    cases = with_joined(db, [case_id])
    linked: dict[str, list[str]] = {"visit": [], "session": [], "petition": []}
    for kind, object_id in db.execute(
        sa.select(CaseLink.object_kind, CaseLink.object_id).where(CaseLink.case_id.in_(cases), STANDS)
    ):
        linked.setdefault(kind, []).append(object_id)
    return gathered(db, cases, linked["visit"], linked["session"], linked["petition"])


def of_link(db: Session, link: CaseLink) -> Filed:
    """All that went with one link: a visit with its sessions and papers, a session, a petition, a joined file."""
    if link.object_kind == "case":
        return of_case(db, link.object_id)
    one = {link.object_kind: [link.object_id]}
    return gathered(db, (), one.get("visit", []), one.get("session", []), one.get("petition", []))


def gathered(
    db: Session, cases: Iterable[str], visits: Iterable[str], sessions: Iterable[str], petitions: Iterable[str]
) -> Filed:
    """With what hangs on these: sessions of visits, petitions handed in at them, minutes, papers."""
    cases, visits = tuple(cases), _known(db, Visit, visits)
    own = sa.or_(ReceptionSession.id.in_(tuple(sessions)), ReceptionSession.visit_id.in_(visits))
    session_ids = tuple(db.scalars(sa.select(ReceptionSession.id).where(own).order_by(ReceptionSession.created_at)))
    handed = sa.or_(Petition.id.in_(tuple(petitions)), Petition.visit_id.in_(visits))
    petition_ids = tuple(db.scalars(sa.select(Petition.id).where(handed).order_by(Petition.created_at)))
    written = sa.or_(Minutes.visit_id.in_(visits), Minutes.session_id.in_(session_ids))
    minutes_ids = tuple(db.scalars(sa.select(Minutes.id).where(written)))
    owners = (*cases, *visits, *session_ids, *petition_ids, *minutes_ids)
    papers = tuple(db.scalars(sa.select(Paper.id).where(Paper.owner_id.in_(owners)).order_by(Paper.added_at)))
    return Filed(cases, visits, session_ids, petition_ids, minutes_ids, papers)


def _known(db: Session, model: type[Visit], ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(db.scalars(sa.select(model.id).where(model.id.in_(tuple(ids)))))
