"""What an actor may read, in the form in which lookup asks: sites, and single objects beyond them.

The same rules as ``access.readable`` (a property test holds the two together), but as ids: an index can answer for
sites, and what somebody reaches besides (grants, sessions in which their site took part) is little.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, filed, index, rows
from rooms.access import Right
from rooms.actor import Actor
from rooms.models import CaseLink, Petition, ReceptionSession, SearchEntry, SessionGuest
from rooms.rows import Prepared, one_of

_GUEST = SessionGuest.__table__.c


@dataclass(frozen=True, slots=True)
class Reach:
    """``sites``: unrestricted objects there; ``own``: restricted ones there. ``all_sites``: no site is missing.

    ``everything``: the system. ``granted``: ids that a grant names or leads to, also restricted ones. ``beside``: ids
    reached only while they are unrestricted.
    """

    everything: bool = False
    all_sites: bool = False
    sites: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    granted: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()

    def holds(self, row: Any) -> bool:
        """Whether an entry (its object_id, site_id, restricted) may be read."""
        if self.everything or row.object_id in self.granted:
            return True
        if row.restricted:
            return row.site_id in self.own
        return row.site_id in self.sites or row.object_id in self.beside


def reach_of(db: Session, actor: Actor, now: dt.datetime) -> Reach:
    """What the actor may read now. Nothing of it is kept: a right that ends is gone with the next question."""
    if actor.system:
        return Reach(everything=True)
    sites = access.sites_with(db, actor, Right.READ, now)
    every = sites >= access.tree(db).sites.keys()
    granted, beside = _by_grants(db, actor, now)
    if not every:  # else whatever is unrestricted is reached by its site
        beside |= _by_taking_part(db, actor, now)
    return Reach(
        all_sites=every,
        sites=sites,
        own=access.own_restricted_sites(db, actor, now),
        granted=frozenset(granted),
        beside=frozenset(beside - granted),
    )


def _by_grants(db: Session, actor: Actor, now: dt.datetime) -> tuple[set[str], set[str]]:
    held: dict[str, set[str]] = defaultdict(set)
    for grant in actor.grants:
        if grant.expires_at > now:
            held[grant.object_kind].add(grant.object_id)
    visits, sessions, cases = held["visit"], held["session"], held["case"]
    of_visits = _of_visits(db, visits)
    of_sessions = _ids(db, ReceptionSession.visit_id, ReceptionSession.id, sessions)
    granted = cases | visits | sessions | held["petition"] | of_visits | of_sessions
    files = set(filed.with_joined(db, cases))  # a grant on a file reaches what was joined to it
    linked = _linked(db, files)
    beside = files.union(*linked.values())
    beside |= _ids(db, ReceptionSession.id, ReceptionSession.visit_id, linked.get("visit", set()))
    return granted, beside


def _linked(db: Session, cases: set[str]) -> dict[str, set[str]]:
    """What belongs to the cases now, by kind."""
    found: dict[str, set[str]] = defaultdict(set)
    links = sa.select(CaseLink.object_kind, CaseLink.object_id).where(
        CaseLink.object_kind.in_(("visit", "session", "petition")), filed.STANDS
    )
    for row in rows.read(db, links.where(one_of(db, CaseLink.case_id, cases))) if cases else ():
        found[row.object_kind].add(row.object_id)
    return found


def _by_taking_part(db: Session, actor: Actor, now: dt.datetime) -> set[str]:
    """Sessions in which the actor's sites took part lately, with their visits, petitions and cases; of those that are
    all at a site of one's own nothing has to be told (rooms.guests)."""
    if not actor.memberships and actor.user_id is None:
        return set()
    candidates = _candidates(db, actor, now)
    if not candidates:
        return set()
    wanted = sa.select(ReceptionSession.id, ReceptionSession.visit_id).where(access.part_taken_in(db, actor, now))
    taken = rows.read(db, wanted.where(one_of(db, ReceptionSession.id, candidates)))
    visits = {row.visit_id for row in taken if row.visit_id}
    found = {row.id for row in taken} | visits
    return found | {row[0] for row in (_LED_TO.read(db, visits=visits) if visits else ())}


_LED_TO = Prepared(
    lambda one_of: sa.union_all(
        sa.select(CaseLink.case_id).where(
            CaseLink.object_kind == "visit", filed.STANDS, one_of(CaseLink.object_id, "visits")
        ),
        sa.select(Petition.id).where(one_of(Petition.visit_id, "visits")),
    )
)
"""Files and petitions of visits."""


def _candidates(db: Session, actor: Actor, now: dt.datetime) -> set[str]:
    """Sessions that may let the actor in, or to something at another site: the rules are asked of these alone."""
    places, since = access.seated_places(db, actor, now), access.took_part_since(now)
    who = [*places, *([actor.user_id] if actor.user_id else [])]
    known = _OF_LATE.read(db, since=since) if index.is_old(db) else _GUESTS.read(db, who=who, since=since)
    return {row[0] for row in known}


_SESSION = ReceptionSession.__table__.c
_OF_LATE = Prepared(
    lambda one_of: sa.union_all(
        sa.select(_SESSION.id).where(_SESSION.closed_at.is_(None)),
        sa.select(_SESSION.id).where(_SESSION.closed_at > sa.bindparam("since")),
    )
)
"""All sessions of late: while guests are not all written down yet."""


_GUESTS = Prepared(
    lambda one_of: sa.union_all(  # asked apart: each has its place in the index
        sa.select(_GUEST.session_id).where(one_of(_GUEST.who, "who"), _GUEST.ended_at.is_(None)),
        sa.select(_GUEST.session_id).where(one_of(_GUEST.who, "who"), _GUEST.ended_at > sa.bindparam("since")),
    )
)


def _of_visits(db: Session, visits: set[str]) -> set[str]:
    return _ids(db, ReceptionSession.id, ReceptionSession.visit_id, visits) | _ids(
        db, Petition.id, Petition.visit_id, visits
    )


def _ids(db: Session, wanted: Any, by: Any, values: Iterable[str]) -> set[str]:
    held = list(values)
    return {row[0] for row in rows.read(db, sa.select(wanted).where(one_of(db, by, held))) if row[0]} if held else set()


def entries_beside(db: Session, reach: Reach) -> list[int]:
    """Ids of the entries that are reached, but not by their site."""
    return sorted(row.id for row in _NAMED.read(db, ids=reach.granted | reach.beside) if reach.holds(row))


_ENTRY = SearchEntry.__table__.c
_NAMED = Prepared(
    lambda one_of: sa.select(_ENTRY.id, _ENTRY.object_id, _ENTRY.site_id, _ENTRY.restricted).where(
        one_of(_ENTRY.object_id, "ids")
    )
)
