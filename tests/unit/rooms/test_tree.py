"""The dated tree: who reaches whom on a day."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from rooms.tree import Edge, FilesTo, SiteTree, Span

START, SPLIT = dt.date(2014, 7, 1), dt.date(2025, 7, 1)
BEFORE, AFTER = dt.date(2025, 6, 30), dt.date(2025, 7, 1)


def world() -> SiteTree:
    """Province over a district that ended and was split into two communes; the first took its files."""
    sites = {
        "central": Span(START),
        "province": Span(START),
        "district": Span(START, SPLIT),
        "commune1": Span(SPLIT),
        "commune2": Span(SPLIT),
    }
    edges = [
        Edge("province", "central", Span(START)),
        Edge("district", "province", Span(START, SPLIT)),
        Edge("commune1", "province", Span(SPLIT)),
        Edge("commune2", "province", Span(SPLIT)),
    ]
    return SiteTree(sites, edges, [FilesTo("district", "commune1", SPLIT)])


def test_it_works() -> None:
    tree = world()
    assert tree.above("district", BEFORE) == {"district", "province", "central"}
    assert tree.branch("province", BEFORE) == {"province", "district", "commune1", "commune2"}
    assert tree.ordered(BEFORE) == [("central", 0), ("province", 1), ("district", 2)]
    assert tree.ordered(AFTER) == [("central", 0), ("province", 1), ("commune1", 2), ("commune2", 2)]


def test_an_ended_site_stays_within_reach_of_its_last_parent() -> None:
    assert "province" in world().above("district", AFTER)


def test_files_go_to_the_named_successor_only() -> None:
    tree = world()
    assert "commune1" in tree.above("district", AFTER)
    assert "commune2" not in tree.above("district", AFTER)
    assert "commune1" not in tree.above("district", BEFORE)
    assert tree.keepers("district", AFTER) == {"district", "commune1"}


def test_a_move_counts_from_its_day() -> None:
    sites = {"a": Span(START), "b": Span(START), "x": Span(START)}
    tree = SiteTree(sites, [Edge("x", "a", Span(START, SPLIT)), Edge("x", "b", Span(SPLIT))])
    assert (tree.parent("x", BEFORE), tree.parent("x", AFTER)) == ("a", "b")


def test_a_circle_ends() -> None:
    sites = {"a": Span(START), "b": Span(START)}
    tree = SiteTree(sites, [Edge("a", "b", Span(START)), Edge("b", "a", Span(START))])
    assert tree.above("a", AFTER) == {"a", "b"}
    assert tree.branch("a", AFTER) == {"a", "b"}


DAYS = st.dates(dt.date(2024, 1, 1), dt.date(2027, 12, 31))
NAMES = st.sampled_from([f"s{n}" for n in range(8)])


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start = draw(DAYS)
    return Span(start, draw(st.none() | st.dates(start + dt.timedelta(days=1), dt.date(2028, 12, 31))))


@st.composite
def trees(draw: st.DrawFn) -> SiteTree:
    sites = draw(st.dictionaries(NAMES, spans(), min_size=1))
    names = st.sampled_from(sorted(sites))
    edges = draw(st.lists(st.builds(Edge, names, names, spans()), max_size=12))
    return SiteTree(sites, edges, draw(st.lists(st.builds(FilesTo, names, names, DAYS), max_size=4)))


@given(trees(), DAYS)
def test_branch_is_the_inverse_of_above(tree: SiteTree, on: dt.date) -> None:
    for upper in tree.sites:
        assert tree.branch(upper, on) == {low for low in tree.sites if upper in tree.above(low, on)}


@given(trees(), DAYS)
def test_reach_is_transitive(tree: SiteTree, on: dt.date) -> None:
    for low in tree.sites:
        for middle in tree.above(low, on):
            assert tree.above(middle, on) <= tree.above(low, on)


@given(trees(), DAYS)
def test_a_day_lists_exactly_the_sites_that_exist(tree: SiteTree, on: dt.date) -> None:
    listed = [name for name, _ in tree.ordered(on)]
    assert len(listed) == len(set(listed))
    there = {name for name, span in tree.sites.items() if span.holds(on)}
    assert set(listed) <= there
    hanging = {name for name in there if _in_circle(tree, name, on)}
    assert there - set(listed) == hanging  # only a broken tree with a circle has sites that hang on nothing


def _in_circle(tree: SiteTree, name: str, on: dt.date) -> bool:
    seen: set[str] = set()
    current: str | None = name
    while current is not None and tree.sites[current].holds(on):
        if current in seen:
            return True
        seen.add(current)
        current = tree.parent(current, on)
    return False
