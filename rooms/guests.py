"""To whom a session may open more than their own site does: candidates, kept beside the index of lookup (ADR 18).

Who took part in a session of late may read it and what its visit leads to (rooms.access). For lookup that would be
asked of every session there was of late, with each question. Nearly all of it says nothing new: a site's people were
in a session of their own site, and its visit, petitions and file are at that site, too. What is left is written down:

- people of a site in a session of another site, or of none;
- people in a session whose visit, petition or file is at another site than the session;
- persons who sat at a point, by their user id.

Sessions for training have none: nothing of them is found.

It only says where to look. rooms.reach asks the rules themselves of the sessions that are named here, so a line too
many opens nothing, and a right that ends is gone at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import filed, rows
from rooms.models import Case, CaseLink, Participant, Petition, ReceptionSession, SessionGuest, Visit
from rooms.rows import one_of

_GUEST = SessionGuest.__table__.c


def refresh(db: Session, sessions: Sequence[str]) -> set[str]:
    """Make the lines of these sessions what their rows say now; for which sessions they had to be changed."""
    held = rows.read(db, sa.select(*_GUEST).where(one_of(db, _GUEST.session_id, sessions)))
    fresh = _read(db, sessions)
    changed = {row[0] for row in {tuple(row) for row in held} ^ fresh}
    if changed:
        db.connection().execute(sa.delete(SessionGuest).where(one_of(db, _GUEST.session_id, changed)))
        lines = [row for row in sorted(fresh, key=lambda row: row[:2]) if row[0] in changed]
        if lines:
            made = [dict(zip(_GUEST.keys(), row, strict=True)) for row in lines]
            db.connection().execute(sa.insert(SessionGuest), made)
    return changed


def _read(db: Session, sessions: Sequence[str]) -> set[tuple[Any, ...]]:
    S, P = ReceptionSession, Participant
    seats = sa.select(S.id, S.site_id, S.closed_at, P.site_id.label("home"), P.user_id).join(P, P.session_id == S.id)
    found = rows.read(db, seats.where(one_of(db, S.id, sessions), S.training_space_id.is_(None)))
    away = _leading_away(db, sessions)
    lines = {(row.id, row.user_id, row.closed_at) for row in found if row.user_id}
    foreign = [row for row in found if row.home and (row.home != row.site_id or row.id in away)]
    return lines | {(row.id, row.home, row.closed_at) for row in foreign}


def _leading_away(db: Session, sessions: Sequence[str]) -> set[str]:
    """Sessions whose visit, petitions or files are not all at the session's site."""
    S = ReceptionSession
    cases = sa.and_(CaseLink.object_kind == "visit", CaseLink.object_id == S.visit_id, filed.STANDS)
    ways: tuple[tuple[Any, sa.Select[Any]], ...] = (
        (Visit.site_id, sa.select(S.id).join(Visit, Visit.id == S.visit_id)),
        (Petition.site_id, sa.select(S.id).join(Petition, Petition.visit_id == S.visit_id)),
        (Case.site_id, sa.select(S.id).join(CaseLink, cases).join(Case, Case.id == CaseLink.case_id)),
    )
    found = set[str]()
    for site, way in ways:
        there = way.where(one_of(db, S.id, sessions), site.is_distinct_from(S.site_id))
        found |= {row[0] for row in rows.read(db, there)}
    return found
