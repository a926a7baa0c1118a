"""Sessions: opening, ownership, the log, resuming, people."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading

import pytest
from sqlalchemy.orm import Session

from rooms import access, cases, seats, sessions, settings, sittings, visits
from rooms.actor import SYSTEM
from rooms.db import Database
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, RoomsError, StaleEpoch, WrongState
from rooms.manifest import check_events
from rooms.models import ReceptionSession, Visit
from rooms.sessions import NewEvent
from rooms.vault import Vault
from rooms.words import (
    Outcome,
    ParticipantRole,
    ParticipantState,
    PetitionKind,
    RecordMode,
    Role,
    SessionState,
    VisitState,
)
from tests.support.actors import World
from tests.support.factories import NOW, add_actor, registered

S = SessionState
UTC = NOW.timestamp()


@pytest.fixture
def visit(db: Session, world: World, vault: Vault) -> Visit:
    return visits.queue_online(db, world.alice, registered(db, world.alice, world.district, vault).id, NOW)


@pytest.fixture
def session(db: Session, world: World, visit: Visit) -> ReceptionSession:
    return sessions.open_for_visit(db, world.bob, visit.id, NOW)


def test_it_works(world: World, visit: Visit, session: ReceptionSession) -> None:
    """The citizen's point waits, the operator is in, the visit is in session."""
    assert (session.state, session.year, session.number, session.epoch) == (S.OPEN, 2026, 1, 0)
    assert session.record_wanted is RecordMode.FULL
    assert visit.state is VisitState.IN_SESSION
    point, operator = session.participants
    assert (point.site_id, point.role, point.state) == (
        world.district.id, ParticipantRole.POINT, ParticipantState.WAITING,
    )  # fmt: skip
    assert (operator.site_id, operator.role, operator.state, operator.user_id) == (
        world.province.id, ParticipantRole.OPERATOR, ParticipantState.ADMITTED, world.bob.user_id,
    )  # fmt: skip
    assert point.receives_visit
    assert not operator.receives_visit


def test_a_title_names_the_place_not_the_person(session: ReceptionSession) -> None:
    assert session.title == "D1"


def test_sites_that_attend_the_sitting_get_a_seat(db: Session, world: World, vault: Vault) -> None:
    sitting = sittings.open_sitting(db, world.oscar, world.central.id, NOW, chair_name="Bà Chủ Trì")
    sittings.invite_site(db, world.oscar, sitting.id, world.other_province.id, NOW, attends=True)
    visit = registered(db, world.alice, world.district, vault)
    visit.sitting_id = sitting.id
    session = sessions.open_for_visit(db, world.oscar, visit.id, NOW, invite=[world.other_district.id])
    assert [(p.site_id, p.required) for p in session.participants] == [
        (world.district.id, True),
        (world.central.id, True),
        (world.other_province.id, True),
        (world.other_district.id, False),
    ]
    assert session.chair == "Bà Chủ Trì"


def test_a_site_that_only_sends_its_citizens_has_no_part_in_another_visit(
    db: Session, world: World, vault: Vault
) -> None:
    """Both districts are invited to send citizens; each meets its own only, at the table and in the files."""
    sitting = sittings.open_sitting(db, world.oscar, world.central.id, NOW)
    for site in (world.district, world.other_district):
        sittings.invite_site(db, world.oscar, sitting.id, site.id, NOW)
    visit = registered(db, world.alice, world.district, vault)
    other = registered(db, world.charlie, world.other_district, vault)
    visit.sitting_id = other.sitting_id = sitting.id
    case = cases.open_case(db, world.alice, world.district.id, "Vụ việc của D1", NOW, visit_id=visit.id)
    session = sessions.open_for_visit(db, world.oscar, visit.id, NOW)
    own = sessions.open_for_visit(db, world.oscar, other.id, NOW)
    assert [p.site_id for p in session.participants] == [world.district.id, world.central.id]
    assert [p.site_id for p in own.participants] == [world.other_district.id, world.central.id]
    for load, thing in (
        (access.load_session, session), (access.load_recording, session), (access.load_visit, visit),
        (access.load_case, case),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            load(db, world.charlie, thing.id, now=NOW)
    with pytest.raises(NotFound):
        seats.take(db, world.charlie, session.id, NOW)
    assert session not in sessions.list_readable(db, world.charlie, NOW)
    assert seats.take(db, world.charlie, own.id, NOW) is own.participants[0]
    assert access.load_sitting(db, world.charlie, sitting.id, now=NOW) is sitting


def test_an_operator_of_a_site_that_only_sends_opens_no_other_visit(db: Session, world: World, vault: Vault) -> None:
    sitting = sittings.open_sitting(db, world.oscar, world.central.id, NOW)
    sittings.invite_site(db, world.oscar, sitting.id, world.other_province.id, NOW)
    stranger = add_actor(db, "operator2", (world.other_province, Role.OPERATOR))
    visit = registered(db, world.alice, world.district, vault)
    visit.sitting_id = sitting.id
    with pytest.raises(NotFound):
        sessions.open_for_visit(db, stranger, visit.id, NOW)


def test_the_system_seats_no_operator(db: Session, visit: Visit) -> None:
    session = sessions.open_for_visit(db, SYSTEM, visit.id, NOW)
    assert [p.role for p in session.participants] == [ParticipantRole.POINT]


def test_opening_needs_the_right_and_a_registered_visit(db: Session, world: World, vault: Vault, visit: Visit) -> None:
    for actor in (world.alice, world.clara):
        with pytest.raises(Forbidden):
            sessions.open_for_visit(db, actor, visit.id, NOW)
    with pytest.raises(NotFound):
        sessions.open_for_visit(db, world.charlie, visit.id, NOW)
    draft = visits.start(db, world.alice, world.district.id, NOW)
    with pytest.raises(WrongState):
        sessions.open_for_visit(db, world.bob, draft.id, NOW)
    with pytest.raises(NotFound):
        sessions.open_for_visit(db, world.bob, visit.id, NOW, invite=["a" * 24])


def test_one_live_session_per_visit(db: Session, world: World, visit: Visit, session: ReceptionSession) -> None:
    with pytest.raises(WrongState):
        sessions.open_for_visit(db, world.oscar, visit.id, NOW)


def test_a_denunciation_is_not_recorded_even_where_it_may_go_online(db: Session, world: World, vault: Vault) -> None:
    secret = registered(db, world.alice, world.district, vault, kind=PetitionKind.DENUNCIATION)
    with pytest.raises(Forbidden):
        sessions.open_for_visit(db, SYSTEM, secret.id, NOW)
    settings.set_rule(db, world.adam, "online_denunciation", True, "Nghị định ví dụ", NOW)
    session = sessions.open_for_visit(db, SYSTEM, secret.id, NOW)
    assert (session.restricted, session.record_wanted) == (True, RecordMode.OFF)


def test_a_plain_session_belongs_to_the_top(db: Session, world: World) -> None:
    session = sessions.open_plain(db, SYSTEM, "Thử máy", NOW)
    assert (session.site_id, session.visit_id, session.number) == (world.central.id, None, None)
    assert session in sessions.list_readable(db, world.oscar, NOW)
    assert session not in sessions.list_readable(db, world.bob, NOW)
    with pytest.raises(Invalid):
        sessions.open_plain(db, SYSTEM, " ", NOW)
    with pytest.raises(Forbidden):
        sessions.open_plain(db, world.alice, "Thử", NOW)


def test_a_plain_session_needs_no_sites(db: Session) -> None:
    session = sessions.open_plain(db, SYSTEM, "Thử máy", NOW)
    assert session.site_id is None
    added = sessions.add_participant(db, session.id, "cam1", NOW)
    assert [p.id for p in session.participants] == [added.id]


# --- ownership and log -----------------------------------------------------------------------------------------------


def test_taking_the_epoch_is_compare_and_set(db: Session, session: ReceptionSession) -> None:
    assert sessions.take_epoch(db, session.id, "app1", 0) == 1
    with pytest.raises(StaleEpoch):
        sessions.take_epoch(db, session.id, "app2", 0)
    assert sessions.take_epoch(db, session.id, "app2", 1) == 2
    db.refresh(session)
    assert (session.epoch, session.owner) == (2, "app2")
    with pytest.raises(NotFound):
        sessions.take_epoch(db, "a" * 24, "app1", 0)


def test_of_many_apps_exactly_one_takes_it(database: Database) -> None:
    with database.write() as db:
        session_id = sessions.open_plain(db, SYSTEM, "Thử", NOW).id
    won: list[str] = []
    lost: list[type[RoomsError]] = []

    def take(name: str) -> None:
        try:
            with database.write() as db:
                sessions.take_epoch(db, session_id, name, 0)
            won.append(name)
        except RoomsError as error:
            lost.append(type(error))

    threads = [threading.Thread(target=take, args=(f"app{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), lost) == (1, [StaleEpoch] * 5)


def test_the_old_owner_writes_nothing(db: Session, session: ReceptionSession) -> None:
    epoch = sessions.take_epoch(db, session.id, "app1", 0)
    sessions.take_epoch(db, session.id, "app2", epoch)
    with pytest.raises(StaleEpoch):
        sessions.append_events(db, session.id, epoch, [NewEvent(kind="session.opened", utc=UTC)])
    with pytest.raises(StaleEpoch):
        sessions.set_state(db, session.id, epoch, S.RUNNING, NOW)
    with pytest.raises(StaleEpoch):
        sessions.set_record(db, session.id, epoch, RecordMode.FULL, 1)
    assert sessions.events_since(db, session.id, 0) == []


def test_events_form_a_chain(db: Session, session: ReceptionSession) -> None:
    first = NewEvent(kind="session.opened", utc=UTC)
    sessions.append_events(
        db, session.id, 0, [first, NewEvent(kind="people.changed", utc=UTC + 1.5, body={"ü": ["đ", 2]})]
    )
    sessions.append_events(db, session.id, 0, [NewEvent(kind="session.started", utc=UTC + 2)])
    log = sessions.events_since(db, session.id, 0)
    assert [event.number for event in log] == [1, 2, 3]
    assert check_events(session.id, [event.line.encode() for event in log]) == log[-1].hash == session.last_hash
    line = json.loads(log[1].line)
    assert line["previous"] == hashlib.sha256(log[0].line.encode()).hexdigest()
    assert (line["kind"], line["body"]) == ("people.changed", {"ü": ["đ", 2]})
    assert [event.number for event in sessions.events_since(db, session.id, 1, limit=1)] == [2]


@pytest.mark.parametrize(
    ("body", "code"), [({"x": float("nan")}, "event.body"), ({"x": "y" * 20_000}, "event.too_large")]
)
def test_an_event_that_cannot_be_written_is_refused(
    db: Session, session: ReceptionSession, body: dict[str, object], code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        sessions.append_events(db, session.id, 0, [NewEvent(kind="x", utc=UTC, body=body)])
    assert refused.value.code == code
    assert (session.last_event, sessions.events_since(db, session.id, 0)) == (0, [])


def test_a_locked_log_takes_only_its_lock(db: Session, session: ReceptionSession) -> None:
    session.state = S.LOCKED
    with pytest.raises(WrongState):
        sessions.append_events(db, session.id, 0, [NewEvent(kind="bookmark.added", utc=UTC)])
    sessions.append_events(db, session.id, 0, [NewEvent(kind="session.locked", utc=UTC, body={"manifest": "0" * 64})])


# --- states ----------------------------------------------------------------------------------------------------------


def test_closing_gives_fifteen_minutes_to_resume(db: Session, visit: Visit, session: ReceptionSession) -> None:
    sessions.set_state(db, session.id, 0, S.RUNNING, NOW)
    sessions.set_state(db, session.id, 0, S.CLOSED, NOW)
    assert (session.lock_due_at, visit.state) == (NOW + dt.timedelta(minutes=15), VisitState.REGISTERED)
    in_time = NOW + dt.timedelta(minutes=14, seconds=59)
    assert sessions.due_for_lock(db, in_time) == []
    sessions.set_state(db, session.id, 0, S.RUNNING, in_time)
    assert (session.closed_at, session.lock_due_at, visit.state) == (None, None, VisitState.IN_SESSION)
    sessions.set_state(db, session.id, 0, S.CLOSED, in_time)
    late = in_time + dt.timedelta(minutes=15)
    assert sessions.due_for_lock(db, late) == [session.id]
    with pytest.raises(WrongState):
        sessions.set_state(db, session.id, 0, S.RUNNING, late)


def test_closing_brings_a_concluded_visit_to_its_conclusion(
    db: Session, world: World, visit: Visit, session: ReceptionSession
) -> None:
    visits.conclude(db, world.alice, visit.id, Outcome.GUIDE, NOW)
    assert visit.state is VisitState.IN_SESSION
    with pytest.raises(WrongState):
        visits.close(db, world.alice, visit.id, NOW)
    sessions.set_state(db, session.id, 0, S.CLOSED, NOW)
    assert visit.state is VisitState.CONCLUDED
    visits.close(db, world.alice, visit.id, NOW)


@pytest.mark.parametrize("state", list(SessionState))
def test_only_listed_moves_are_made(db: Session, session: ReceptionSession, state: SessionState) -> None:
    for target in SessionState:
        with db.begin_nested() as undo:
            session.state = state
            db.flush()
            if target is state or target in sessions.MOVES[state]:
                assert sessions.set_state(db, session.id, 0, target, NOW).state is target
            else:
                with pytest.raises(WrongState):
                    sessions.set_state(db, session.id, 0, target, NOW)
            undo.rollback()


def test_live_sessions_are_what_a_new_owner_finds(db: Session, session: ReceptionSession) -> None:
    assert sessions.live(db) == [session]
    sessions.set_state(db, session.id, 0, S.CLOSED, NOW)
    assert sessions.live(db) == []
    with pytest.raises(WrongState):
        sessions.add_participant(db, session.id, "spät", NOW)


# --- people ----------------------------------------------------------------------------------------------------------


def test_people_keep_their_label_and_their_trace(db: Session, session: ReceptionSession) -> None:
    point = session.participants[0]
    assert sessions.set_people(
        db, session.id, point.id, [{"name": "A"}, {"name": "B", "capacity": "luật sư"}], NOW
    ) == [
        "p1",
        "p2",
    ]
    later = NOW + dt.timedelta(minutes=1)
    labels = sessions.set_people(db, session.id, point.id, [{"label": "p2", "name": "B"}, {"name": "C"}], later)
    assert labels == ["p2", "p3"]
    db.expire(point, ["people"])
    assert [(p.label, p.name, p.left_at) for p in point.people] == [
        ("p2", "B", None),
        ("p3", "C", None),
        ("p1", "A", later),
    ]


def test_bad_lists_of_people_are_refused(db: Session, session: ReceptionSession) -> None:
    point = session.participants[0]
    for people in ([{"name": " "}], [{"name": "x" * 201}], [{"name": "x"}] * 61):
        with pytest.raises(Invalid):
            sessions.set_people(db, session.id, point.id, people, NOW)
    other = sessions.open_plain(db, SYSTEM, "Khác", NOW)
    with pytest.raises(NotFound):
        sessions.set_people(db, other.id, point.id, [{"name": "x"}], NOW)


def test_answers_to_the_notice_are_kept(db: Session, session: ReceptionSession) -> None:
    point = session.participants[0]
    sessions.set_people(db, session.id, point.id, [{"name": "A"}, {"name": "B"}], NOW)
    sessions.answer_notice(db, session.id, point.id, "", "heard")
    sessions.answer_notice(db, session.id, point.id, "p2", "objects")
    assert [p.notice for p in point.people] == ["heard", "objects"]
    with pytest.raises(Invalid):
        sessions.answer_notice(db, session.id, point.id, "p1", "maybe")
    with pytest.raises(NotFound):
        sessions.answer_notice(db, session.id, point.id, "p9", "heard")


def test_a_participant_is_changed_only_in_its_session(db: Session, session: ReceptionSession) -> None:
    other = sessions.open_plain(db, SYSTEM, "Khác", NOW)
    point = session.participants[0]
    with pytest.raises(NotFound):
        sessions.set_participant(db, other.id, 0, point.id, NOW, state=ParticipantState.REMOVED)
    sessions.set_participant(db, session.id, 0, point.id, NOW, state=ParticipantState.REMOVED, peer="")
    assert point.removed_at == NOW


def test_a_second_session_after_the_first(db: Session, world: World, visit: Visit, session: ReceptionSession) -> None:
    sessions.set_state(db, session.id, 0, S.CLOSED, NOW)
    second = sessions.open_for_visit(db, world.bob, visit.id, NOW)
    assert second.number == 2
    visit.state = VisitState.REGISTERED
    with pytest.raises(Conflict):
        sessions.open_for_visit(db, world.bob, visit.id, NOW)
