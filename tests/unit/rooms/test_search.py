"""Lookup: without diacritics, within rights, grouped by case, and it says why it found something."""

import dataclasses
import datetime as dt

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import cases, index, indexing, minutes, people, search, sessions, visits
from rooms.access import Right
from rooms.actor import SYSTEM
from rooms.models import SearchEntry
from rooms.search import Filters, Results
from rooms.vault import Vault
from rooms.whyfound import Hit
from rooms.words import LineKind, PetitionKind
from tests.support.actors import World
from tests.support.factories import NOW, again, open_case, person, registered

ALL = Filters()


def results(db: Session, actor: object, query: str, filters: Filters = ALL, **more: object) -> Results:
    return search.find(db, actor, query, filters, NOW, **more)  # type: ignore[arg-type]


def found(db: Session, actor: object, query: str, filters: Filters = ALL) -> list[Hit]:
    return [hit for group in results(db, actor, query, filters).groups for hit in group.hits]


def fields(hit: Hit) -> list[str]:
    return [why.field for why in hit.why]


@pytest.mark.parametrize("query", ["Đường liên xã", "duong lien xa", "ĐUONG LIÊN", "xã đường"])
def test_words_are_found_without_diacritics_and_in_any_order(
    db: Session, world: World, vault: Vault, query: str
) -> None:
    visit = registered(db, world.alice, world.district, vault, content="Thu hồi đất làm đường liên xã")
    registered(db, world.alice, world.district, vault, content="Chế độ chính sách")
    hits = found(db, world.alice, query)
    assert [hit.object_id for hit in hits] == [visit.id] and "content" in fields(hits[0])
    marked = "".join(run.text for run in hits[0].why[0].runs if run.marked)
    assert "đường" in marked and "đất" not in marked


def test_as_typed_comes_before_what_only_sounds_alike(db: Session, world: World, vault: Vault) -> None:
    as_typed = registered(db, world.alice, world.district, vault, persons=(person("Trần Văn Điều"),))
    alike = registered(db, world.alice, world.district, vault, persons=(person("Trần Văn Diệu"),))
    assert [hit.object_id for hit in found(db, world.alice, "điều")] == [as_typed.id, alike.id]
    assert {hit.object_id for hit in found(db, world.alice, "dieu")} == {as_typed.id, alike.id}


def test_a_name_a_number_and_a_place_are_found_and_named_as_the_reason(db: Session, world: World, vault: Vault) -> None:
    visit = registered(
        db, world.alice, world.district, vault, persons=(person("Đặng Thị Ví Dụ", phone="0912 345 678"),)
    )
    case = open_case(db, world.alice, world.district, visit_id=visit.id)
    assert fields(found(db, world.alice, "dang vi du")[0]) == ["person"]
    assert "number" in fields(found(db, world.alice, f"{visit.number}/{visit.year}")[0])
    assert "place" in fields(found(db, world.alice, "diem cau d1")[0])
    assert fields(found(db, world.alice, "0912345678")[0]) == [] and len(found(db, world.alice, "0912 345 678")) == 1
    assert [hit.object_id for hit in found(db, world.alice, f"26.D.{case.number:04d}")] == [case.id]
    assert found(db, world.alice, "26.D.9999") == []


def test_a_number_is_found_whole_or_not_at_all(db: Session, world: World, vault: Vault) -> None:
    registered(db, world.alice, world.district, vault, content="Quyết định 15/2024 ngày 3")
    assert len(found(db, world.alice, "15/2024")) == 1
    assert found(db, world.alice, "5/2024") == [] and found(db, world.alice, "15/202") == []
    assert len(found(db, world.alice, "2024")) == 1  # a part between separators is a word of its own


def test_words_of_the_minutes_and_bookmarks_lead_to_their_second(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault)
    session = sessions.open_for_visit(db, world.bob, visits.queue_online(db, world.alice, visit.id, NOW).id, NOW)
    paper = minutes.prefill(db, world.alice, NOW, session_id=session.id)
    line = minutes.add_line(db, world.alice, paper.id, "Ông cho biết đã nhận quyết định", NOW, at_s=61.0)
    minutes.add_line(db, world.alice, paper.id, "Ranh giới thửa", NOW, at_s=120.0, kind=LineKind.BOOKMARK)
    hit = found(db, world.alice, "cho biet quyet dinh")[0]
    assert (hit.type, hit.object_id, hit.why[0].field, hit.why[0].at_s) == ("session", session.id, "minutes", 61.0)
    assert found(db, world.alice, "ranh gioi thua")[0].why[0].at_s == 120.0
    minutes.correct_line(db, world.alice, paper.id, line.id, "Ông cho biết chưa nhận", NOW)
    assert found(db, world.alice, "quyet dinh") == [] and len(found(db, world.alice, "chua nhan")) == 1


def test_a_stranger_finds_nothing(db: Session, world: World, vault: Vault) -> None:
    registered(db, world.alice, world.district, vault, content="Thu hồi đất")
    assert found(db, world.charlie, "thu hoi") == [] and found(db, world.adam, "") == []
    assert results(db, world.charlie, "thu hoi").total == 0
    assert len(found(db, world.bob, "thu hoi")) == 1  # operator of the province above
    assert results(db, SYSTEM, "").total == 1  # the hub itself, without a word or a right to narrow by


def test_a_right_that_is_given_or_taken_acts_at_once(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault, content="Thu hồi đất")
    case = open_case(db, world.alice, world.district, "Thu hồi đất thôn Mẫu", visit_id=visit.id)
    assert world.ivan.user_id is not None
    until = NOW + dt.timedelta(days=1)
    grant = people.grant(db, SYSTEM, world.ivan.user_id, "case", case.id, Right.READ, "Thanh tra", until, NOW)
    ivan = again(db, world.ivan)
    assert {hit.type for hit in found(db, ivan, "thu hoi")} == {"case", "visit"}
    assert search.find(db, ivan, "thu hoi", ALL, until).total == 0  # it has expired
    people.revoke(db, SYSTEM, grant.id, NOW)
    assert found(db, again(db, world.ivan), "thu hoi") == []


def test_a_denouncer_cannot_be_searched_for(db: Session, world: World, vault: Vault) -> None:
    kind, who = PetitionKind.DENUNCIATION, (person("Lý Kín Danh"),)
    visit = registered(db, world.alice, world.district, vault, kind=kind, content="Sai phạm", persons=who)
    assert found(db, world.alice, "ly kin danh") == [] and found(db, world.bob, "sai pham") == []
    assert [hit.restricted for hit in found(db, world.alice, "sai pham")] == [True]
    assert [hit.object_id for hit in found(db, world.alice, visit.pseudonym)] == [visit.id]


def test_what_becomes_a_denunciation_is_found_by_its_words_no_longer(db: Session, world: World, vault: Vault) -> None:
    visit = registered(
        db, world.alice, world.district, vault, content="Việc của Lý Kín Danh", persons=(person("Lý Kín Danh"),)
    )
    case = open_case(db, world.alice, world.district, "Một việc", visit_id=visit.id)
    assert len(found(db, world.bob, "ly kin danh")) == 1
    visits.to_denunciation(db, world.alice, visit.id, vault, NOW)
    assert found(db, world.alice, "kin danh") == [] and found(db, world.bob, "viec cua") == []
    groups = results(db, world.alice, "viec").groups
    assert {group.key for group in groups} == {case.id, visit.id}  # no longer in the file


def test_finds_of_one_case_are_one_group(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault, content="Bồi thường")
    case = cases.open_case(db, world.alice, world.district.id, "Bồi thường đất", NOW, visit_id=visit.id)
    loose = registered(
        db, world.alice, world.district, vault, content="Bồi thường cây", now=NOW + dt.timedelta(hours=1)
    )
    first, second = results(db, world.alice, "boi thuong").groups
    assert first.case is None and [hit.object_id for hit in first.hits] == [loose.id]
    assert second.case is case and {hit.object_id for hit in second.hits} == {case.id, visit.id}


def test_a_joined_file_is_found_as_the_one_it_was_joined_to(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault, content="Bồi thường")
    old = open_case(db, world.alice, world.district, "Hồ sơ cũ", visit_id=visit.id)
    new = open_case(db, world.alice, world.district, "Hồ sơ mới")
    cases.merge(db, world.alice, old.id, new.id, "Cùng việc", NOW)
    assert [group.case for group in results(db, world.alice, "boi thuong").groups] == [new]
    assert found(db, world.alice, "ho so cu") == []
    cases.unmerge(db, world.alice, old.id, "Nhầm", NOW)
    assert [group.case for group in results(db, world.alice, "boi thuong").groups] == [old]


def test_filters_narrow_and_unknown_words_in_them_find_nothing(db: Session, world: World, vault: Vault) -> None:
    registered(db, world.alice, world.district, vault, kind=PetitionKind.COMPLAINT)
    registered(db, world.alice, world.district, vault, kind=PetitionKind.FEEDBACK)
    today = dt.date(2026, 11, 23)
    counts = {
        "kind": results(db, world.alice, "", Filters(kind="complaint")).total,
        "state": results(db, world.alice, "", Filters(state="visit.registered")).total,
        "day": results(db, world.alice, "", Filters(since=today, until=today)).total,
        "yesterday": results(db, world.alice, "", Filters(until=today - dt.timedelta(days=1))).total,
        "site": results(db, world.alice, "", Filters(site_id=world.other_district.id)).total,
        "recorded": results(db, world.alice, "", Filters(recorded=True)).total,
        "cases": results(db, world.alice, "", Filters(types=("case",))).total,
        "unknown": results(db, world.alice, "", Filters(kind="%' or 1=1")).total,
    }
    assert counts == {
        "kind": 1, "state": 2, "day": 2, "yesterday": 0, "site": 0, "recorded": 0, "cases": 0, "unknown": 0,
    }  # fmt: skip
    assert results(db, world.alice, "").facets["kind"] == {"complaint": 1, "feedback": 1}


def test_one_letter_is_too_short_to_search_for(db: Session, world: World) -> None:
    assert results(db, world.alice, " a ").too_short and not results(db, world.alice, "a b").too_short


@pytest.mark.parametrize("sort", search.SORTS)
def test_pages_do_not_overlap_and_new_entries_do_not_move_them(
    db: Session, world: World, vault: Vault, sort: str
) -> None:
    made = {
        registered(db, world.alice, world.district, vault, now=NOW - dt.timedelta(days=day)).id
        for day in range(0, 50, 10)
    }
    filters = dataclasses.replace(ALL, sort=sort)
    pages, after = [], None
    for _ in range(3):
        page = results(db, world.alice, "", filters, after=after, size=2)
        pages.append([group.hits[0].object_id for group in page.groups])
        if sort == "newest":
            registered(db, world.alice, world.district, vault, now=NOW + dt.timedelta(days=1))
        after = page.next
    assert [len(page) for page in pages] == [2, 2, 1] and {one for page in pages for one in page} == made
    assert after is None


def test_names_are_in_vietnamese_order(db: Session, world: World, vault: Vault) -> None:
    for name in ("Đỗ Văn A", "Dương Văn A", "Ân Văn A", "An Văn A", "Ăn Văn A"):
        registered(db, world.alice, world.district, vault, persons=(person(name),))
    hits = found(db, world.alice, "van a", dataclasses.replace(ALL, sort="name"))
    names = [run.text for hit in hits for run in hit.why[0].runs[:1]]
    assert [name.split(" Văn")[0].strip(", ") or name for name in names]  # the reasons show them
    order = [visits.access.load_visit(db, world.alice, hit.object_id, now=NOW).persons[0].name for hit in hits]
    assert order == ["An Văn A", "Ăn Văn A", "Ân Văn A", "Dương Văn A", "Đỗ Văn A"]


def test_wildcards_and_operators_are_plain_text(db: Session, world: World, vault: Vault) -> None:
    registered(db, world.alice, world.district, vault, content="Giảm 50% giá")
    assert len(found(db, world.alice, "50%")) == 1 and found(db, world.alice, "5_%") == []
    for text in ('"', "giá OR thu", "NOT giá", "gi*", "a' | 'b", "s:" + world.district.id, "(", "\\", "u: 99"):
        assert found(db, world.alice, text) in ([], found(db, world.alice, "")), text


def test_a_long_list_is_counted_up_to_a_thousand(
    db: Session, world: World, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "COUNTED", 3)
    for _ in range(4):
        registered(db, world.alice, world.district, vault)
    page = results(db, world.alice, "", size=2)
    assert (page.total, page.capped, page.facets) == (3, True, {})
    rest = results(db, world.alice, "", after=page.next, size=5)
    assert len({group.key for group in (*page.groups, *rest.groups)}) == 4  # beyond what was counted, too


@pytest.mark.parametrize("newest", ["Điều", "Diệu"])
@pytest.mark.parametrize("tried", [1, 2, 100])
def test_of_a_long_list_what_is_as_written_comes_first_too(
    db: Session, world: World, vault: Vault, monkeypatch: pytest.MonkeyPatch, newest: str, tried: int
) -> None:
    monkeypatch.setattr(search, "COUNTED", 3)
    monkeypatch.setattr(search, "_TRIED", tried)
    names = ("Diệu", "Điều", "Điều", "Điều", "Diệu", "Điều", newest)
    made = [
        registered(
            db, world.alice, world.district, vault, persons=(person(name),), now=NOW + dt.timedelta(minutes=n)
        ).id
        for n, name in enumerate(names)
    ]
    written = [one for one, name in zip(reversed(made), reversed(names), strict=True) if name == "Điều"]
    shown, after = list[str](), None
    while True:
        page = results(db, world.alice, "Điều", after=after, size=2)
        assert page.capped
        shown += [hit.object_id for group in page.groups for hit in group.hits]
        after = page.next
        if after is None:
            break
    assert shown == [*written, *(one for one in reversed(made) if one not in written)]


def test_rebuilding_mends_what_is_wrong_and_nothing_else(db: Session, world: World, vault: Vault) -> None:
    kept, lost, changed = (
        registered(db, world.alice, world.district, vault, content=said, now=NOW + dt.timedelta(minutes=n))
        for n, said in enumerate(("bồi thường", "tranh chấp", "tái định cư"))
    )
    entry = {row.object_id: row.id for row in db.scalars(sa.select(SearchEntry))}
    index.remove(db, [entry[lost.id], entry[changed.id]])
    index.put(db, {entry[changed.id]: " nham ", 5: " cua u: t:visit "})  # wrong words, and words of nothing
    db.execute(sa.update(SearchEntry).where(SearchEntry.id == entry[kept.id]).values(state="lost"))
    of_nothing = (
        "INSERT INTO search_entry SELECT 7, kind, 'gone', site_id, case_id, visit_id, restricted, matter, state,"
        " recorded, at, name FROM search_entry WHERE id = :id"
    )
    db.execute(sa.text(of_nothing), {"id": entry[kept.id]})
    place, mended = "", 0
    while True:
        step = indexing.rebuild_step(db, place)
        place, mended = step.place, mended + step.mended
        if not place:
            break
    assert mended == 5
    db.expire_all()
    assert {row.object_id: row.state for row in db.scalars(sa.select(SearchEntry))}[kept.id] == "registered"
    assert [hit.object_id for hit in found(db, world.alice, "tranh chap")] == [lost.id]
    assert [hit.object_id for hit in found(db, world.alice, "tai dinh cu")] == [changed.id]
    assert found(db, world.alice, "nham") == [] and index.numbers_between(db, 0, 10) == set()
    assert results(db, world.alice, "").total == 3
