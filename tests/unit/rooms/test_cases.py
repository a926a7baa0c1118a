"""Files of matters: opening, suggesting, linking and taking back."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy.orm import Session

from rooms import cases, petitions, sessions, visits
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from rooms.models import CaseLink, Visit
from rooms.vault import Vault
from rooms.words import CaseState, LinkPending, PetitionKind, SessionState
from tests.support.actors import World
from tests.support.factories import NOW, open_case, person, registered

LATER = NOW + dt.timedelta(hours=1)


def locked_visit(db: Session, world: World, vault: Vault) -> Visit:
    """A visit whose session has been locked."""
    visit = registered(db, world.alice, world.district, vault)
    session = sessions.open_for_visit(db, world.bob, visit.id, NOW)
    sessions.set_state(db, session.id, 0, SessionState.CLOSED, NOW)
    session.state = SessionState.LOCKED
    db.flush()
    return visit


def test_it_works(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    case = open_case(db, world.alice, world.district, visit_id=visit.id)
    assert (case.year, case.number, case.kind, case.state) == (2026, 1, PetitionKind.COMPLAINT, CaseState.OPEN)
    assert cases.case_of(db, "visit", visit.id) == case.id


def test_a_title_is_needed(db: Session, world: World) -> None:
    with pytest.raises(Invalid):
        open_case(db, world.alice, world.district, title=" ")


def test_a_link_is_reversible_and_leaves_its_trace(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    case = open_case(db, world.alice, world.district)
    other = open_case(db, world.alice, world.district, title="Vụ khác")
    row = cases.link(db, world.alice, case.id, "visit", visit.id, NOW)
    with pytest.raises(Conflict) as refused:
        cases.link(db, world.alice, other.id, "visit", visit.id, NOW)
    assert refused.value.code == "case.already_linked"
    with pytest.raises(Invalid):
        cases.unlink(db, world.alice, row.id, " ", LATER)
    cases.unlink(db, world.alice, row.id, "Nhầm vụ", LATER)
    cases.link(db, world.alice, other.id, "visit", visit.id, LATER)
    assert cases.case_of(db, "visit", visit.id) == other.id
    [trace] = cases.links_of(db, world.alice, case.id, LATER)
    assert (trace.unlink_reason, trace.unlinked_at) == ("Nhầm vụ", LATER)
    kinds = [entry.kind for entry in cases.timeline(db, world.alice, case.id, LATER)]
    assert kinds == ["case", "link", "unlink"]


def test_once_locked_a_second_person_confirms(db: Session, world: World, vault: Vault) -> None:
    visit = locked_visit(db, world, vault)
    case = open_case(db, world.alice, world.district)
    with pytest.raises(Invalid):
        cases.link(db, world.alice, case.id, "visit", visit.id, NOW)
    row = cases.link(db, world.rita, case.id, "visit", visit.id, NOW, reason="Cùng vụ việc")
    assert (row.pending, cases.case_of(db, "visit", visit.id)) == (LinkPending.LINK, None)
    with pytest.raises(Forbidden) as refused:
        cases.confirm_link(db, world.rita, row.id, NOW)
    assert refused.value.code == "case.same_person"
    with pytest.raises(Forbidden):
        cases.confirm_link(db, world.alice, row.id, NOW)
    cases.confirm_link(db, world.dora, row.id, NOW)
    assert cases.case_of(db, "visit", visit.id) == case.id
    cases.unlink(db, world.rita, row.id, "Nhầm", LATER)
    assert cases.case_of(db, "visit", visit.id) == case.id  # still, until confirmed
    with pytest.raises(Conflict):
        cases.unlink(db, world.rita, row.id, "Nhầm", LATER)
    cases.confirm_link(db, world.dora, row.id, LATER)
    assert cases.case_of(db, "visit", visit.id) is None
    with pytest.raises(WrongState):
        cases.confirm_link(db, world.dora, row.id, LATER)


def test_a_session_follows_its_visit(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    case = open_case(db, world.alice, world.district, visit_id=visit.id)
    session = sessions.open_for_visit(db, world.bob, visit.id, NOW)
    assert cases.case_of(db, "session", session.id) == case.id


def test_a_denunciation_has_a_file_of_its_own(db: Session, world: World, vault: Vault) -> None:
    secret = registered(db, world.alice, world.district, vault, kind=PetitionKind.DENUNCIATION)
    case = open_case(db, world.alice, world.district)
    with pytest.raises(Conflict) as refused:
        cases.link(db, world.alice, case.id, "visit", secret.id, NOW)
    assert refused.value.code == "case.restricted"
    own = open_case(db, world.alice, world.district, title="Vụ riêng", visit_id=secret.id)
    assert (own.restricted, own.pseudonym) == (True, secret.pseudonym)
    with pytest.raises(NotFound):
        cases.timeline(db, world.bob, own.id, NOW)


def test_strangers_link_nothing(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    case = open_case(db, world.alice, world.district)
    with pytest.raises(NotFound):
        cases.link(db, world.charlie, case.id, "visit", visit.id, NOW)
    with pytest.raises(Forbidden):
        cases.link(db, world.clara, case.id, "visit", visit.id, NOW)
    with pytest.raises(NotFound):
        cases.link(db, world.alice, case.id, "user", str(world.bob.user_id), NOW)


def test_merging_can_be_taken_back(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    case = open_case(db, world.alice, world.district, visit_id=visit.id)
    into = open_case(db, world.alice, world.district, title="Vụ chính")
    cases.merge(db, world.alice, case.id, into.id, "Cùng nội dung", NOW)
    assert (case.state, case.merged_into_id) == (CaseState.MERGED, into.id)
    assert visit.id in {entry.object_id for entry in cases.timeline(db, world.alice, into.id, NOW)}
    with pytest.raises(WrongState):
        cases.merge(db, world.alice, into.id, case.id, "Vòng", NOW)
    cases.unmerge(db, world.alice, case.id, "Nhầm", LATER)
    assert (case.state, cases.case_of(db, "visit", visit.id)) == (CaseState.OPEN, case.id)
    shown = [e.kind for e in cases.timeline(db, world.alice, into.id, LATER)]
    assert shown == ["case", "merge", "unlink"]
    with pytest.raises(Invalid):
        cases.merge(db, world.alice, into.id, into.id, "Chính nó", NOW)


def test_similar_matters_are_suggested_with_reasons(db: Session, world: World, vault: Vault) -> None:
    first = registered(db, world.alice, world.district, vault, persons=(person(identity_number="000000000001"),))
    same_person = open_case(db, world.alice, world.district, title="Chế độ thương binh", visit_id=first.id)
    same_words = open_case(db, world.alice, world.district, title="Bồi thường thu hồi đất khu Mẫu")
    open_case(db, world.alice, world.district, title="Tiếng ồn ban đêm")
    open_case(db, world.charlie, world.other_district, title="Bồi thường thu hồi đất nơi khác")
    visit = registered(
        db, world.alice, world.district, vault, content="Đề nghị bồi thường đất thu hồi",
        persons=(person("Tên Khác", identity_number="000000000001"),),
    )  # fmt: skip
    found = cases.suggest(db, world.alice, visit.id, NOW)
    assert [(one.case.id, one.why) for one in found] == [(same_person.id, ("person",)), (same_words.id, ("words",))]


def test_nothing_is_suggested_for_a_denunciation(db: Session, world: World, vault: Vault) -> None:
    registered(db, world.alice, world.district, vault)
    open_case(db, world.alice, world.district)
    secret = registered(db, world.alice, world.district, vault, kind=PetitionKind.DENUNCIATION)
    assert cases.suggest(db, world.alice, secret.id, NOW) == []


def test_the_leader_and_the_next_date_belong_to_the_matter(db: Session, world: World) -> None:
    case = open_case(db, world.alice, world.district)
    on = dt.date(2026, 12, 15)
    cases.update_case(db, world.alice, case.id, NOW, leader="Chủ tịch", next_date=on, crowded=True)
    assert (case.leader, case.next_date, case.crowded, case.complex) == ("Chủ tịch", on, True, False)
    cases.set_case_state(db, world.alice, case.id, CaseState.SETTLED, LATER)
    assert (case.state, case.closed_at) == (CaseState.SETTLED, LATER)


def test_the_time_line_leaves_out_what_one_may_not_see(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    case = open_case(db, world.alice, world.district, visit_id=visit.id)
    far = registered(db, world.charlie, world.other_district, vault)
    db.add(CaseLink(case_id=case.id, object_kind="visit", object_id=far.id, linked_at=NOW))
    petitions.add(db, world.alice, world.district.id, PetitionKind.COMPLAINT, "Đơn", vault, LATER, case_id=case.id)
    visits.queue_online(db, world.alice, visit.id, NOW)
    sessions.open_for_visit(db, world.bob, visit.id, LATER)
    seen = cases.timeline(db, world.alice, case.id, LATER)
    assert [e.kind for e in seen if e.kind != "link"] == ["case", "visit", "petition", "session"]
    assert far.id not in {e.object_id for e in seen if e.kind == "visit"}
    everything = cases.timeline(db, world.oscar, case.id, LATER)
    assert {visit.id, far.id} <= {e.object_id for e in everything if e.kind == "visit"}
    assert [e.at for e in seen] == sorted(e.at for e in seen)
