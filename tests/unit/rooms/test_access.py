"""The only door: what one may not see does not exist."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from rooms import access, cases, people, sessions, sites, sittings, visits
from rooms.access import Right
from rooms.actor import SYSTEM, Actor
from rooms.errors import Forbidden, NotFound
from rooms.ids import new_id
from rooms.models import Case, Petition, ReceptionSession, Sitting, Visit
from rooms.vault import Vault
from rooms.words import ParticipantState, PetitionKind, Role
from tests.support.actors import World
from tests.support.factories import NOW, add_actor, again, open_case, registered

LATER = NOW + dt.timedelta(days=400)


def test_it_works(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    assert access.load_visit(db, world.alice, visit.id, now=NOW) is visit


def test_a_role_reaches_down_its_branch(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    for actor in (world.alice, world.clara, world.bob, world.oscar, world.dora, world.rita):
        assert access.load_visit(db, actor, visit.id, now=NOW) is visit


def test_unseen_and_missing_are_the_same_answer(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    for actor in (world.charlie, world.ivan, world.adam):
        with pytest.raises(NotFound) as unseen:
            access.load_visit(db, actor, visit.id, now=NOW)
        with pytest.raises(NotFound) as missing:
            access.load_visit(db, actor, new_id(), now=NOW)
        assert (unseen.value.code, unseen.value.message) == (missing.value.code, missing.value.message)


@pytest.mark.parametrize("bad", ["", "x", "../../etc/passwd", "a" * 25, "A" * 24, "\0" * 24])
def test_what_is_no_id_is_not_found(db: Session, world: World, bad: str) -> None:
    with pytest.raises(NotFound):
        access.load_visit(db, world.alice, bad, now=NOW)


def test_seeing_is_not_doing(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    with pytest.raises(Forbidden):
        access.load_visit(db, world.clara, visit.id, Right.RECEIVE, now=NOW)


def test_any_user_may_read_sites_but_only_administrators_change_them(db: Session, world: World) -> None:
    assert access.load_site(db, world.charlie, world.district.id, now=NOW) is world.district
    with pytest.raises(Forbidden):
        access.load_site(db, world.charlie, world.district.id, Right.ADMIN, now=NOW)
    assert access.load_site(db, world.adam, world.district.id, Right.ADMIN, now=NOW) is world.district
    with pytest.raises(NotFound):
        access.load_site(db, Actor(user_id=new_id(), name="", login=""), world.district.id, now=NOW)


def test_an_inspector_reads_by_grant_until_it_expires(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    case = open_case(db, world.alice, world.district, visit_id=visit.id)
    assert world.ivan.user_id is not None
    end = NOW + dt.timedelta(days=7)
    people.grant(db, world.dora, world.ivan.user_id, "case", case.id, Right.READ, "Thanh tra 12/2026", end, NOW)
    ivan = again(db, world.ivan)
    assert access.load_case(db, ivan, case.id, now=NOW) is case
    assert access.load_visit(db, ivan, visit.id, now=NOW) is visit  # what belongs to the file comes with it
    with pytest.raises(Forbidden):
        access.load_visit(db, ivan, visit.id, Right.RECEIVE, now=NOW)
    with pytest.raises(NotFound):
        access.load_case(db, ivan, case.id, now=end)


def test_a_denunciation_is_only_for_the_receiving_site(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault, kind=PetitionKind.DENUNCIATION)
    assert access.load_visit(db, world.alice, visit.id, Right.OPEN_VAULT, now=NOW) is visit
    for actor in (world.clara, world.bob, world.oscar, world.dora, world.rita, world.adam, world.charlie):
        with pytest.raises(NotFound):
            access.load_visit(db, actor, visit.id, now=NOW)


def test_a_grant_on_the_case_does_not_open_a_denunciation(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    case = open_case(db, world.alice, world.district, visit_id=visit.id)
    assert world.ivan.user_id is not None
    people.grant(db, world.dora, world.ivan.user_id, "case", case.id, Right.READ, "Thanh tra", LATER, NOW)
    visits.to_denunciation(db, world.alice, visit.id, vault, NOW)
    with pytest.raises(NotFound):
        access.load_visit(db, again(db, world.ivan), visit.id, now=NOW)


def test_a_site_that_takes_part_reads_the_session_for_a_while(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    case = open_case(db, world.alice, world.district, visit_id=visit.id)
    session = sessions.open_for_visit(db, world.bob, visit.id, NOW, invite=[world.other_district.id])
    charlie = world.charlie
    assert access.load_session(db, charlie, session.id, Right.REPLAY, now=NOW) is session
    assert access.load_visit(db, charlie, visit.id, now=NOW) is visit
    assert access.load_case(db, charlie, case.id, now=NOW) is case
    with pytest.raises(Forbidden):
        access.load_session(db, charlie, session.id, Right.OPERATE, now=NOW)
    session.closed_at = NOW
    assert access.load_session(db, charlie, session.id, now=NOW + dt.timedelta(days=29)) is session
    with pytest.raises(NotFound):
        access.load_session(db, charlie, session.id, now=NOW + dt.timedelta(days=31))


def test_a_removed_or_restricted_participant_sees_nothing(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    session = sessions.open_for_visit(db, world.bob, visit.id, NOW, invite=[world.other_district.id])
    point = next(p for p in session.participants if p.site_id == world.other_district.id)
    point.state = ParticipantState.REMOVED
    db.flush()
    with pytest.raises(NotFound):
        access.load_session(db, world.charlie, session.id, now=NOW)
    point.state = ParticipantState.JOINED
    sessions.restrict(db, session.id, NOW)
    with pytest.raises(NotFound):
        access.load_session(db, world.charlie, session.id, now=NOW)


def test_an_ended_role_reaches_nothing(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    assert world.bob.user_id is not None
    [held] = people.memberships_of(db, world.bob.user_id, NOW)
    people.end_membership(db, world.adam, held.id, NOW)
    with pytest.raises(NotFound):
        access.load_visit(db, again(db, world.bob), visit.id, now=NOW)


def test_files_follow_the_successor(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    secret = registered(db, world.alice, world.district, vault, kind=PetitionKind.DENUNCIATION)
    end = dt.date(2027, 1, 1)
    heir = sites.add_site(db, SYSTEM, "C1", "Điểm cầu C1", world.district.kind, world.province.id, end, NOW)
    other = sites.add_site(db, SYSTEM, "C2", "Điểm cầu C2", world.district.kind, world.province.id, end, NOW)
    sites.end_site(db, world.adam, world.district.id, end, [heir.id, other.id], NOW, files_to=heir.id)
    eve = add_actor(db, "eve", (heir, Role.SITE_OFFICER))
    frank = add_actor(db, "frank", (other, Role.SITE_OFFICER))
    then = dt.datetime(2027, 1, 2, tzinfo=dt.UTC)
    with pytest.raises(NotFound):
        access.load_visit(db, eve, visit.id, now=NOW)
    assert access.load_visit(db, eve, visit.id, now=then) is visit
    assert access.load_visit(db, eve, secret.id, now=then) is secret
    for hidden in (visit, secret):
        with pytest.raises(NotFound):
            access.load_visit(db, frank, hidden.id, now=then)
    assert access.load_visit(db, world.bob, visit.id, now=then) is visit


def _populate(db: Session, world: World, vault: Vault) -> None:
    """Visits, a denunciation, a session, cases, petitions, grants of every kind."""
    from rooms import petitions

    one = registered(db, world.alice, world.district, vault)
    two = registered(db, world.charlie, world.other_district, vault)
    registered(db, world.charlie, world.other_district, vault, kind=PetitionKind.DENUNCIATION)
    case = open_case(db, world.alice, world.district, visit_id=one.id)
    open_case(db, world.charlie, world.other_district, visit_id=two.id)
    sitting = sittings.open_sitting(db, world.bob, world.province.id, NOW)
    sittings.invite_site(db, world.bob, sitting.id, world.other_district.id, NOW)
    live = sessions.open_for_visit(db, world.bob, one.id, NOW, invite=[world.other_district.id])
    third = registered(db, world.alice, world.district, vault)
    cases.link(db, world.alice, case.id, "visit", third.id, NOW)
    held = sessions.open_for_visit(db, world.bob, third.id, NOW)
    petitions.add(db, world.alice, world.district.id, PetitionKind.COMPLAINT, "Đơn", vault, NOW, visit_id=one.id)
    petition = petitions.add(db, world.alice, world.district.id, PetitionKind.COMPLAINT, "Đơn", vault, NOW)
    cases.link(db, world.alice, case.id, "petition", petition.id, NOW)
    visits.to_denunciation(db, world.alice, third.id, vault, NOW)
    sessions.open_plain(db, SYSTEM, "Thử", NOW)
    grants = [("case", case.id), ("visit", two.id), ("session", live.id), ("session", held.id), ("sitting", sitting.id)]
    for number, (kind, object_id) in enumerate(grants):
        user = people.add_user(db, SYSTEM, f"guest{number}", f"Guest {number}", NOW)
        people.grant(db, SYSTEM, user.id, kind, object_id, Right.READ, "Được giao", LATER, NOW)
    site = people.add_user(db, SYSTEM, "guest.site", "Guest", NOW)
    people.grant(db, SYSTEM, site.id, "site", world.other_province.id, Right.READ, "Được giao", LATER, NOW)
    db.flush()


MODELS: tuple[type[Any], ...] = (Visit, ReceptionSession, Case, Petition, Sitting)


def test_a_list_shows_exactly_what_can_be_opened(db: Session, world: World, vault: Vault) -> None:
    """For every user, kind and moment: the condition of lists and the door agree."""
    _populate(db, world, vault)
    for moment in (NOW, NOW + dt.timedelta(days=60)):
        for user in people.list_users(db, SYSTEM, NOW):
            actor = people.actor_of(db, user.id, moment)
            for model in MODELS:
                listed = set(db.scalars(sa.select(model.id).where(access.readable(db, actor, model, moment))))
                opened = {
                    row.id
                    for row in db.scalars(sa.select(model))
                    if Right.READ in access.rights_on(db, actor, access.subject_of(db, row), moment)
                }
                assert listed == opened, (user.login, model.__name__)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    roles=st.lists(
        st.tuples(st.sampled_from(["central", "province", "district", "other_district"]), st.sampled_from(Role))
    )
)
def test_no_role_outside_the_branch_ever_opens_anything(
    db: Session, world: World, vault: Vault, roles: list[tuple[str, Role]]
) -> None:
    """Whatever roles one holds: rights at the district come only from the district and what stands above it."""
    with db.begin_nested() as undo:
        visit = registered(db, world.alice, world.district, vault)
        secret = registered(db, world.alice, world.district, vault, kind=PetitionKind.DENUNCIATION)
        actor = add_actor(db, f"u{new_id()}", *((getattr(world, name), role) for name, role in roles))
        rights = access.rights_on(db, actor, access.subject_of(db, visit), NOW)
        above = [role for name, role in roles if name != "other_district"]
        assert rights == frozenset().union(*(access.ROLE_RIGHTS[role] for role in above))
        hidden = access.rights_on(db, actor, access.subject_of(db, secret), NOW)
        assert bool(hidden) == (("district", Role.SITE_OFFICER) in roles)
        undo.rollback()
