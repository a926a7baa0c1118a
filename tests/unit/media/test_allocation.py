"""Who gets what of a line that does not carry everything: the order of sacrifice, steadiness, and the sums."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.allocation import HEADROOM, STABLE, Allocator, Wish, allocate, steps
from media.layerchoice import Choice, Rung


def rungs(*layers: tuple[int, ...]) -> tuple[Rung, ...]:
    """Layers by the rates of their temporal layers, in kbit/s."""
    return tuple(
        Rung(Choice(layer, temporal), rate * 1000)
        for layer, rates in enumerate(layers)
        for temporal, rate in enumerate(rates)
    )


CAMERA = rungs((75, 100, 150), (250, 350, 500), (750, 1000, 1500))
SMALL = CAMERA[:3]
FULL = Choice(2, 2)


def room() -> list[Wish]:
    """The main picture and two thumbnails."""
    return [Wish("main", 0, CAMERA), Wish("b", 1, SMALL), Wish("c", 1, SMALL)]


def decide(allocator: Allocator, wishes: list[Wish], budget: float, now: float = 0.0) -> dict[str, Choice | None]:
    found = allocator.decide(wishes, budget, now)
    return {key: rung.choice if rung is not None else None for key, rung in found.items()}


def main_of(allocator: Allocator, budget: float, now: float) -> Choice | None:
    return decide(allocator, [Wish("main", 0, CAMERA)], budget, now)["main"]


def test_a_wide_line_carries_everything() -> None:
    assert decide(Allocator(), room(), 3_000_000) == {"main": FULL, "b": Choice(0, 2), "c": Choice(0, 2)}


def test_thumbnails_go_first_then_frames_then_size_then_all_pictures() -> None:
    seen: list[dict[str, Choice | None]] = []
    for budget in range(3_000_000, 0, -10_000):
        found = decide(Allocator(), room(), budget)
        if not seen or seen[-1] != found:
            seen.append(found)
    assert seen[-1] == {"main": None, "b": None, "c": None}
    whole = [found for found in seen if found["main"] == FULL]
    assert whole[-1] == {"main": FULL, "b": None, "c": None}
    order = [found["main"] for found in seen]
    order = [choice for index, choice in enumerate(order) if index == 0 or choice != order[index - 1]]
    assert order[:4] == [FULL, Choice(2, 1), Choice(2, 0), Choice(1, 2)], "frame rate before resolution"
    assert order[-2:] == [Choice(0, 0), None]


def test_equals_rise_together() -> None:
    wishes = [Wish(key, 0, CAMERA) for key in "abc"]
    found = decide(Allocator(), wishes, 3 * 500_000 * HEADROOM + 1000)
    assert set(found.values()) == {Choice(1, 2)}


def test_what_is_shown_stays_while_it_fits_and_falls_at_once_when_not() -> None:
    allocator = Allocator()
    assert main_of(allocator, 1_900_000, 0.0) == FULL
    assert main_of(allocator, 1_520_000, 1.0) == FULL
    assert main_of(allocator, 1_300_000, 1.1) == Choice(2, 1)


def test_it_rises_only_after_a_steady_while_and_with_headroom() -> None:
    allocator = Allocator()
    main_of(allocator, 2_000_000, 0.0)
    main_of(allocator, 600_000, 20.0)
    assert main_of(allocator, 2_000_000, 20.0 + STABLE - 0.1) == Choice(1, 2)
    assert main_of(allocator, 1_700_000, 20.0 + STABLE) == Choice(2, 1), "1.5 Mbit/s would leave no room"
    assert main_of(allocator, 1_900_000, 20.2 + STABLE) == FULL


def test_what_is_far_beyond_what_failed_is_used_at_once() -> None:
    allocator = Allocator()
    main_of(allocator, 700_000, 0.0)
    main_of(allocator, 200_000, 20.0)
    assert main_of(allocator, 700_000, 21.5) == Choice(0, 2), "that much has just failed"
    assert main_of(allocator, 2_000_000, 21.6) == FULL


def test_improvements_that_do_not_last_become_rare() -> None:
    allocator = Allocator()
    now, tries, before = 0.0, [], None
    while now < 200:
        now += 0.1
        found = main_of(allocator, 560_000 if before == Choice(1, 2) else 640_000, now)
        if found == Choice(1, 2) != before:
            tries.append(now)
        if before == Choice(1, 2):
            found = main_of(allocator, 300_000, now + 0.05)
        before = found
    pauses = [later - earlier for earlier, later in zip(tries, tries[1:], strict=False)]
    assert all(later > earlier - 0.5 for earlier, later in zip(pauses, pauses[1:], strict=False))
    assert 39 < pauses[-1] < 42


def test_a_budget_that_swings_around_a_step_does_not_make_the_picture_swing() -> None:
    allocator = Allocator()
    seen = [main_of(allocator, 1_500_000 + (150_000 if tick % 10 < 5 else -150_000), tick * 0.1) for tick in range(600)]
    assert sum(1 for before, after in zip(seen, seen[1:], strict=False) if before != after) <= 1


def test_rates_that_swing_do_not_make_the_picture_swing() -> None:
    allocator = Allocator()
    main_of(allocator, 1_900_000, 0.0)
    for tick in range(100):
        swing = tuple(Rung(choice, int(rate * (1.05 if tick % 2 else 0.95))) for choice, rate in CAMERA)
        found = allocator.decide([Wish("main", 0, swing)], 1_600_000, tick * 0.1)["main"]
        assert found is not None and found.choice == FULL


def test_a_layer_that_ends_is_no_decline_and_its_return_no_improvement_to_wait_for() -> None:
    allocator = Allocator()
    assert main_of(allocator, 3_000_000, 0.1) == FULL
    assert decide(allocator, [Wish("main", 0, CAMERA[:6])], 3_000_000, 0.2)["main"] == Choice(1, 2)
    assert decide(allocator, [Wish("main", 0, ())], 3_000_000, 0.3)["main"] is None
    assert main_of(allocator, 3_000_000, 0.4) == FULL


def test_a_single_stream_is_shown_or_paused() -> None:
    single = [Wish("main", 0, rungs((1000,)))]
    assert decide(Allocator(), single, 1_300_000)["main"] == Choice(0, 0)
    assert decide(Allocator(), single, 900_000)["main"] is None


def test_what_was_never_measured_is_let_through() -> None:
    assert decide(Allocator(), [Wish("main", 0, rungs((0,)))], 100_000)["main"] == Choice(0, 0)


def test_what_everything_would_take_is_told() -> None:
    allocator = Allocator()
    allocator.decide(room(), 400_000, 0.0)
    assert allocator.plan.ideal_bps == 1_800_000
    assert allocator.plan.used_bps <= 400_000


layers = st.lists(
    st.lists(st.integers(0, 3000), min_size=0, max_size=3).map(lambda row: tuple(sorted(row))), min_size=0, max_size=3
).map(lambda rows: rungs(*rows))


@given(
    st.lists(st.tuples(st.integers(0, 3), layers), min_size=0, max_size=12),
    st.lists(st.tuples(st.floats(0, 8_000_000), st.floats(0, 10)), min_size=1, max_size=8),
)
def test_the_budget_is_kept_whatever_is_wished(
    wished: list[tuple[int, tuple[Rung, ...]]], budgets: list[tuple[float, float]]
) -> None:
    wishes = [Wish(str(index), priority, row) for index, (priority, row) in enumerate(wished)]
    allocator, now = Allocator(), 0.0
    for budget, pause in budgets:
        now += pause
        found = allocator.decide(wishes, budget, now)
        assert allocator.plan.used_bps <= budget / 0.7 + 1
        for wish in wishes:
            rung = found[wish.key]
            assert rung is None or rung in steps(wish.rungs)


@given(layers, st.floats(0, 5_000_000))
def test_the_same_again_changes_nothing(row: tuple[Rung, ...], budget: float) -> None:
    wishes = [Wish("a", 0, row)]
    first = allocate(wishes, [None], budget, True)
    assert allocate(wishes, list(first.granted), budget, True).granted == first.granted


def test_what_grows_is_not_taken_away_while_nothing_shows_the_line_to_be_full() -> None:
    allocator = Allocator()
    assert decide(allocator, [Wish("main", 0, rungs((300,)))], 400_000)["main"] is not None
    grown = [Wish("main", 0, rungs((500,)))]
    free = allocator.decide(grown, 400_000, 1.0, is_free=True)
    assert free["main"] is not None
    assert allocator.decide(grown, 340_000, 1.1)["main"] is None


def test_a_picture_of_one_step_outlives_a_dip_but_not_a_narrow_line() -> None:
    allocator = Allocator()
    single = [Wish("main", 0, rungs((1500,)))]
    decide(allocator, single, 2_000_000)
    assert decide(allocator, single, 1_200_000, 1.0)["main"] is not None
    assert decide(allocator, single, 1_000_000, 1.1)["main"] is None
