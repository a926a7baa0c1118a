"""Lines about whom a session lets in: only where it opens more than the place of its session does."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import cases, guests, petitions, search, sessions, visits
from rooms.actor import SYSTEM
from rooms.models import Participant, ReceptionSession, SessionGuest, Site, Visit
from rooms.search import Filters
from rooms.vault import Vault
from rooms.whyfound import Hit
from rooms.words import PetitionKind, SessionState
from tests.support.actors import World
from tests.support.factories import NOW, open_case, registered


def opened(db: Session, world: World, vault: Vault, *invited: Site) -> tuple[Visit, ReceptionSession]:
    """A session of a visit at alice's district."""
    visit = registered(db, world.alice, world.district, vault, content="Tranh chấp")
    queued = visits.queue_online(db, SYSTEM, visit.id, NOW)
    session = sessions.open_for_visit(db, world.oscar, queued.id, NOW, invite=[site.id for site in invited])
    db.flush()
    return visit, session


def lines(db: Session, session: ReceptionSession) -> dict[str, dt.datetime | None]:
    """Who, and until when it ran."""
    db.flush()
    held = sa.select(SessionGuest.who, SessionGuest.ended_at).where(SessionGuest.session_id == session.id)
    return {row.who: row.ended_at for row in db.execute(held)}


def places(db: Session, session: ReceptionSession) -> set[str]:
    """Sites among them."""
    return {*lines(db, session)} & {*db.scalars(sa.select(Site.id))}


def test_of_its_own_site_a_session_says_nothing(db: Session, world: World, vault: Vault) -> None:
    _, session = opened(db, world, vault)
    assert world.district.id not in places(db, session)


def test_another_site_is_a_guest_until_long_after_the_close(db: Session, world: World, vault: Vault) -> None:
    visit, session = opened(db, world, vault, world.other_district)
    assert lines(db, session)[world.other_district.id] is None
    assert [hit.object_id for hit in found(db, world)] == [visit.id]
    session.state, session.closed_at = SessionState.CLOSED, NOW - dt.timedelta(days=29)
    assert lines(db, session)[world.other_district.id] == session.closed_at
    assert [hit.object_id for hit in found(db, world)] == [visit.id]
    session.closed_at = NOW - dt.timedelta(days=31)
    db.flush()
    assert found(db, world) == []


def found(db: Session, world: World) -> list[Hit]:
    """What charlie finds, whose district is the other one."""
    page = search.find(db, world.charlie, "tranh chap", Filters(), NOW)
    return [hit for group in page.groups for hit in group.hits]


@pytest.mark.parametrize("by", ["petition", "case"])
def test_what_leads_to_another_site_is_said_to_ones_own(db: Session, world: World, vault: Vault, by: str) -> None:
    visit, session = opened(db, world, vault)
    seats = db.scalars(sa.select(Participant.site_id).where(Participant.session_id == session.id)).all()
    assert world.district.id in seats
    if by == "petition":
        site, kind = world.other_district.id, PetitionKind.COMPLAINT
        petitions.add(db, SYSTEM, site, kind, "Đơn", vault, NOW, petitioner="An", visit_id=visit.id)
    else:
        cases.link(db, SYSTEM, open_case(db, SYSTEM, world.other_district, "Hồ sơ").id, "visit", visit.id, NOW)
    assert world.district.id in places(db, session)


def test_making_them_anew_changes_nothing_and_mends_what_is_wrong(db: Session, world: World, vault: Vault) -> None:
    _, session = opened(db, world, vault, world.other_district)
    right = lines(db, session)
    assert guests.refresh(db, [session.id]) == set()
    db.execute(sa.delete(SessionGuest).where(SessionGuest.who == world.other_district.id))
    db.execute(sa.insert(SessionGuest).values(session_id=session.id, who="somebody"))
    assert guests.refresh(db, [session.id]) == {session.id} and lines(db, session) == right


def test_a_line_too_many_opens_nothing(db: Session, world: World, vault: Vault) -> None:
    _, session = opened(db, world, vault)
    db.execute(sa.insert(SessionGuest).values(session_id=session.id, who=world.other_district.id))
    assert found(db, world) == []
