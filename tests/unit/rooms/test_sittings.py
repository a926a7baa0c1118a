"""Sittings: who may open them, whom they let see, when they may end."""

import datetime as dt

import pytest
from sqlalchemy.orm import Session

from rooms import access, sessions, sittings, visits
from rooms.errors import Forbidden, Invalid, NotFound, WrongState
from rooms.vault import Vault
from rooms.words import SittingState
from tests.support.actors import World
from tests.support.factories import NOW, registered


def test_it_works(db: Session, world: World) -> None:
    sitting = sittings.open_sitting(db, world.bob, world.province.id, NOW, chair_name=" Nguyễn Văn Thử ")
    sittings.invite_site(db, world.bob, sitting.id, world.district.id, NOW)
    sittings.invite_site(db, world.bob, sitting.id, world.district.id, NOW, required=False)
    assert (sitting.state, sitting.chair_name) == (SittingState.OPEN, "Nguyễn Văn Thử")
    assert [s.id for s in sittings.list_open(db, world.alice, NOW)] == [sitting.id]
    sittings.close_sitting(db, world.bob, sitting.id, NOW)
    assert sittings.list_open(db, world.bob, NOW) == []


def test_a_planned_sitting_opens_when_somebody_starts_it(db: Session, world: World) -> None:
    later = NOW + dt.timedelta(hours=2)
    sitting = sittings.open_sitting(db, world.bob, world.province.id, NOW, planned_at=later)
    assert sitting.state is SittingState.PLANNED
    assert sittings.start_sitting(db, world.bob, sitting.id, later).opened_at == later


def test_only_who_operates_there_opens_and_invites(db: Session, world: World) -> None:
    for actor in (world.alice, world.charlie, world.adam, world.ivan):
        with pytest.raises((Forbidden, NotFound)):
            sittings.open_sitting(db, actor, world.province.id, NOW)
    sitting = sittings.open_sitting(db, world.bob, world.province.id, NOW)
    with pytest.raises(NotFound):
        sittings.invite_site(db, world.charlie, sitting.id, world.district.id, NOW)


def test_a_site_that_is_not_invited_does_not_see_it(db: Session, world: World) -> None:
    sitting = sittings.open_sitting(db, world.bob, world.province.id, NOW)
    with pytest.raises(NotFound):
        access.load_sitting(db, world.charlie, sitting.id, now=NOW)
    sittings.invite_site(db, world.bob, sitting.id, world.other_district.id, NOW)
    assert access.load_sitting(db, world.charlie, sitting.id, now=NOW) is sitting


def test_an_invited_site_only_sends_until_it_is_said_otherwise(db: Session, world: World) -> None:
    sitting = sittings.open_sitting(db, world.bob, world.province.id, NOW)
    invited = sittings.invite_site(db, world.bob, sitting.id, world.district.id, NOW)
    assert invited.attends is False
    assert sittings.invite_site(db, world.bob, sitting.id, world.district.id, NOW, attends=True) is invited
    assert invited.attends is True


def test_it_does_not_end_while_a_session_of_it_runs(db: Session, world: World, vault: Vault) -> None:
    sitting = sittings.open_sitting(db, world.bob, world.province.id, NOW)
    visit = registered(db, world.alice, world.district, vault)
    visit.sitting_id = sitting.id
    visits.queue_online(db, world.alice, visit.id, NOW)
    sessions.open_for_visit(db, world.bob, visit.id, NOW)
    with pytest.raises(WrongState):
        sittings.close_sitting(db, world.bob, sitting.id, NOW)


def test_a_room_of_another_site_and_a_nameless_attendee_are_refused(db: Session, world: World) -> None:
    from rooms import sites
    from rooms.actor import SYSTEM

    room = sites.add_room(db, SYSTEM, world.district.id, "Phòng 1", NOW)
    with pytest.raises(Invalid):
        sittings.open_sitting(db, world.bob, world.province.id, NOW, room_id=room.id)
    sitting = sittings.open_sitting(db, world.bob, world.province.id, NOW)
    with pytest.raises(Invalid):
        sittings.add_attendee(db, world.bob, sitting.id, "  ", NOW)
    with pytest.raises(WrongState):
        sittings.close_sitting(db, world.bob, sitting.id, NOW)
        sittings.invite_site(db, world.bob, sitting.id, world.district.id, NOW)
