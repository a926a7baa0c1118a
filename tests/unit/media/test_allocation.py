"""Who gets what of a line that does not carry everything: the order of sacrifice, steadiness, and the sums."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.allocation import HEADROOM, NOTHING, STABLE, Allocator, Target, Wish, allocate, ladder

CAMERA = ((75_000.0, 100_000.0, 150_000.0), (250_000.0, 350_000.0, 500_000.0), (750_000.0, 1_000_000.0, 1_500_000.0))
SMALL = CAMERA[:1]
FULL = Target(2, 2)


def room() -> list[Wish]:
    """The main picture and two thumbnails."""
    return [Wish("main", 0, CAMERA), Wish("b", 1, SMALL), Wish("c", 1, SMALL)]


def given_budget(budget: float, wishes: list[Wish] | None = None) -> dict[str, Target]:
    return Allocator().decide(wishes or room(), budget, 0.0)


def test_a_wide_line_carries_everything() -> None:
    assert set(given_budget(3_000_000).values()) == {FULL, Target(0, 2)}


def test_thumbnails_go_first_then_frames_then_size_then_all_pictures() -> None:
    seen: list[dict[str, Target]] = []
    for budget in range(3_000_000, 0, -10_000):
        found = given_budget(budget)
        if not seen or seen[-1] != found:
            seen.append(found)
    main = [found["main"] for found in seen]
    assert main == sorted(main, reverse=True)
    assert seen[-1] == {"main": NOTHING, "b": NOTHING, "c": NOTHING}
    # The first things to go, while the main picture is whole, are the thumbnails.
    whole = [found for found in seen if found["main"] == FULL]
    assert whole[-1] == {"main": FULL, "b": NOTHING, "c": NOTHING}
    order = [target for index, target in enumerate(main) if index == 0 or target != main[index - 1]]
    assert order[:3] == [FULL, Target(2, 1), Target(2, 0)], "frame rate before resolution"
    assert order[3].layer == 1


def test_equals_rise_together() -> None:
    wishes = [Wish(key, 0, CAMERA) for key in "abc"]
    found = given_budget(3 * 500_000 * HEADROOM + 1000, wishes)
    assert set(found.values()) == {Target(1, 2)}


def test_what_is_shown_stays_while_it_fits_and_falls_at_once_when_not() -> None:
    allocator = Allocator()
    wish = [Wish("main", 0, CAMERA)]
    assert allocator.decide(wish, 1_900_000, 0.0)["main"] == FULL
    assert allocator.decide(wish, 1_520_000, 1.0)["main"] == FULL
    assert allocator.decide(wish, 1_300_000, 1.1)["main"] == Target(2, 1)


def test_it_rises_only_after_a_steady_while_and_with_headroom() -> None:
    allocator = Allocator()
    wish = [Wish("main", 0, CAMERA)]
    allocator.decide(wish, 2_000_000, 0.0)
    allocator.decide(wish, 600_000, 1.0)
    assert allocator.decide(wish, 2_000_000, 1.0 + STABLE - 0.1)["main"].layer == 1
    assert allocator.decide(wish, 1_700_000, 1.0 + STABLE)["main"] == Target(2, 1), "1.5 Mbit/s would leave no room"
    assert allocator.decide(wish, 1_900_000, 1.2 + STABLE)["main"] == FULL


def test_what_a_probe_has_proven_is_used_at_once() -> None:
    allocator = Allocator()
    wish = [Wish("main", 0, CAMERA)]
    allocator.decide(wish, 2_000_000, 0.0)
    allocator.decide(wish, 600_000, 1.0)
    assert allocator.decide(wish, 2_000_000, 1.5, proven=True)["main"] == FULL


def test_a_budget_that_swings_around_a_step_does_not_make_the_picture_swing() -> None:
    allocator = Allocator()
    wish = [Wish("main", 0, CAMERA)]
    changes, before = 0, None
    for tick in range(600):
        found = allocator.decide(wish, 1_500_000 + (150_000 if tick % 10 < 5 else -150_000), tick * 0.1)["main"]
        changes += before is not None and found != before
        before = found
    assert changes <= 1


def test_a_layer_that_is_not_sent_is_not_chosen_and_its_end_is_no_decline() -> None:
    allocator = Allocator()
    assert allocator.decide([Wish("main", 0, (CAMERA[0], (), CAMERA[2]))], 800_000, 0.0)["main"] == Target(0, 2)
    assert allocator.decide([Wish("main", 0, CAMERA)], 3_000_000, 0.1)["main"] == FULL
    assert allocator.decide([Wish("main", 0, CAMERA[:2])], 3_000_000, 0.2)["main"] == Target(1, 2)
    assert allocator.decide([Wish("main", 0, CAMERA)], 3_000_000, 0.3)["main"] == FULL


def test_a_single_stream_is_shown_or_paused() -> None:
    single = [Wish("main", 0, ((1_000_000.0,),))]
    assert given_budget(1_300_000, single)["main"] == Target(0, 0)
    assert given_budget(900_000, single)["main"] == NOTHING


def test_what_everything_would_take_is_told() -> None:
    allocator = Allocator()
    allocator.decide(room(), 400_000, 0.0)
    assert allocator.plan.ideal_bps == 1_800_000
    assert allocator.plan.used_bps <= 400_000


rates = st.lists(
    st.lists(st.floats(10_000, 3_000_000), min_size=0, max_size=3).map(lambda row: tuple(sorted(row))), min_size=1,
    max_size=3,
).map(tuple)  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(0, 3), rates), min_size=0, max_size=12),
    st.lists(st.tuples(st.floats(0, 8_000_000), st.floats(0, 10)), min_size=1, max_size=8),
)
def test_the_budget_is_kept_whatever_is_wished(
    wished: list[tuple[int, tuple[tuple[float, ...], ...]]], budgets: list[tuple[float, float]]
) -> None:
    wishes = [Wish(str(index), priority, row) for index, (priority, row) in enumerate(wished)]
    allocator, now = Allocator(), 0.0
    for budget, pause in budgets:
        now += pause
        found = allocator.decide(wishes, budget, now)
        assert allocator.plan.used_bps <= budget / 0.95 + 1
        for wish in wishes:
            assert found[wish.key] in [target for _, target in ladder(wish.rates)]


@given(rates, st.floats(0, 5_000_000))
def test_the_same_again_changes_nothing(row: tuple[tuple[float, ...], ...], budget: float) -> None:
    wishes = [Wish("a", 0, row)]
    first = allocate(wishes, [NOTHING], budget, True)
    assert allocate(wishes, list(first.targets), budget, True).targets == first.targets
