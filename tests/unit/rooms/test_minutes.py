"""Minutes: prefilled, one pen, corrections in the open, frozen."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy.orm import Session

from rooms import minutes, search, sessions, sittings, visits
from rooms.actor import SYSTEM
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from rooms.minutesform import SECTIONS
from rooms.models import Minutes, ReceptionSession, Visit
from rooms.sessions import NewEvent
from rooms.vault import Vault
from rooms.words import LineKind, MinutesState, SessionState
from tests.support.actors import World
from tests.support.factories import NOW, person, registered

LATER = NOW + dt.timedelta(seconds=90)


@pytest.fixture
def visit(db: Session, world: World, vault: Vault) -> Visit:
    sitting = sittings.open_sitting(
        db, world.bob, world.province.id, NOW, chair_name="Bà Chủ Trì", chair_title="Phó Ban"
    )
    visit = registered(
        db, world.alice, world.district, vault, demand="Đề nghị xem xét",
        persons=(person(identity_number="000000000001"),),
    )  # fmt: skip
    visit.sitting_id = sitting.id
    return visit


@pytest.fixture
def session(db: Session, world: World, visit: Visit) -> ReceptionSession:
    return sessions.open_for_visit(db, world.bob, visit.id, NOW)


@pytest.fixture
def book(db: Session, world: World, session: ReceptionSession) -> Minutes:
    return minutes.prefill(db, world.clara, NOW, session_id=session.id)


def texts(db: Session, book: Minutes) -> dict[str, str]:
    return {section["key"]: section["text"] for section in minutes.view(db, book.id)["sections"]}


def test_it_works(db: Session, world: World, book: Minutes) -> None:
    """The sections of TCD_20 hold beforehand what the register and the session know."""
    found = texts(db, book)
    assert list(found) == list(SECTIONS)
    assert "Vào hồi 09 giờ 00 phút, ngày 23 tháng 11 năm 2026." in found["opening"]
    assert "Các điểm cầu: Điểm cầu D1; Điểm cầu P1." in found["opening"]
    assert found["receivers"] == "Chủ trì: Bà Chủ Trì - Phó Ban\nNgười tiếp công dân: Alice"
    assert found["persons"] == ("1. Nguyễn Văn Thử (công dân); giấy tờ số 000000000001; địa chỉ: Thôn Mẫu, xã Ví Dụ")
    assert (found["content"], found["demand"]) == ("Bồi thường đất", "Đề nghị xem xét")
    assert "đọc lại" in found["closing"]


def test_asking_again_gives_the_same(db: Session, world: World, session: ReceptionSession, book: Minutes) -> None:
    assert minutes.prefill(db, world.bob, NOW, session_id=session.id) is book
    assert minutes.prefill(db, world.alice, NOW, visit_id=str(session.visit_id)) is book


def test_a_session_goes_on_with_what_the_desk_began(db: Session, world: World, visit: Visit) -> None:
    begun = minutes.prefill(db, world.alice, NOW, visit_id=visit.id)
    minutes.save_section(db, world.alice, begun.id, "content", "Đã ghi tại bàn", 0, NOW)
    session = sessions.open_for_visit(db, world.bob, visit.id, LATER)
    assert minutes.prefill(db, world.bob, LATER, session_id=session.id) is begun
    assert texts(db, begun)["content"] == "Đã ghi tại bàn"


def test_a_plain_session_has_minutes_too(db: Session) -> None:
    session = sessions.open_plain(db, SYSTEM, "Thử", NOW)
    book = minutes.prefill(db, SYSTEM, NOW, session_id=session.id)
    minutes.add_line(db, SYSTEM, book.id, "Một", NOW)
    assert minutes.for_print(db, SYSTEM, book.id, NOW)["head"]["body"] == ""


def test_lines_carry_both_clocks(db: Session, world: World, book: Minutes) -> None:
    line = minutes.add_line(db, world.clara, book.id, "Công dân trình bày", LATER, speaker="Công dân")
    earlier = minutes.add_line(db, world.clara, book.id, "Mở đầu", LATER, at_s=5.0)
    assert (line.at, line.at_s) == (LATER, 90.0)
    assert (earlier.at, earlier.at_s) == (NOW + dt.timedelta(seconds=5), 5.0)
    assert [row["text"] for row in minutes.view(db, book.id)["lines"]] == ["Mở đầu", "Công dân trình bày"]


def test_one_writes_at_a_time_until_another_takes_the_pen(db: Session, world: World, book: Minutes) -> None:
    minutes.take(db, world.clara, book.id, "device-a", NOW)
    with pytest.raises(Conflict) as refused:
        minutes.add_line(db, world.bob, book.id, "Tôi cũng ghi", NOW)
    assert refused.value.code == "minutes.other_writer"
    with pytest.raises(Conflict):  # the same person in a second tab
        minutes.add_line(db, world.clara, book.id, "x", NOW, device="device-b")
    minutes.take(db, world.bob, book.id, "device-c", NOW)
    with pytest.raises(Conflict):
        minutes.save_section(db, world.clara, book.id, "content", "x", 0, NOW, device="device-a")
    minutes.add_line(db, world.bob, book.id, "Nay tôi ghi", NOW, device="device-c")
    assert minutes.view(db, book.id)["writer_name"] == "Bob"


def test_a_pen_left_lying_is_free_again(db: Session, world: World, book: Minutes) -> None:
    minutes.take(db, world.clara, book.id, "", NOW)
    free = NOW + minutes.LEASE
    minutes.add_line(db, world.bob, book.id, "Ghi tiếp", free)
    assert book.writer_id == world.bob.user_id


def test_sections_guard_against_lost_edits(db: Session, world: World, book: Minutes) -> None:
    minutes.save_section(db, world.clara, book.id, "opinions", "Một", 0, NOW)
    with pytest.raises(Conflict) as refused:
        minutes.save_section(db, world.clara, book.id, "opinions", "Hai", 0, NOW)
    assert (refused.value.code, refused.value.values["version"]) == ("minutes.changed", 1)
    with pytest.raises(NotFound):
        minutes.save_section(db, world.clara, book.id, "nonsense", "x", 0, NOW)


def test_corrections_leave_the_old_text_readable(db: Session, world: World, book: Minutes) -> None:
    line = minutes.add_line(db, world.clara, book.id, "Sai", NOW, speaker="Chủ trì")
    minutes.correct_line(db, world.clara, book.id, line.id, "Gần đúng", LATER)
    minutes.correct_line(db, world.clara, book.id, line.id, "Đúng", LATER)  # page may still know the first id
    [shown] = minutes.view(db, book.id)["lines"]
    assert (shown["id"], shown["text"], shown["speaker"], shown["at_s"]) == (line.id, "Đúng", "Chủ trì", 0.0)
    assert [old["text"] for old in shown["history"]] == ["Sai", "Gần đúng"]
    minutes.correct_line(db, world.clara, book.id, line.id, "", LATER)
    assert minutes.view(db, book.id)["lines"][0]["struck"]
    assert minutes.for_print(db, world.clara, book.id, NOW)["lines"] == []


def test_a_line_of_other_minutes_is_not_found(db: Session, world: World, book: Minutes) -> None:
    plain = sessions.open_plain(db, SYSTEM, "Khác", NOW)
    other = minutes.prefill(db, SYSTEM, NOW, session_id=plain.id)
    line = minutes.add_line(db, SYSTEM, other.id, "x", NOW)
    with pytest.raises(NotFound):
        minutes.correct_line(db, world.clara, book.id, line.id, "y", NOW)


def test_bookmarks_need_no_pen(db: Session, world: World, book: Minutes) -> None:
    minutes.take(db, world.clara, book.id, "", NOW)
    mark = minutes.add_line(db, world.bob, book.id, "", LATER, kind=LineKind.BOOKMARK)
    assert (mark.kind, mark.at_s) == (LineKind.BOOKMARK, 90.0)
    with pytest.raises(Forbidden):
        minutes.add_line(db, world.rita, book.id, "", LATER, kind=LineKind.BOOKMARK)
    with pytest.raises(Invalid):
        minutes.add_line(db, world.clara, book.id, " ", LATER)


def test_frozen_minutes_take_nothing_more(db: Session, world: World, book: Minutes) -> None:
    line = minutes.add_line(db, world.clara, book.id, "Một", NOW)
    minutes.freeze(db, world.clara, book.id, LATER)
    assert (book.state, book.frozen_at, len(book.frozen_sha256)) == (MinutesState.FROZEN, LATER, 64)
    assert book.frozen_sha256 == minutes.content_hash(db, book.id)
    for attempt in (
        lambda: minutes.add_line(db, world.clara, book.id, "x", LATER),
        lambda: minutes.correct_line(db, world.clara, book.id, line.id, "x", LATER),
        lambda: minutes.save_section(db, world.clara, book.id, "content", "x", 0, LATER),
        lambda: minutes.take(db, world.bob, book.id, "", LATER),
        lambda: minutes.freeze(db, world.clara, book.id, LATER),
    ):
        with pytest.raises(WrongState):
            attempt()


def test_frozen_minutes_are_found_by_their_words(
    db: Session, world: World, session: ReceptionSession, book: Minutes
) -> None:
    minutes.add_line(db, world.clara, book.id, "Mương thoát nước bị lấp", NOW)
    minutes.freeze(db, world.clara, book.id, LATER)
    [group] = search.find(db, world.alice, "muong thoat", search.Filters(), LATER).groups
    assert [(hit.object_id, hit.why[0].field) for hit in group.hits] == [(session.id, "minutes")]


def test_unsigned_is_a_state(db: Session, world: World, book: Minutes) -> None:
    with pytest.raises(WrongState):
        minutes.sign(db, world.alice, book.id, "citizen", "paper", NOW)
    minutes.freeze(db, world.clara, book.id, NOW)
    minutes.sign(db, world.alice, book.id, "citizen", "unsigned", NOW, note="Công dân đã về")
    minutes.sign(db, world.alice, book.id, "citizen", "fingerprint", LATER)
    with pytest.raises(Invalid):
        minutes.sign(db, world.alice, book.id, "citizen", "email", NOW)
    [row] = minutes.for_print(db, world.alice, book.id, NOW)["signatures"]
    assert (row["party"], row["how"], row["at"]) == ("citizen", "fingerprint", LATER)


def test_strangers_and_readers(db: Session, world: World, session: ReceptionSession, book: Minutes) -> None:
    with pytest.raises(NotFound):
        minutes.prefill(db, world.charlie, NOW, session_id=session.id)
    with pytest.raises(NotFound):
        minutes.add_line(db, world.charlie, book.id, "x", NOW)
    with pytest.raises(Forbidden):
        minutes.add_line(db, world.dora, book.id, "x", NOW)


def test_the_print_shows_every_point_with_its_times(
    db: Session, world: World, visit: Visit, session: ReceptionSession, book: Minutes
) -> None:
    point, operator = session.participants
    sessions.set_people(db, session.id, point.id, [{"name": "Nguyễn Văn Thử", "capacity": "công dân"}], NOW)
    at = NOW.timestamp()
    events = [
        ("participant.joined", at + 1, point.id),
        ("participant.lost", at + 10, point.id),
        ("participant.joined", at + 20, point.id),
        ("participant.left", at + 60, point.id),
        ("participant.joined", at + 2, operator.id),
    ]
    sessions.append_events(
        db, session.id, 0, [NewEvent(kind=kind, utc=utc, body={"participant": who}) for kind, utc, who in events]
    )
    sessions.set_state(db, session.id, 0, SessionState.CLOSED, LATER)
    printed = minutes.for_print(db, world.alice, book.id, LATER)
    head = printed["head"]
    assert (head["visit_number"], head["session_number"], head["end"]) == ("01/2026", "2611-0001", LATER)
    first, second = printed["points"]
    assert (first["joined"], first["left"]) == (NOW + dt.timedelta(seconds=1), NOW + dt.timedelta(seconds=60))
    assert (first["interruptions"], [p["name"] for p in first["people"]]) == (1, ["Nguyễn Văn Thử"])
    assert (second["joined"], second["left"]) == (NOW + dt.timedelta(seconds=2), LATER)
    assert [p["name"] for p in printed["persons"]] == ["Nguyễn Văn Thử"]
    assert printed["copies"] == 2


def test_a_visit_without_video_prints_too(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    book = minutes.prefill(db, world.alice, NOW, visit_id=visit.id)
    minutes.freeze(db, world.alice, book.id, NOW)
    printed = minutes.for_print(db, world.alice, book.id, NOW)
    assert (printed["points"], printed["head"]["online"]) == ([], False)
    visits.conclude(db, world.alice, visit.id, visits.Outcome.GUIDE, NOW)
