"""What the index finds by place, in its form of now and while it is still in that of before."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import index, indexing
from rooms.rows import is_sqlite
from rooms.vault import Vault
from rooms.wanted import EVERYTHING, Span, Wanted, entry_id
from tests.support.actors import World
from tests.support.factories import NOW, registered

AT = [entry_id(NOW - dt.timedelta(days=40 * n), f"{n}") for n in range(6)]
"""From the newest on, in different months."""


@pytest.fixture
def kept(db: Session) -> Session:
    """Six entries: four at one place, of which one is restricted, one at another, one at none."""
    places = ("s:a u:", "s:a u:", "r:a", "s:b u:", "", "s:a u:")
    for n, (number, place) in enumerate(zip(AT, places, strict=True)):
        index.put(db, {number: index.line_of(db, number, [*place.split(), "dat", f"so{n}", "t:visit"])})
    return db


def found(
    db: Session, sites: set[str] | None, *clauses: set[str], most: int = 100, span: Span = EVERYTHING
) -> list[int]:
    """Which of AT, by their places."""
    wanted = Wanted(tuple(map(frozenset, clauses)))
    return [AT.index(one) for one in index.find(db, wanted, None if sites is None else frozenset(sites), span, most)]


def as_before(db: Session) -> None:
    """Put all entries into the form of before."""
    if is_sqlite(db):
        kept = "SELECT r.id, w.words FROM search_words_row r JOIN search_words w ON w.rowid = r.row"
        lines = [(row[0], row[1]) for row in db.execute(sa.text(kept))]
        index.remove(db, [number for number, _ in lines])
        db.connection().exec_driver_sql("INSERT INTO search_words (rowid, words) VALUES (?, ?)", lines)
        return
    old = "SELECT w FROM unnest(tsvector_to_array(words)) AS w WHERE NOT w ~ '^[sr]m[:]'"
    db.execute(sa.text(f"UPDATE search_words SET words = array_to_tsvector(ARRAY({old}))"))
    db.execute(sa.text("DELETE FROM search_words_form"))


@pytest.mark.parametrize("before", [False, True])
def test_entries_of_several_places_come_in_order_of_time(kept: Session, before: bool) -> None:
    if before:
        as_before(kept)
    assert index.is_old(kept) == before
    assert found(kept, {"s:a", "s:b", "r:a"}, {"dat"}) == [0, 1, 2, 3, 5]
    assert found(kept, {"s:a", "s:b"}, {"dat"}) == [0, 1, 3, 5]
    assert found(kept, {"u:"}, {"dat"}) == [0, 1, 3, 5]
    assert found(kept, {"u:", "r:a"}, {"dat"}, most=3) == [0, 1, 2]
    assert found(kept, None, {"dat"}) == [0, 1, 2, 3, 4, 5]
    assert found(kept, {"s:c"}, {"dat"}) == [] and found(kept, set(), {"dat"}) == []


@pytest.mark.parametrize("before", [False, True])
def test_a_place_is_also_a_word(kept: Session, before: bool) -> None:
    if before:
        as_before(kept)
    assert found(kept, {"s:a", "s:b", "r:a"}, {"luc", "s:b"}) == [3]
    assert found(kept, {"s:a", "s:b", "r:a"}, {"so5", "s:b"}, {"dat"}) == [3, 5]
    assert found(kept, {"s:a", "r:a"}, {"s:b", "r:b"}) == []
    assert found(kept, {"s:a", "s:b", "r:a"}) == [0, 1, 2, 3, 5], "rights alone"


@pytest.mark.parametrize("before", [False, True])
def test_spans_orders_and_what_must_not_all_be_there(kept: Session, before: bool) -> None:
    if before:
        as_before(kept)
    oldest = Span(EVERYTHING.low, EVERYTHING.high, newest_first=False)
    assert found(kept, {"s:a"}, {"dat"}, most=2, span=oldest) == [5, 1]
    assert found(kept, {"s:a"}, {"dat"}, span=Span(AT[5], AT[1])) == [1, 5]
    assert found(kept, {"s:a"}, span=Span(AT[1], AT[1])) == [1]
    unless = Wanted((frozenset({"dat"}),), frozenset({"dat", "so1"}))
    assert index.find(kept, unless, frozenset({"s:a"}), EVERYTHING, 9) == [AT[0], AT[5]]
    assert index.find(kept, Wanted((), frozenset({"so1"})), frozenset({"s:a"}), EVERYTHING, 9) == [AT[0], AT[5]]
    assert index.among(kept, unless, AT) == {*AT} - {AT[1]}
    assert index.numbers_between(kept, AT[2], AT[0]) == {*AT[:3]}


def test_a_change_of_place_moves_an_entry(kept: Session) -> None:
    index.remove(kept, [AT[0], 4711])
    assert found(kept, {"s:a"}, {"dat"}) == [1, 5]
    index.put(kept, {AT[0]: index.line_of(kept, AT[0], ["s:b", "u:", "dat"])})
    assert found(kept, {"s:b"}, {"dat"}) == [0, 3] and found(kept, {"s:a"}, {"dat"}) == [1, 5]
    assert index.words_of(kept, AT[:1]) == {AT[0]: index.line_of(kept, AT[0], ["dat", "s:b", "u:"])}


def test_a_rebuild_brings_the_index_into_its_form_of_now(db: Session, world: World, vault: Vault) -> None:
    visits = [
        registered(db, world.alice, world.district, vault, content=said) for said in ("bồi thường", "tái định cư")
    ]
    assert not index.is_old(db)
    as_before(db)
    assert index.is_old(db)
    step = indexing.rebuild_step(db)
    mended = step.mended
    while step.place:
        step = indexing.rebuild_step(db, step.place)
        mended += step.mended
    assert mended == len(visits) and not index.is_old(db)
    assert len(index.find(db, Wanted(), frozenset({f"s:{world.district.id}"}), EVERYTHING, 9)) == len(visits)
