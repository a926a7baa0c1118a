"""Lookup: without diacritics, within rights, and it says why it found something."""

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from rooms import cases, search
from rooms.search import Filters
from rooms.vault import Vault
from rooms.words import PetitionKind
from tests.support.actors import World
from tests.support.factories import NOW, person, registered

ALL = Filters()


def found(db: Session, actor: object, query: str, filters: Filters = ALL) -> list[search.Hit]:
    return search.search(db, actor, query, filters, NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("query", ["Đường liên xã", "duong lien xa", "ĐUONG LIÊN", "xã đường"])
def test_words_are_found_without_diacritics_and_in_any_order(
    db: Session, world: World, vault: Vault, query: str
) -> None:
    visit = registered(db, world.alice, world.district, vault, content="Thu hồi đất làm đường liên xã")
    registered(db, world.alice, world.district, vault, content="Chế độ chính sách")
    hits = found(db, world.alice, query)
    assert [hit.object_id for hit in hits] == [visit.id] and "content" in hits[0].why


def test_a_name_a_number_and_a_place_are_found_and_named_as_the_reason(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault, persons=(person("Đặng Thị Ví Dụ"),))
    assert found(db, world.alice, "dang vi du")[0].why == ("person",)
    assert found(db, world.alice, f"{visit.number}/{visit.year}")[0].why == ("number",)
    assert "place" in found(db, world.alice, "diem cau d1")[0].why


def test_a_stranger_finds_nothing(db: Session, world: World, vault: Vault) -> None:
    registered(db, world.alice, world.district, vault, content="Thu hồi đất")
    assert found(db, world.charlie, "thu hoi") == [] and found(db, world.adam, "") == []
    assert len(found(db, world.bob, "thu hoi")) == 1  # operator of the province above


def test_a_denouncer_cannot_be_searched_for(db: Session, world: World, vault: Vault) -> None:
    kind, people = PetitionKind.DENUNCIATION, (person("Lý Kín Danh"),)
    registered(db, world.alice, world.district, vault, kind=kind, content="Sai phạm", persons=people)
    assert found(db, world.alice, "ly kin danh") == [] and found(db, world.bob, "sai pham") == []
    assert [hit.restricted for hit in found(db, world.alice, "sai pham")] == [True]


def test_hits_of_one_case_carry_its_id(db: Session, world: World, vault: Vault) -> None:
    visit = registered(db, world.alice, world.district, vault, content="Bồi thường")
    case = cases.open_case(db, world.alice, world.district.id, "Bồi thường đất", NOW, visit_id=visit.id)
    assert {hit.type: hit.case_id for hit in found(db, world.alice, "boi thuong")} == {
        "case": case.id,
        "visit": case.id,
    }


def test_filters_narrow_and_unknown_words_in_them_find_nothing(db: Session, world: World, vault: Vault) -> None:
    registered(db, world.alice, world.district, vault, kind=PetitionKind.COMPLAINT)
    registered(db, world.alice, world.district, vault, kind=PetitionKind.FEEDBACK)
    today = dt.date(2026, 11, 23)
    counts = {
        "kind": len(found(db, world.alice, "", Filters(kind="complaint"))),
        "state": len(found(db, world.alice, "", Filters(state="registered"))),
        "day": len(found(db, world.alice, "", Filters(since=today, until=today))),
        "yesterday": len(found(db, world.alice, "", Filters(until=today - dt.timedelta(days=1)))),
        "site": len(found(db, world.alice, "", Filters(site_id=world.other_district.id))),
        "unknown": len(found(db, world.alice, "", Filters(kind="%' or 1=1"))),
    }
    assert counts == {"kind": 1, "state": 2, "day": 2, "yesterday": 0, "site": 0, "unknown": 0}


def test_pages_do_not_overlap(db: Session, world: World, vault: Vault) -> None:
    for _ in range(5):
        registered(db, world.alice, world.district, vault)
    pages = [found(db, world.alice, "", dataclasses.replace(ALL, limit=2, offset=at)) for at in (0, 2, 4)]
    assert [len(page) for page in pages] == [2, 2, 1] and len({hit.object_id for page in pages for hit in page}) == 5


def test_wildcards_are_plain_letters(db: Session, world: World, vault: Vault) -> None:
    registered(db, world.alice, world.district, vault, content="Giảm 50% giá")
    assert len(found(db, world.alice, "50%")) == 1 and found(db, world.alice, "5_%") == []


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert search.fold(search.fold(text)) == search.fold(text)
