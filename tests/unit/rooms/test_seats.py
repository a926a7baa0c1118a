"""Who sits where: nobody is pushed off a seat, whoever was away comes back to his own."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy.orm import Session

from rooms import seats, sessions, sittings, tickets
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound, TicketRefused, WrongState
from rooms.models import Participant, ReceptionSession
from rooms.sessions import NewEvent
from rooms.vault import Vault
from rooms.words import ParticipantRole, ParticipantState, Role, SessionState, TicketKind
from tests.support.actors import World
from tests.support.factories import NOW, add_actor, registered

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def session(db: Session, world: World, vault: Vault) -> ReceptionSession:
    """alice's visit at the district, operated by oscar at the centre; the other province attends."""
    sitting = sittings.open_sitting(db, world.oscar, world.central.id, NOW)
    sittings.invite_site(db, world.oscar, sitting.id, world.other_province.id, NOW, attends=True)
    visit = registered(db, world.alice, world.district, vault)
    visit.sitting_id = sitting.id
    opened = sessions.open_for_visit(db, world.oscar, visit.id, NOW)
    for row in opened.participants:
        row.state = ParticipantState.ADMITTED if row.user_id == world.oscar.user_id else ParticipantState.INVITED
    return opened


def comes(row: Participant, device: str = "dev") -> Participant:
    """The seat's page is there."""
    row.state, row.peer = ParticipantState.JOINED, device
    return row


def loses(db: Session, row: Participant, at: dt.datetime) -> None:
    """The seat's line breaks."""
    row.state = ParticipantState.LOST
    event = NewEvent(kind="participant.lost", utc=at.timestamp(), body={"participant": row.id})
    sessions.append_events(db, row.session_id, 0, [event])


def test_each_person_has_the_seat_noted_for_them(db: Session, world: World, session: ReceptionSession) -> None:
    point, operator, province = session.participants
    assert seats.take(db, world.alice, session.id, NOW) is point
    assert seats.take(db, world.oscar, session.id, NOW) is operator
    paula = add_actor(db, "paula", (world.other_province, Role.SITE_OFFICER))
    assert seats.take(db, paula, session.id, NOW) is province
    assert province.user_id == paula.user_id
    with pytest.raises(NotFound):
        seats.take(db, world.charlie, session.id, NOW)


def test_a_colleague_does_not_push_out_who_is_there(db: Session, world: World, session: ReceptionSession) -> None:
    point = comes(seats.take(db, world.alice, session.id, NOW))
    anna = add_actor(db, "anna", (world.district, Role.SITE_OFFICER))
    mine = seats.take(db, anna, session.id, NOW)
    assert mine is not point
    assert (mine.role, mine.site_id, mine.user_id) == (ParticipantRole.VIEWER, world.district.id, anna.user_id)
    assert (mine.state, mine.publish, mine.writes) == (ParticipantState.INVITED, [], True)
    assert seats.take(db, anna, session.id, NOW) is mine, "the same person comes back to the same seat"
    assert seats.take(db, world.alice, session.id, NOW) is point


def test_a_clerk_looks_on_and_writes(db: Session, world: World, session: ReceptionSession) -> None:
    """Even before alice is there: the seat of the point is noted for her."""
    mine = seats.take(db, world.clara, session.id, NOW)
    assert (mine.role, mine.writes) == (ParticipantRole.VIEWER, True)
    assert seats.take(db, world.alice, session.id, NOW) is session.participants[0]


def test_others_of_a_site_that_takes_part_look_on(db: Session, world: World, session: ReceptionSession) -> None:
    province = session.participants[2]
    paula = add_actor(db, "paula", (world.other_province, Role.SITE_OFFICER))
    comes(seats.take(db, paula, session.id, NOW))
    for login, role in (("quyen", Role.COMPETENT), ("hoso", Role.RECORDS), ("thuky", Role.CLERK)):
        other = add_actor(db, login, (world.other_province, role))
        if role is Role.RECORDS:  # reads recordings below its site, which this session is not
            with pytest.raises(NotFound):
                seats.take(db, other, session.id, NOW)
            continue
        seat = seats.take(db, other, session.id, NOW)
        assert seat is not province
        assert (seat.role, seat.writes, seat.state) == (ParticipantRole.VIEWER, False, ParticipantState.INVITED)
    rita = add_actor(db, "rita2", (world.central, Role.RECORDS))
    beside = seats.take(db, rita, session.id, NOW)
    assert (beside.role, beside.state) == (ParticipantRole.VIEWER, ParticipantState.ADMITTED), "the operator's own site"


def test_a_competent_person_sits_down_where_the_seat_is_free(
    db: Session, world: World, session: ReceptionSession
) -> None:
    province = session.participants[2]
    quyen = add_actor(db, "quyen", (world.other_province, Role.COMPETENT))
    assert seats.take(db, quyen, session.id, NOW) is province
    comes(province)
    paula = add_actor(db, "paula", (world.other_province, Role.SITE_OFFICER))
    assert seats.take(db, paula, session.id, NOW).role is ParticipantRole.VIEWER


def test_the_next_shift_takes_over_from_who_never_came(db: Session, world: World, session: ReceptionSession) -> None:
    point = session.participants[0]
    anna = add_actor(db, "anna", (world.district, Role.SITE_OFFICER))
    assert seats.take(db, anna, session.id, NOW) is point
    comes(point)
    assert seats.take(db, world.alice, session.id, NOW).role is ParticipantRole.VIEWER


def test_a_lost_seat_is_kept_for_a_minute(db: Session, world: World, session: ReceptionSession) -> None:
    point = comes(seats.take(db, world.alice, session.id, NOW))
    _, resume = tickets.issue(
        db, TicketKind.PAGE, NOW, dt.timedelta(hours=1), participant_id=point.id, user_id=world.alice.user_id
    )
    loses(db, point, NOW)
    anna = add_actor(db, "anna", (world.district, Role.SITE_OFFICER))
    assert seats.take(db, anna, session.id, NOW + 0.9 * MINUTE).role is ParticipantRole.VIEWER
    assert seats.take(db, anna, session.id, NOW + 1.1 * MINUTE) is point
    with pytest.raises(TicketRefused):
        tickets.redeem(db, resume, TicketKind.PAGE, NOW + 1.1 * MINUTE)


def test_two_who_come_at_once_do_not_take_turns(db: Session, world: World, session: ReceptionSession) -> None:
    point = seats.take(db, world.alice, session.id, NOW)
    tickets.issue(db, TicketKind.PAGE, NOW, 5 * MINUTE, participant_id=point.id, user_id=world.alice.user_id)
    anna = add_actor(db, "anna", (world.district, Role.SITE_OFFICER))
    assert seats.take(db, anna, session.id, NOW).role is ParticipantRole.VIEWER
    assert seats.take(db, world.alice, session.id, NOW) is point


def test_a_device_that_stands_at_a_site_sits_there(db: Session, world: World, session: ReceptionSession) -> None:
    """dora's province is above the district; at the district's desk she may sit down when the seat is nobody's."""
    point = session.participants[0]
    point.user_id = None
    with pytest.raises(NotFound):
        seats.take(db, world.dora, session.id, NOW)
    assert seats.take(db, world.dora, session.id, NOW, site_id=world.district.id) is point


def test_another_operator_gets_a_seat_to_operate_from(db: Session, world: World, session: ReceptionSession) -> None:
    otto = add_actor(db, "otto", (world.central, Role.OPERATOR))
    seat = seats.take(db, otto, session.id, NOW)
    assert (seat.role, seat.site_id, seat.name) == (
        ParticipantRole.OPERATOR, world.central.id, "Điểm cầu TW (điều hành)",
    )  # fmt: skip
    assert seats.to_operate(db, otto, session.id, NOW) is seat
    assert seats.to_act(db, world.oscar, session.id, NOW) is session.participants[1]
    point = seats.take(db, add_actor(db, "anna", (world.district, Role.SITE_OFFICER)), session.id, NOW)
    assert point is session.participants[0], "the operators took no point's seat"


@pytest.mark.parametrize("login", ["alice", "clara"])
def test_only_operators_operate(db: Session, world: World, session: ReceptionSession, login: str) -> None:
    person: Actor = getattr(world, login)
    for way in (seats.to_operate, seats.to_act):
        with pytest.raises(Forbidden):
            way(db, person, session.id, NOW)


def test_who_was_removed_finds_no_other_way_in(db: Session, world: World, session: ReceptionSession) -> None:
    mine = seats.take(db, world.clara, session.id, NOW)
    mine.state = ParticipantState.REMOVED
    db.flush()
    with pytest.raises(NotFound):
        seats.take(db, world.clara, session.id, NOW)


def test_a_session_that_is_over_gets_no_new_seats(db: Session, world: World, session: ReceptionSession) -> None:
    sessions.set_state(db, session.id, 0, SessionState.CLOSED, NOW)
    with pytest.raises(WrongState):
        seats.take(db, world.clara, session.id, NOW)
    assert seats.take(db, world.alice, session.id, NOW) is session.participants[0]
