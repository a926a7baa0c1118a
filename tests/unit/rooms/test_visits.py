"""Visits at the desk, in the queue, in the register, and turned into denunciations."""

from __future__ import annotations

import datetime as dt
import json

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import cases, minutes, people, petitions, seats, sessions, settings, sittings, visits
from rooms.db import Database
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from rooms.models import (
    AuditEntry,
    Base,
    VaultEntry,
    VisitPerson,
)
from rooms.vault import Vault
from rooms.visits import PersonForm
from rooms.words import Outcome, PetitionKind, VisitState
from tests.support.actors import World, build_world
from tests.support.factories import NOW, form, open_case, person, registered

S = VisitState
LATER = NOW + dt.timedelta(minutes=5)


def test_it_works(db: Session, world: World, vault: Vault) -> None:
    """Received, concluded and closed at the desk, without video."""
    visit = visits.start(db, world.alice, world.district.id, NOW)
    assert (visit.state, visit.number, visit.officer_name) == (S.DRAFT, None, "Alice")
    visits.register(db, world.alice, visit.id, form(), vault, NOW)
    assert (visit.state, visit.year, visit.number) == (S.REGISTERED, 2026, 1)
    visits.conclude(db, world.alice, visit.id, Outcome.GUIDE, LATER, text="Đã hướng dẫn")
    visits.close(db, world.alice, visit.id, LATER)
    assert (visit.state, visit.closed_at) == (S.CLOSED, LATER)


def test_a_name_or_not_provided_is_enough(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault, persons=(PersonForm(withheld=True),))
    assert [row.name for row in visit.persons] == ["Không cung cấp"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"content": "  "}, "visit.content_missing"),
        ({"persons": ()}, "visit.person_missing"),
        ({"persons": (PersonForm(),)}, "visit.person_missing"),
        ({"people_count": -1}, "visit.people_count"),
        ({"content": "x" * 20_001}, "visit.text_too_long"),
    ],
)
def test_an_incomplete_entry_is_refused_and_keeps_the_draft(
    db: Session, world: World, vault: Vault, change: dict[str, object], code: str
) -> None:
    visit = visits.start(db, world.alice, world.district.id, NOW)
    visits.save_draft(db, world.alice, visit.id, {"content": "dở dang"}, visit.version, NOW)
    with pytest.raises(Invalid) as refused:
        visits.register(db, world.alice, visit.id, form(**change), vault, NOW)
    assert refused.value.code == code
    assert (visit.state, visit.draft) == (S.DRAFT, {"content": "dở dang"})


def test_numbers_run_per_site_and_year_without_holes(db: Session, world: World, vault: Vault) -> None:
    numbers = [registered(db, world.alice, world.district, vault).number for _ in range(3)]
    other = registered(db, world.charlie, world.other_district, vault)
    next_year = registered(db, world.alice, world.district, vault, now=dt.datetime(2026, 12, 31, 18, tzinfo=dt.UTC))
    assert numbers == [1, 2, 3]
    assert other.number == 1
    assert (next_year.year, next_year.number) == (2027, 1)  # it is already the first of January in Hà Nội


def test_a_rolled_back_entry_leaves_no_hole(database: Database, vault: Vault) -> None:
    with database.write() as db:
        world = build_world(db)
    with pytest.raises(RuntimeError), database.write() as db:
        registered(db, world.alice, world.district, vault)
        raise RuntimeError
    with database.write() as db:
        assert registered(db, world.alice, world.district, vault).number == 1


def test_correcting_keeps_the_number(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    visits.register(db, world.alice, visit.id, form(content="Khác", persons=(person("Trần Thị Mẫu"),)), vault, LATER)
    assert (visit.number, visit.content, [p.name for p in visit.persons]) == (1, "Khác", ["Trần Thị Mẫu"])
    assert len(db.scalars(sa.select(VisitPerson)).all()) == 1


def test_a_stale_form_is_a_conflict(db: Session, world: World, vault: Vault) -> None:
    visit = visits.start(db, world.alice, world.district.id, NOW)
    base = visit.version
    visits.save_draft(db, world.alice, visit.id, {"a": 1}, base, NOW)
    with pytest.raises(Conflict) as refused:
        visits.save_draft(db, world.alice, visit.id, {"a": 2}, base, NOW)
    assert refused.value.code == "visit.changed"
    assert visit.draft == {"a": 1}
    with pytest.raises(Invalid):
        visits.save_draft(db, world.alice, visit.id, {"a": "x" * 70_000}, visit.version, NOW)


def test_training_takes_no_number(db: Session, world: World, vault: Vault) -> None:
    visit = visits.start(db, world.alice, world.district.id, NOW, training=True)
    visits.register(db, world.alice, visit.id, form(), vault, NOW)
    assert (visit.number, visit.training_space_id is None) == (None, False)
    assert visits.register_rows(db, world.alice, world.district.id, NOW.date(), NOW.date(), NOW) == []
    assert registered(db, world.alice, world.district, vault).number == 1


def test_who_may_not_receive_here_gets_nothing(db: Session, world: World, vault: Vault) -> None:
    for actor in (world.charlie, world.clara, world.adam):
        with pytest.raises(Forbidden):
            visits.start(db, actor, world.district.id, NOW)
    visit = registered(db, world.alice, world.district, vault)
    with pytest.raises(NotFound):
        visits.conclude(db, world.charlie, visit.id, Outcome.GUIDE, NOW)


def test_the_queue_is_in_order_of_waiting(db: Session, world: World, vault: Vault) -> None:
    first = registered(db, world.alice, world.district, vault)
    second = registered(db, world.alice, world.district, vault)
    other = registered(db, world.charlie, world.other_district, vault)
    visits.queue_online(db, world.alice, second.id, NOW)
    visits.queue_online(db, world.charlie, other.id, NOW + dt.timedelta(seconds=1))
    visits.queue_online(db, world.alice, first.id, LATER)
    assert visits.queue(db, world.oscar, LATER) == [second, other, first]
    assert visits.queue(db, world.bob, LATER) == [second, first]
    assert [visits.place_in_queue(db, visit) for visit in (second, first, other)] == [1, 2, 1]
    assert [second.queue_number, first.queue_number] == [1, 2]
    visits.unqueue(db, world.alice, second.id, LATER)
    assert (visits.place_in_queue(db, second), visits.place_in_queue(db, first)) == (0, 1)


def test_priority_goes_before_longer_waiting(db: Session, world: World, vault: Vault) -> None:
    """The officer or an operator sets it, for a reason; among those with priority the longest waiting comes first."""
    waiting = [registered(db, world.alice, world.district, vault) for _ in range(4)]
    for minute, visit in enumerate(waiting):
        visits.queue_online(db, world.alice, visit.id, NOW + dt.timedelta(minutes=minute))
    first, second, third, fourth = waiting
    visits.set_priority(db, world.bob, fourth.id, " Người khuyết tật ", LATER)
    visits.set_priority(db, world.alice, third.id, "Người cao tuổi", LATER)
    assert fourth.priority == "Người khuyết tật"
    assert visits.queue(db, world.bob, LATER) == [third, fourth, first, second]
    assert [visits.place_in_queue(db, visit) for visit in waiting] == [3, 4, 1, 2]
    visits.set_priority(db, world.alice, third.id, "", LATER)
    assert visits.queue(db, world.bob, LATER) == [fourth, first, second, third]
    for actor, error in ((world.clara, Forbidden), (world.charlie, NotFound)):
        with pytest.raises(error):
            visits.set_priority(db, actor, first.id, "Vì quen biết", LATER)
    with pytest.raises(Invalid):
        visits.set_priority(db, world.alice, first.id, "x" * 301, LATER)


def test_places_count_all_who_wait_for_the_same_sitting(db: Session, world: World, vault: Vault) -> None:
    sitting = sittings.open_sitting(db, world.oscar, world.central.id, NOW)
    one = registered(db, world.alice, world.district, vault)
    other = registered(db, world.charlie, world.other_district, vault)
    one.sitting_id = other.sitting_id = sitting.id
    visits.queue_online(db, world.alice, one.id, NOW)
    visits.queue_online(db, world.charlie, other.id, LATER)
    assert (visits.place_in_queue(db, one), visits.place_in_queue(db, other)) == (1, 2)


def test_a_draft_cannot_queue(db: Session, world: World) -> None:
    visit = visits.start(db, world.alice, world.district.id, NOW)
    with pytest.raises(WrongState) as refused:
        visits.queue_online(db, world.alice, visit.id, NOW)
    assert (refused.value.code, refused.value.values) == ("visit.wrong_state", {"state": "draft"})


def test_todays_list_has_today_and_what_is_still_open(db: Session, world: World, vault: Vault) -> None:
    old = registered(db, world.alice, world.district, vault, now=NOW - dt.timedelta(days=2))
    done = registered(db, world.alice, world.district, vault, now=NOW - dt.timedelta(days=2))
    visits.no_show(db, world.alice, done.id, NOW)
    new = registered(db, world.alice, world.district, vault)
    assert visits.list_today(db, world.alice, world.district.id, NOW) == [new, old]
    assert visits.list_today(db, world.charlie, world.district.id, NOW) == []


def test_refusal_needs_a_ground_and_ground_three_its_notice(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    with pytest.raises(Invalid):
        visits.refuse(db, world.alice, visit.id, 5, NOW)
    visits.refuse(db, world.alice, visit.id, 3, NOW)
    with pytest.raises(Invalid) as refused:
        visits.close(db, world.alice, visit.id, NOW)
    assert refused.value.code == "visit.notice_missing"
    visits.refuse(db, world.alice, visit.id, 3, NOW, notice="01/TB-TCD ngày 23/11/2026")
    visits.close(db, world.alice, visit.id, NOW)
    assert (visit.state, visit.closed_at) == (S.REFUSED, NOW)


def test_what_is_closed_stays_as_it_is(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    with pytest.raises(WrongState):
        visits.close(db, world.alice, visit.id, NOW)
    visits.conclude(db, world.alice, visit.id, Outcome.GUIDE, NOW)
    visits.close(db, world.alice, visit.id, NOW)
    with pytest.raises(WrongState):
        visits.register(db, world.alice, visit.id, form(), vault, NOW)
    with pytest.raises(WrongState):
        visits.to_denunciation(db, world.alice, visit.id, vault, NOW)


def test_a_transfer_names_the_body(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    with pytest.raises(Invalid):
        visits.conclude(db, world.alice, visit.id, Outcome.TRANSFER, NOW)
    visits.conclude(db, world.alice, visit.id, Outcome.TRANSFER, NOW, body="Sở Ví dụ")
    [row] = visits.register_rows(db, world.alice, world.district.id, NOW.date(), NOW.date(), NOW)
    assert (row.accepted, row.returned, row.transferred) == ("", "", "Sở Ví dụ")


def test_the_register_has_its_columns(db: Session, world: World, vault: Vault) -> None:
    registered(
        db, world.alice, world.district, vault, people_count=12, previous_body="UBND xã Ví Dụ",
        persons=(person(identity_number="000000000001"), person("Lê Văn Hai", address="")),
    )  # fmt: skip
    registered(db, world.alice, world.district, vault, now=NOW + dt.timedelta(days=1))
    [row] = visits.register_rows(db, world.alice, world.district.id, NOW.date(), NOW.date(), NOW)
    assert row.number == "01"
    assert row.day == dt.date(2026, 11, 23)
    assert row.name_address == "Nguyễn Văn Thử - Thôn Mẫu, xã Ví Dụ; Lê Văn Hai"
    assert row.identity == "000000000001"
    assert (row.content, row.kind_people, row.previous_body) == ("Bồi thường đất", "Khiếu nại/12", "UBND xã Ví Dụ")


# --- denunciation ----------------------------------------------------------------------------------------------------

NAME, HOME, NUMBER = "Phạm Thị Bí Mật", "Thôn Kín, xã Ẩn", "000000000009"


def _everything(db: Session) -> str:
    """All that the database holds outside the vault, as text."""
    found = []
    for table in Base.metadata.sorted_tables:
        if table.name != VaultEntry.__tablename__:
            found += [
                json.dumps([str(value) for value in row], ensure_ascii=False) for row in db.execute(table.select())
            ]
    return "\n".join(found)


def test_a_registered_denouncer_is_nowhere_but_in_the_vault(db: Session, world: World, vault: Vault) -> None:
    secret = person(NAME, address=HOME, identity_number=NUMBER, phone="0900 000 777")
    visit = visits.start(db, world.alice, world.district.id, NOW)
    visits.save_draft(db, world.alice, visit.id, {"name": NAME}, visit.version, NOW)
    entry = form(PetitionKind.DENUNCIATION, content=f"{NAME} tố cáo cán bộ xã", persons=(secret,))
    visits.register(db, world.alice, visit.id, entry, vault, NOW)
    db.flush()
    kept = _everything(db)
    for word in (NAME, HOME, NUMBER, "0900 000 777", "bi mat"):
        assert word not in kept
    assert visit.pseudonym.startswith("NTC-")
    assert visit.content == f"{visit.pseudonym} tố cáo cán bộ xã"
    [row] = visits.register_rows(db, world.alice, world.district.id, NOW.date(), NOW.date(), NOW)
    assert (row.name_address, row.identity, row.restricted) == (visit.pseudonym, "", True)


def test_turning_into_a_denunciation_mid_session(db: Session, world: World, vault: Vault) -> None:
    """The operator presses the button: names leave every table, session and petition are restricted, links end."""
    secret = person(NAME, address=HOME, identity_number=NUMBER)
    visit = registered(db, world.alice, world.district, vault, persons=(secret,))
    case = open_case(db, world.alice, world.district, visit_id=visit.id)
    petition = petitions.add(
        db, world.alice, world.district.id, PetitionKind.COMPLAINT, f"Đơn của {NAME}", vault, NOW,
        petitioner=NAME, address=HOME, visit_id=visit.id,
    )  # fmt: skip
    session = sessions.open_for_visit(db, world.bob, visit.id, NOW, invite=[world.other_district.id])
    point = next(p for p in session.participants if p.receives_visit)
    sessions.set_people(db, session.id, point.id, [{"name": NAME}], NOW)
    book = minutes.prefill(db, world.alice, NOW, session_id=session.id)
    minutes.add_line(db, world.alice, book.id, f"Bà {NAME} trình bày", NOW, speaker=NAME)
    visits.to_denunciation(db, world.bob, visit.id, vault, NOW)
    db.flush()
    kept = _everything(db)
    for word in (NAME, HOME, NUMBER):
        assert word not in kept
    assert (visit.restricted, visit.kind, session.restricted, petition.restricted) == (
        True, PetitionKind.DENUNCIATION, True, True,
    )  # fmt: skip
    assert cases.case_of(db, "visit", visit.id) is None
    [link] = cases.links_of(db, world.alice, case.id, NOW)
    assert link.unlink_reason == "restricted"  # the trace says no more
    for actor in (world.bob, world.charlie, world.dora):
        with pytest.raises(NotFound):
            seats.take(db, actor, session.id, NOW)
    assert visits.to_denunciation(db, world.alice, visit.id, vault, NOW).restricted  # twice is harmless
    assert len(db.scalars(sa.select(VaultEntry)).all()) == 2


def test_a_denunciation_never_becomes_ordinary_again(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault, kind=PetitionKind.DENUNCIATION)
    with pytest.raises(Conflict) as refused:
        visits.register(db, world.alice, visit.id, form(PetitionKind.COMPLAINT), vault, NOW)
    assert refused.value.code == "visit.stays_restricted"


def test_correcting_a_denunciation_keeps_its_pseudonym(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault, kind=PetitionKind.DENUNCIATION)
    before = visit.pseudonym
    entry = form(PetitionKind.DENUNCIATION, content="Sửa", persons=(PersonForm(name=before),))
    visits.register(db, world.alice, visit.id, entry, vault, NOW)
    assert [row.name for row in visit.persons] == [before]
    assert len(db.scalars(sa.select(VaultEntry)).all()) == 1


def test_denunciations_go_online_only_where_the_rules_allow_it(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault, kind=PetitionKind.DENUNCIATION)
    with pytest.raises(Forbidden) as refused:
        visits.queue_online(db, world.alice, visit.id, NOW)
    assert refused.value.code == "visit.denunciation_offline"
    settings.set_rule(db, world.adam, "online_denunciation", True, "Nghị định ví dụ", NOW)
    assert visits.queue_online(db, world.alice, visit.id, NOW).state is S.QUEUED


def test_turning_needs_a_right(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    with pytest.raises(Forbidden):
        visits.to_denunciation(db, world.clara, visit.id, vault, NOW)
    with pytest.raises(NotFound):
        visits.to_denunciation(db, world.charlie, visit.id, vault, NOW)


def test_the_log_holds_no_names(db: Session, world: World, vault: Vault) -> None:
    registered(db, world.alice, world.district, vault, persons=(person(NAME),))
    people.set_active(db, world.adam, str(world.ivan.user_id), False, NOW)
    for entry in db.scalars(sa.select(AuditEntry)):
        assert NAME not in json.dumps([entry.action, entry.reason, entry.detail], ensure_ascii=False)
