"""Links, moves, joined files: every step can be taken back, needs a second person once locked, and changes rights at
once; lists never show what cannot be opened."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from rooms import access, cases, filed, people, sessions
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, RoomsError, WrongState
from rooms.models import AuditEntry, Case, CaseLink, ReceptionSession, Visit
from rooms.vault import Vault
from rooms.words import CaseState, LinkPending, SessionState
from tests.support.actors import World
from tests.support.factories import NOW, open_case, registered

LATER = NOW + dt.timedelta(hours=1)


@dataclass
class Matter:
    """Three files, a visit whose session is locked, one that had none, and an inspector with a grant on each file."""

    files: list[Case]
    visits: list[Visit]
    actors: list[Actor]


@pytest.fixture
def matter(db: Session, world: World, vault: Vault) -> Matter:
    files = [open_case(db, world.alice, world.district, title=f"Vụ {n}") for n in range(3)]
    visits = [registered(db, world.alice, world.district, vault) for _ in range(2)]
    session = sessions.open_for_visit(db, world.bob, visits[0].id, NOW)
    session.state, session.closed_at = SessionState.LOCKED, NOW
    sessions.open_for_visit(db, world.bob, visits[1].id, NOW).state = SessionState.CLOSED
    readers = []
    for number, case in enumerate(files):
        user = people.add_user(db, world.adam, f"ivan{number}", "Thanh tra", NOW)
        until = NOW + dt.timedelta(days=30)
        people.grant(db, world.dora, user.id, "case", case.id, Right.REPLAY, "Quyết định", until, NOW)
        readers.append(people.actor_of(db, user.id, NOW))
    db.flush()
    return Matter(files, visits, readers)


def shown(db: Session, actor: Actor, model: type) -> set[str]:
    return set(db.scalars(sa.select(model.id).where(access.readable(db, actor, model, LATER))))  # type: ignore[attr-defined]


def opened(db: Session, actor: Actor, model: type) -> set[str]:
    found = set()
    for thing in db.scalars(sa.select(model)):
        try:
            access.check(db, actor, thing, Right.READ, LATER)
            found.add(thing.id)
        except (NotFound, Forbidden):
            continue
    return found


def picture(db: Session, matter: Matter) -> list[tuple[str, ...]]:
    """What belongs where, and who sees it."""
    held = [filed.of_case(db, case.id).everything() for case in matter.files]
    seen = [tuple(sorted(shown(db, one, Visit))) for one in matter.actors]
    return [tuple(sorted(one)) for one in held] + seen + [tuple(case.state.value for case in matter.files)]


def test_rights_follow_a_move_at_once(db: Session, world: World, matter: Matter) -> None:
    first, second, _ = matter.files
    row = cases.link(db, world.rita, first.id, "visit", matter.visits[0].id, NOW, reason="Cùng việc")
    assert shown(db, matter.actors[0], Visit) == set(), "a link that waits gives no right"
    cases.confirm_link(db, world.dora, row.id, NOW)
    assert shown(db, matter.actors[0], Visit) == {matter.visits[0].id}
    made = cases.move(db, world.rita, row.id, second.id, "Nhầm hồ sơ", LATER)
    assert (made.pending, row.pending) == (LinkPending.LINK, LinkPending.UNLINK)
    assert shown(db, matter.actors[0], Visit) == {matter.visits[0].id}, "a move that waits changes nothing"
    with pytest.raises(Conflict):
        cases.move(db, world.rita, row.id, second.id, "Lại", LATER)
    with pytest.raises(Forbidden):
        cases.confirm_link(db, world.rita, made.id, LATER)
    cases.confirm_link(db, world.dora, made.id, LATER)
    assert shown(db, matter.actors[0], Visit) == set()
    assert shown(db, matter.actors[1], Visit) == {matter.visits[0].id}
    assert row.unlinked_at == LATER and made.replaces_id == row.id
    assert access.load_recording(db, matter.actors[1], filed.of_case(db, second.id).sessions[0], now=LATER)


@pytest.mark.parametrize("half", ["old", "new"])
def test_a_move_is_refused_whole(db: Session, world: World, matter: Matter, half: str) -> None:
    first, second, _ = matter.files
    row = cases.link(db, world.rita, first.id, "visit", matter.visits[0].id, NOW, reason="Cùng việc")
    cases.confirm_link(db, world.dora, row.id, NOW)
    before = picture(db, matter)
    made = cases.move(db, world.rita, row.id, second.id, "Nhầm hồ sơ", LATER)
    with pytest.raises(Invalid):
        cases.reject_link(db, world.dora, made.id, "", LATER)
    cases.reject_link(db, world.dora, (row if half == "old" else made).id, "Không nhầm", LATER)
    assert picture(db, matter) == before
    assert (row.pending, row.unlinked_at, made.unlinked_at) == (LinkPending.NONE, None, LATER)
    with pytest.raises(WrongState):
        cases.confirm_link(db, world.dora, made.id, LATER)


def test_who_asked_may_take_it_back_and_strangers_may_not(db: Session, world: World, matter: Matter) -> None:
    row = cases.link(db, world.rita, matter.files[0].id, "visit", matter.visits[0].id, NOW, reason="Cùng việc")
    with pytest.raises(Forbidden):
        cases.reject_link(db, world.alice, row.id, "Không", NOW)
    with pytest.raises(NotFound):
        cases.reject_link(db, world.charlie, row.id, "Không", NOW)
    assert cases.reject_link(db, world.rita, row.id, "Nhầm", NOW).unlinked_at == NOW


def test_joining_files_with_a_locked_record_needs_a_second_person(db: Session, world: World, matter: Matter) -> None:
    first, second, third = matter.files
    row = cases.link(db, world.rita, first.id, "visit", matter.visits[0].id, NOW, reason="Cùng việc")
    cases.confirm_link(db, world.dora, row.id, NOW)
    cases.set_case_state(db, world.alice, first.id, CaseState.SETTLED, NOW)
    assert cases.merge(db, world.alice, first.id, second.id, "Cùng vụ", NOW).state is CaseState.SETTLED
    [waiting] = [one for one in cases.links_of(db, world.rita, second.id, NOW) if one.object_kind == "case"]
    with pytest.raises(Conflict):
        cases.merge(db, world.alice, first.id, third.id, "Cùng vụ", NOW)
    with pytest.raises(WrongState):
        cases.unlink(db, world.rita, waiting.id, "Đường khác", NOW)
    cases.confirm_link(db, world.dora, waiting.id, NOW)
    assert first.state is CaseState.MERGED
    assert shown(db, matter.actors[1], Visit) == opened(db, matter.actors[1], Visit) == {matter.visits[0].id}
    cases.merge(db, world.alice, second.id, third.id, "Cùng vụ", NOW)
    [above] = [one for one in cases.links_of(db, world.rita, third.id, NOW) if one.object_kind == "case"]
    cases.confirm_link(db, world.dora, above.id, NOW)
    assert shown(db, matter.actors[2], Visit) == {matter.visits[0].id}, "through two joined files"
    assert matter.visits[0].id in {one.object_id for one in cases.timeline(db, world.alice, third.id, NOW)}
    cases.unmerge(db, world.alice, second.id, "Khác vụ", LATER)
    assert second.state is CaseState.MERGED
    cases.confirm_link(db, world.rita, above.id, LATER)
    assert shown(db, matter.actors[2], Visit) == set()
    cases.unmerge(db, world.alice, first.id, "Khác vụ", LATER)
    cases.confirm_link(db, world.rita, waiting.id, LATER)
    assert (first.state, second.state) == (CaseState.SETTLED, CaseState.OPEN), "as they were before"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["link", "unlink", "move", "merge", "unmerge", "confirm", "reject"]),
        st.integers(0, 2), st.integers(0, 2), st.integers(0, 1),
    ),
    min_size=3, max_size=9,
)  # fmt: skip


def take(db: Session, world: World, matter: Matter, step: tuple[str, int, int, int]) -> None:
    """One step of a careless office; what is refused is refused."""
    what, a, b, v = step
    case, into, visit = matter.files[a], matter.files[b], matter.visits[v]
    live = list(db.scalars(sa.select(CaseLink).where(CaseLink.unlinked_at.is_(None)).order_by(CaseLink.id)))
    asked = [row for row in live if row.pending is not LinkPending.NONE]
    if what == "link":
        cases.link(db, world.rita, case.id, "visit", visit.id, LATER, reason="Nối")
    elif what == "merge":
        cases.merge(db, world.rita, case.id, into.id, "Ghép", LATER)
    elif what == "unmerge":
        cases.unmerge(db, world.rita, case.id, "Gỡ ghép", LATER)
    elif what in ("unlink", "move") and live:
        row = live[(a + v) % len(live)]
        if what == "unlink":
            cases.unlink(db, world.rita, row.id, "Gỡ", LATER)
        else:
            cases.move(db, world.rita, row.id, into.id, "Chuyển", LATER)
    elif asked:
        row = asked[(a + v) % len(asked)]
        if what == "confirm":
            cases.confirm_link(db, world.dora, row.id, LATER)
        else:
            cases.reject_link(db, world.dora, row.id, "Không", LATER)


def take_all_back(db: Session, world: World, matter: Matter) -> None:
    """Refuse what waits, take every joining apart and end every link, with two people."""

    def live() -> list[CaseLink]:
        return list(db.scalars(sa.select(CaseLink).where(CaseLink.unlinked_at.is_(None))))

    for row in live():
        if row.pending is not LinkPending.NONE:
            cases.reject_link(db, world.dora, row.id, "Lùi", LATER)
    while rows := live():
        for row in rows:
            if row.object_kind == "case":
                cases.unmerge(db, world.rita, row.object_id, "Lùi", LATER)
            else:
                cases.unlink(db, world.rita, row.id, "Lùi", LATER)
            if row.pending is not LinkPending.NONE:
                cases.confirm_link(db, world.dora, row.id, LATER)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_course_of_steps_can_be_taken_back(db: Session, world: World, matter: Matter, steps: list) -> None:  # type: ignore[type-arg]
    """Rights: lists show exactly what opens. Trace: no row is lost. Two people: a locked visit never moves by one."""
    outer = db.begin_nested()
    start = picture(db, matter)
    rows = 0
    for step in steps:
        before = filed.cases_of(db, "visit", matter.visits[0].id)
        inner = db.begin_nested()
        try:
            take(db, world, matter, step)
            inner.commit()
        except RoomsError:
            inner.rollback()
        count = db.scalar(sa.select(sa.func.count()).select_from(CaseLink)) or 0
        assert count >= rows, "a trace went"
        rows = count
        if step[0] != "confirm":
            assert filed.cases_of(db, "visit", matter.visits[0].id) == before, "locked, and only one person"
    for actor in matter.actors:
        for model in (Visit, ReceptionSession, Case):
            assert shown(db, actor, model) == opened(db, actor, model)
    take_all_back(db, world, matter)
    assert picture(db, matter) == start
    outer.rollback()


def test_both_the_file_and_the_object_tell_of_it(db: Session, world: World, matter: Matter) -> None:
    row = cases.link(db, world.alice, matter.files[0].id, "visit", matter.visits[1].id, NOW)
    cases.unlink(db, world.alice, row.id, "Nhầm", LATER)
    for kind, name in (("case", matter.files[0].id), ("visit", matter.visits[1].id)):
        told = db.scalars(
            sa.select(AuditEntry.action).where(AuditEntry.object_kind == kind, AuditEntry.object_id == name)
        )
        assert {"link.made", "unlink.made"} <= set(told)
