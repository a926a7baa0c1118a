"""The only door to an object for an actor (design 7). What one may not see does not exist: NotFound for both.

A right at an object comes from
- a role at its site or at a site above it in the dated tree (tree.SiteTree);
- a grant on the object, on the visit, session or case it belongs to, or on a site (its branch);
- taking part: staff of a site invited to the sitting or present in the session may read it, and replay the session,
  until PARTICIPANT_DAYS after its close.
Restricted objects (denunciations): only reception officers of the receiving site itself (or of the site that took
its files), and grants on the very object, its visit or session. Opening the vault is never inherited from above.
Sites and rooms are public structure: any user may read them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import filed
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound
from rooms.ids import is_id
from rooms.localtime import local_date
from rooms.models import (
    Case,
    CaseLink,
    InvitedSite,
    Minutes,
    Paper,
    Participant,
    Petition,
    ReceptionSession,
    Room,
    Site,
    SiteParent,
    SiteSuccessor,
    Sitting,
    Visit,
)
from rooms.tree import Edge, FilesTo, SiteTree, Span
from rooms.words import ParticipantState, Role

PARTICIPANT_DAYS = 30
"""How long after a session's close the sites that took part may still read it: minutes are signed in that time."""


class Right(StrEnum):
    """What may be done with an object."""

    READ = "read"  # see it in lists and open it
    RECEIVE = "receive"  # register visits, attach papers, open cases
    OPERATE = "operate"  # run sessions
    WRITE = "write"  # write minutes
    APPROVE = "approve"  # approve proposals, give grants, confirm links of locked files as a second person
    REPLAY = "replay"  # watch and download recordings
    ARCHIVE = "archive"  # supplements, changes to locked files
    OPEN_VAULT = "open_vault"  # see a restricted identity, with a reason
    ADMIN = "admin"  # sites, rooms, devices, people


R = Right
ROLE_RIGHTS: dict[Role, frozenset[Right]] = {
    Role.SITE_OFFICER: frozenset({R.READ, R.RECEIVE, R.WRITE, R.REPLAY}),
    Role.OPERATOR: frozenset({R.READ, R.RECEIVE, R.OPERATE, R.WRITE, R.REPLAY}),
    Role.CLERK: frozenset({R.READ, R.WRITE, R.REPLAY}),
    Role.COMPETENT: frozenset({R.READ, R.APPROVE, R.REPLAY}),
    Role.INSPECTOR: frozenset(),  # ancestor of nothing: reads by grant
    Role.RECORDS: frozenset({R.READ, R.REPLAY, R.ARCHIVE}),
    Role.ADMIN: frozenset({R.ADMIN}),  # places and people, no files
}
RESTRICTED_RIGHTS = ROLE_RIGHTS[Role.SITE_OFFICER] | {R.OPEN_VAULT}
"""What an officer of the receiving site may do with a denunciation."""

TAKES_PART = (Role.SITE_OFFICER, Role.OPERATOR, Role.CLERK, Role.COMPETENT)
"""Roles that sit at a point; others do not gain sight of a session because their site is in it."""

ALL_RIGHTS = frozenset(Right)
NO_RIGHTS: frozenset[Right] = frozenset()


@dataclass(frozen=True, slots=True)
class Subject:
    """An object as the rules see it. ``through``: (kind, id) of what a grant may name to reach it."""

    kind: str
    id: str
    site_id: str | None
    restricted: bool = False
    through: tuple[tuple[str, str], ...] = ()
    session_ids: tuple[str, ...] = ()
    sitting_id: str | None = None


def tree(db: Session) -> SiteTree:
    """The tree, read once per transaction; sites.py drops it from ``db.info`` when it changes it."""
    if "tree" not in db.info:
        spans = {
            row.id: Span(row.valid_from, row.valid_to)
            for row in db.execute(sa.select(Site.id, Site.valid_from, Site.valid_to).order_by(Site.code, Site.name))
        }
        edges = [
            Edge(row.site_id, row.parent_id, Span(row.valid_from, row.valid_to))
            for row in db.execute(sa.select(*SiteParent.__table__.c))  # plain rows: every question asks for them
        ]
        files = [
            FilesTo(row.site_id, row.successor_id, row.on)
            for row in db.execute(sa.select(*SiteSuccessor.__table__.c).where(SiteSuccessor.takes_files))
        ]
        db.info["tree"] = SiteTree(spans, edges, files)
    found: SiteTree = db.info["tree"]
    return found


def branch_of(db: Session, site_ids: Iterable[str], now: dt.datetime) -> frozenset[str]:
    """All sites that roles at ``site_ids`` reach."""
    sites, on = tree(db), local_date(now)
    return frozenset().union(*(sites.branch(site_id, on) for site_id in site_ids))


def sites_with(db: Session, actor: Actor, right: Right, now: dt.datetime) -> frozenset[str]:
    """Sites at which the actor holds a right on ordinary objects, by roles and by grants on sites."""
    if actor.system:
        return frozenset(tree(db).sites)
    held = [role.site_id for role in actor.memberships if right in ROLE_RIGHTS[role.role]]
    held += [g.object_id for g in actor.grants if g.object_kind == "site" and _grants(g.right, right)]
    return branch_of(db, held, now)


def own_restricted_sites(db: Session, actor: Actor, now: dt.datetime) -> frozenset[str]:
    """Receiving sites whose denunciations the actor may see: as their officer, or as their heir."""
    sites, on = tree(db), local_date(now)
    own = set(actor.sites_with(Role.SITE_OFFICER)) if not actor.system else set(sites.sites)
    heirs = {name for name in sites.sites if not own.isdisjoint(sites.keepers(name, on))}
    return frozenset(own | heirs)


def _grants(held: str, right: Right) -> bool:
    return held == right or right is Right.READ  # every grant lets one see what it is about


def rights_on(db: Session, actor: Actor, subject: Subject, now: dt.datetime) -> frozenset[Right]:
    """All rights the actor has on an object; empty: it does not exist for the actor."""
    if actor.system:
        return ALL_RIGHTS
    rights: set[Right] = set()
    named = {(subject.kind, subject.id), *subject.through}
    for held in actor.grants:
        if (held.object_kind, held.object_id) in named and held.expires_at > now:
            rights |= {Right(held.right), Right.READ}
    if subject.site_id is None:
        return frozenset(rights if subject.restricted else rights | _by_taking_part(db, actor, subject, now))
    if subject.restricted:
        if subject.site_id in own_restricted_sites(db, actor, now):
            rights |= RESTRICTED_RIGHTS
        return frozenset(rights)
    above = tree(db).above(subject.site_id, local_date(now))
    for role in actor.memberships:
        if role.site_id in above:
            rights |= ROLE_RIGHTS[role.role]
    for held in actor.grants:
        if held.object_kind == "site" and held.object_id in above and held.expires_at > now:
            rights |= {Right(held.right), Right.READ}
    if Right.REPLAY not in rights:
        rights |= _by_taking_part(db, actor, subject, now)
    return frozenset(rights)


def _by_taking_part(db: Session, actor: Actor, subject: Subject, now: dt.datetime) -> frozenset[Right]:
    if subject.session_ids:
        mine = db.scalar(
            sa.select(sa.literal(1)).where(
                sa.exists(part_taken(db, actor, now).where(ReceptionSession.id.in_(subject.session_ids)))
            )
        )
        if mine:
            return frozenset({R.READ, R.REPLAY} if subject.kind == "session" else {R.READ})
    if subject.kind == "sitting":
        places = branch_of(db, actor.sites_with(*TAKES_PART), now)
        invited = sa.select(InvitedSite.id).where(InvitedSite.sitting_id == subject.id, InvitedSite.site_id.in_(places))
        if db.scalar(invited) is not None:
            return frozenset({R.READ})
    return NO_RIGHTS


def part_taken(db: Session, actor: Actor, now: dt.datetime) -> sa.Select[str]:
    """Ids of unrestricted sessions in which the actor's sites take part, or took part lately."""
    return sa.select(ReceptionSession.id).where(part_taken_in(db, actor, now))


def seated_places(db: Session, actor: Actor, now: dt.datetime) -> frozenset[str]:
    """The sites whose part in a session is the actor's."""
    return branch_of(db, actor.sites_with(*TAKES_PART), now)


def took_part_since(now: dt.datetime) -> dt.datetime:
    """A session that was closed before is open to its own sites alone."""
    return now - dt.timedelta(days=PARTICIPANT_DAYS)


def part_taken_in(db: Session, actor: Actor, now: dt.datetime) -> sa.ColumnElement[bool]:
    """The same as a condition on a session."""
    places, since = seated_places(db, actor, now), took_part_since(now)
    there = sa.exists(sa.literal_column("1")).where(  # no column: its index answers alone
        Participant.session_id == ReceptionSession.id,
        Participant.state != ParticipantState.REMOVED,
        sa.or_(Participant.site_id.in_(places), Participant.user_id == actor.user_id),
    )
    lately = sa.or_(ReceptionSession.closed_at.is_(None), ReceptionSession.closed_at > since)
    return sa.and_(ReceptionSession.restricted.is_(False), there, lately)


# --- subjects --------------------------------------------------------------------------------------------------------


def _cases_of(db: Session, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The files that objects are in now, as (kind, id); a grant on a file reaches what was joined to it."""
    found: dict[str, None] = {}
    for kind, object_id in pairs:
        found.update(dict.fromkeys(filed.cases_of(db, kind, object_id)))
    return [("case", case_id) for case_id in found]


def _sessions_of(db: Session, visit_ids: list[str]) -> tuple[str, ...]:
    if not visit_ids:
        return ()
    return tuple(db.scalars(sa.select(ReceptionSession.id).where(ReceptionSession.visit_id.in_(visit_ids))))


def subject_of(db: Session, thing: Any) -> Subject:
    """How the rules see an object of any guarded kind."""
    if isinstance(thing, Site):
        return Subject("site", thing.id, thing.id)
    if isinstance(thing, Room):
        return Subject("room", thing.id, thing.site_id)
    if isinstance(thing, Sitting):
        return Subject("sitting", thing.id, thing.site_id)
    if isinstance(thing, Visit):
        sessions = _sessions_of(db, [thing.id])
        through = [("session", session_id) for session_id in sessions]
        if not thing.restricted:
            through += _cases_of(db, [("visit", thing.id)])
        return Subject("visit", thing.id, thing.site_id, thing.restricted, tuple(through), sessions)
    if isinstance(thing, ReceptionSession):
        pairs = [("session", thing.id)] + ([("visit", thing.visit_id)] if thing.visit_id else [])
        through = pairs if thing.restricted else [*pairs, *_cases_of(db, pairs)]
        return Subject("session", thing.id, thing.site_id, thing.restricted, tuple(through), (thing.id,))
    if isinstance(thing, Petition):
        through = [("visit", thing.visit_id)] if thing.visit_id else []
        if not thing.restricted:
            through += _cases_of(db, [("petition", thing.id)])
        sessions = _sessions_of(db, [thing.visit_id] if thing.visit_id else [])
        return Subject("petition", thing.id, thing.site_id, thing.restricted, tuple(through), sessions)
    if isinstance(thing, Case):
        linked = db.scalars(
            sa.select(CaseLink.object_id).where(
                CaseLink.case_id == thing.id, CaseLink.object_kind == "visit", filed.STANDS
            )
        )
        joined = () if thing.restricted else tuple(("case", one) for one in filed.above(db, [thing.id])[1:])
        return Subject("case", thing.id, thing.site_id, thing.restricted, joined, _sessions_of(db, list(linked)))
    raise TypeError(type(thing).__name__)


def _load(db: Session, actor: Actor, model: type[Any], object_id: str, right: Right, now: dt.datetime) -> Any:
    thing = db.get(model, object_id) if is_id(object_id) else None
    if thing is None:
        raise NotFound()
    return check(db, actor, thing, right, now)


def check(db: Session, actor: Actor, thing: Any, right: Right, now: dt.datetime) -> Any:
    """The same object if the actor may see it and holds ``right``. Raises NotFound, Forbidden."""
    rights = rights_on(db, actor, subject_of(db, thing), now)
    if isinstance(thing, Site | Room) and (actor.memberships or actor.grants):
        rights |= {Right.READ}
    if not rights:
        raise NotFound()
    if right not in rights:
        raise Forbidden() if Right.READ in rights else NotFound()
    return thing


# --- loading ---------------------------------------------------------------------------------------------------------


def load_site(db: Session, actor: Actor, site_id: str, right: Right = Right.READ, *, now: dt.datetime) -> Site:
    """The site. Raises NotFound, or Forbidden when it may be read but not this."""
    site: Site = _load(db, actor, Site, site_id, right, now)
    return site


def load_room(db: Session, actor: Actor, room_id: str, right: Right = Right.READ, *, now: dt.datetime) -> Room:
    """The room, by its site. Raises NotFound, Forbidden."""
    room: Room = _load(db, actor, Room, room_id, right, now)
    return room


def load_sitting(db: Session, actor: Actor, sitting_id: str, right: Right = Right.READ, *, now: dt.datetime) -> Sitting:
    """The sitting; sites invited to it may read it. Raises NotFound, Forbidden."""
    sitting: Sitting = _load(db, actor, Sitting, sitting_id, right, now)
    return sitting


def load_visit(db: Session, actor: Actor, visit_id: str, right: Right = Right.READ, *, now: dt.datetime) -> Visit:
    """The visit. Raises NotFound, Forbidden."""
    visit: Visit = _load(db, actor, Visit, visit_id, right, now)
    return visit


def load_session(
    db: Session, actor: Actor, session_id: str, right: Right = Right.READ, *, now: dt.datetime
) -> ReceptionSession:
    """The session; sites that take part may read it. Raises NotFound, Forbidden."""
    session: ReceptionSession = _load(db, actor, ReceptionSession, session_id, right, now)
    return session


def load_recording(
    db: Session, actor: Actor, session_id: str, right: Right = Right.REPLAY, *, now: dt.datetime
) -> ReceptionSession:
    """The session whose record is to be seen. Raises NotFound, Forbidden."""
    return load_session(db, actor, session_id, right, now=now)


def load_case(db: Session, actor: Actor, case_id: str, right: Right = Right.READ, *, now: dt.datetime) -> Case:
    """The case. Raises NotFound, Forbidden."""
    case: Case = _load(db, actor, Case, case_id, right, now)
    return case


def load_petition(
    db: Session, actor: Actor, petition_id: str, right: Right = Right.READ, *, now: dt.datetime
) -> Petition:
    """The petition. Raises NotFound, Forbidden."""
    petition: Petition = _load(db, actor, Petition, petition_id, right, now)
    return petition


OWNERS: dict[str, type[Any]] = {
    "visit": Visit,
    "session": ReceptionSession,
    "case": Case,
    "petition": Petition,
    "sitting": Sitting,
}


def load_owner(db: Session, actor: Actor, kind: str, owner_id: str, right: Right, now: dt.datetime) -> Any:
    """An object named by kind and id (papers, links, grants). Raises NotFound, also for an unknown kind; Forbidden."""
    if kind == "minutes":
        minutes = db.get(Minutes, owner_id)
        if minutes is None:
            raise NotFound()
        check_minutes(db, actor, minutes, right, now)
        return minutes
    if kind == "site":
        return load_site(db, actor, owner_id, right, now=now)
    if kind not in OWNERS:
        raise NotFound()
    return _load(db, actor, OWNERS[kind], owner_id, right, now)


def check_minutes(db: Session, actor: Actor, minutes: Minutes, right: Right, now: dt.datetime) -> Minutes:
    """Minutes follow their session, or their visit where there is none. Raises NotFound, Forbidden."""
    if minutes.session_id:
        load_session(db, actor, minutes.session_id, right, now=now)
    elif minutes.visit_id:
        load_visit(db, actor, minutes.visit_id, right, now=now)
    return minutes


def load_minutes(db: Session, actor: Actor, minutes_id: str, right: Right = Right.READ, *, now: dt.datetime) -> Minutes:
    """The minutes. Raises NotFound, Forbidden."""
    found: Minutes = load_owner(db, actor, "minutes", minutes_id, right, now)
    return found


def load_paper(db: Session, actor: Actor, paper_id: str, right: Right = Right.READ, *, now: dt.datetime) -> Paper:
    """The paper, by what it is attached to. Raises NotFound, Forbidden."""
    paper = db.get(Paper, paper_id) if is_id(paper_id) else None
    if paper is None:
        raise NotFound()
    load_owner(db, actor, paper.owner_kind, paper.owner_id, right, now)
    return paper


def load_point(
    db: Session, actor: Actor, session_id: str, participant_id: str, *, now: dt.datetime
) -> tuple[ReceptionSession, Participant]:
    """A point of a session, for whoever hands in what its device recorded there: staff of the point's site or of a
    site above it, or the person who sat there. It opens nothing: a colleague who may not read the session may still
    hand in what lies on the PC. Raises NotFound.
    """
    point = db.get(Participant, participant_id) if is_id(participant_id) else None
    session = db.get(ReceptionSession, session_id) if is_id(session_id) else None
    if point is None or session is None or point.session_id != session.id:
        raise NotFound()
    own = point.user_id is not None and point.user_id == actor.user_id
    if not (actor.system or own or point.site_id in branch_of(db, actor.sites_with(*TAKES_PART), now)):
        raise NotFound()
    return session, point


# --- lists -----------------------------------------------------------------------------------------------------------


def readable(db: Session, actor: Actor, model: type[Any], now: dt.datetime) -> sa.ColumnElement[bool]:
    """A condition for lists: rows of ``model`` (Visit, ReceptionSession, Case, Petition, Sitting) one may read.

    Holds exactly for what ``load_*`` would give, so that a list never shows what cannot be opened.
    """
    if actor.system:
        return sa.true()
    kind = next(name for name, owner in OWNERS.items() if owner is model)
    places = sites_with(db, actor, Right.READ, now)
    plain = sa.or_(model.site_id.in_(places), _taken_part_in(db, actor, model, now))
    conditions = [_granted(db, actor, model, kind, now)]
    if hasattr(model, "restricted"):
        conditions.append(sa.and_(model.restricted.is_(False), plain))
        conditions.append(sa.and_(model.restricted.is_(True), model.site_id.in_(own_restricted_sites(db, actor, now))))
    else:
        conditions.append(plain)
    return sa.or_(*conditions)


def _taken_part_in(db: Session, actor: Actor, model: type[Any], now: dt.datetime) -> sa.ColumnElement[bool]:
    part = part_taken(db, actor, now)
    if model is ReceptionSession:
        return ReceptionSession.id.in_(part)
    if model is Sitting:
        places = branch_of(db, actor.sites_with(*TAKES_PART), now)
        return Sitting.id.in_(sa.select(InvitedSite.sitting_id).where(InvitedSite.site_id.in_(places)))
    visits = sa.select(ReceptionSession.visit_id).where(ReceptionSession.id.in_(part))
    if model is Visit:
        return Visit.id.in_(visits)
    if model is Petition:
        return Petition.visit_id.in_(visits)
    return Case.id.in_(
        sa.select(CaseLink.case_id).where(CaseLink.object_kind == "visit", filed.STANDS, CaseLink.object_id.in_(visits))
    )


def _granted(db: Session, actor: Actor, model: type[Any], kind: str, now: dt.datetime) -> sa.ColumnElement[bool]:
    """Rows that a grant reaches: named itself, or through its visit, session or (unless restricted) case."""
    held: dict[str, list[str]] = {}
    for grant in actor.grants:
        if grant.expires_at > now:
            held.setdefault(grant.object_kind, []).append(grant.object_id)
    if not held:
        return sa.false()
    files = filed.with_joined(db, held.get("case", []))
    ways: list[sa.ColumnElement[bool]] = [model.id.in_(held.get(kind, []))]
    visits, sessions = held.get("visit", []), held.get("session", [])
    if model is ReceptionSession:
        ways.append(ReceptionSession.visit_id.in_(visits))
    if model is Visit:
        ways.append(Visit.id.in_(sa.select(ReceptionSession.visit_id).where(ReceptionSession.id.in_(sessions))))
    if model is Petition:
        ways.append(Petition.visit_id.in_(visits))
    if model is Case:
        ways.append(sa.and_(Case.restricted.is_(False), Case.id.in_(files)))
    if model in (ReceptionSession, Visit, Petition) and files:
        linked = sa.select(CaseLink.object_id).where(CaseLink.case_id.in_(files), filed.STANDS)
        through = model.id.in_(linked.where(CaseLink.object_kind == kind))
        if model is ReceptionSession:
            through = sa.or_(through, ReceptionSession.visit_id.in_(linked.where(CaseLink.object_kind == "visit")))
        ways.append(sa.and_(model.restricted.is_(False), through))
    return sa.or_(*ways)
