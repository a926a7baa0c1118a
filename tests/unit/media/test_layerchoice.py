"""Which layer a viewer gets: by the size of its picture, by its line, and never one that is not sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.layerchoice import (
    NO_CAP,
    UNSEEN,
    Choice,
    Offer,
    WantedLayers,
    choose,
    demanded,
    granted,
    ladder,
    picture_size,
    ranked,
)
from media.thinning import ALL

Q = Offer((320, 180), (60_000, 100_000, 150_000), True)
H = Offer((640, 360), (200_000, 300_000, 500_000), True)
F = Offer((1280, 720), (680_000, 1_020_000, 1_700_000), True)
THREE = (Q, H, F)


def unsent(offer: Offer) -> Offer:
    return offer._replace(is_sent=False)


def pick(offers: tuple[Offer, ...], size: tuple[int, int], target: int = NO_CAP, held: int = -1) -> Choice | None:
    return choose(ladder(offers, size, held), target, Choice(held, ALL) if held >= 0 else None)


@pytest.mark.parametrize(
    ("size", "layer"),
    [
        ((1920, 1080), 2), ((1280, 720), 2), ((820, 460), 2), ((800, 450), 1), ((640, 360), 1), ((420, 240), 1),
        ((400, 225), 0), ((160, 90), 0), ((1, 1), 0), (UNSEEN, 2),
    ],
)  # fmt: skip
def test_the_smallest_layer_that_is_large_enough(size: tuple[int, int], layer: int) -> None:
    assert pick(THREE, size) == (layer, ALL)


def test_a_hidden_picture_gets_nothing() -> None:
    assert pick(THREE, (0, 0)) is None


def test_an_upright_picture_is_measured_by_its_height() -> None:
    upright = tuple(Offer((h, w), rates, sent) for (w, h), rates, sent in THREE)
    assert pick(upright, (640, 360)) == (0, ALL), "320 rows in a frame of 360"
    assert pick(upright, (640, 640)) == (1, ALL) and pick(upright, (900, 1280)) == (2, ALL)


def test_a_size_near_the_border_does_not_swing_the_layer() -> None:
    up = pick(THREE, (810, 455), held=1)
    assert up == (2, ALL)
    assert pick(THREE, (790, 445), held=2) == (2, ALL), "it stays"
    assert pick(THREE, (660, 371), held=2) == (1, ALL), "the lower one fits"
    assert pick(THREE, (790, 445), held=1) == (1, ALL)


def test_one_never_waits_for_a_layer_that_does_not_come() -> None:
    assert pick((Q, H, unsent(F)), UNSEEN) == (1, ALL)
    assert pick((Q, unsent(H), F), (640, 360)) == (2, ALL), "rather too large than too small"
    assert pick((unsent(Q), unsent(H), F), (100, 60)) == (2, ALL)
    assert pick((unsent(Q), unsent(H), unsent(F)), UNSEEN) is None


def test_frame_rate_goes_before_resolution() -> None:
    steps = [pick(THREE, UNSEEN, target) for target in (1_700_000, 1_699_999, 1_000_000, 679_999, 400_000, 250_000)]
    assert steps == [(2, ALL), (2, 1), (2, 0), (1, ALL), (1, 1), (1, 0)]
    assert [pick(THREE, UNSEEN, target) for target in (190_000, 149_999, 99_999, 1)] == [
        (0, ALL),
        (0, 1),
        (0, 0),
        (0, 0),
    ]
    assert pick(THREE, UNSEEN, 0) is None, "only 0 stops the picture"


def test_what_is_shown_may_run_over_a_little() -> None:
    rungs = ladder(THREE, UNSEEN, 2)
    assert choose(rungs, 1_600_000, Choice(2, ALL)) == (2, ALL)
    assert choose(rungs, 1_600_000, Choice(1, ALL)) == (2, 1)
    assert choose(rungs, 1_400_000, Choice(2, ALL)) == (2, 1)


def test_sizes_that_are_unknown_are_guessed_from_what_is_known() -> None:
    blank = Offer((0, 0), (), True)
    assert [picture_size((blank,) * 3, index) for index in range(3)] == [(320, 180), (640, 360), (1280, 720)]
    assert picture_size((Q, blank, blank), 2) == (1280, 720)
    assert picture_size((blank, blank, F), 0) == (320, 180)
    assert demanded((Q, blank, blank), (640, 360), NO_CAP, 0) == 1


def test_layers_in_another_order_than_their_size_are_told_by_their_pictures() -> None:
    assert ranked((F, H, Q)) == [2, 1, 0] and ranked((Q, Offer((0, 0), (), True), F)) == [0, 1, 2]
    assert pick((F, H, Q), (200, 100)) == (2, ALL)


def test_a_layer_that_rests_is_demanded_by_what_it_would_give() -> None:
    rest = (Q, unsent(H), unsent(F))
    assert demanded(rest, UNSEEN, NO_CAP, 0) == 2
    assert demanded(rest, UNSEEN, 600_000, 0) == 1, "but not one that does not fit into the line"
    assert demanded((Q, Offer((0, 0), (), False)), UNSEEN, 400_000, 0) == 0, "three times the lower one's rate"
    assert demanded(rest, (0, 0), NO_CAP, 0) == -1


def test_layers_go_on_at_once_and_off_after_a_while() -> None:
    layers = WantedLayers(3, 0.0)
    assert not layers.update([0], 0, 4.9) and list(layers.wanted) == [0, 1, 2]
    assert layers.update([0], 0, 5.1) and list(layers.wanted) == [0]
    assert layers.update([2], 0, 5.2) and list(layers.wanted) == [0, 2]
    assert not layers.update([-1], 0, 10.1) and list(layers.wanted) == [0, 2]
    assert layers.update([-1], 0, 10.3) and list(layers.wanted) == [0], "the lowest stays even if nobody looks"


@given(
    st.lists(
        st.builds(
            Offer,
            st.sampled_from([(0, 0), (160, 90), (320, 180), (640, 360), (1280, 720), (720, 1280)]),
            st.lists(st.integers(0, 4_000_000), max_size=4).map(lambda rates: tuple(sorted(rates))),
            st.booleans(),
        ),
        min_size=1,
        max_size=3,
    ),
    st.tuples(st.integers(0, 1 << 14), st.integers(0, 1 << 14)),
    st.integers(0, 5_000_000),
    st.integers(-1, 2),
)
def test_whatever_is_asked_what_is_chosen_is_sent(
    offers: list[Offer], size: tuple[int, int], target: int, shown: int
) -> None:
    rungs = ladder(offers, size, shown)
    choice = choose(rungs, target, Choice(shown, ALL))
    hidden = not size[0] or not size[1]
    if hidden or target == 0 or not any(offer.is_sent for offer in offers):
        assert choice is None
    else:
        assert choice is not None and offers[choice.layer].is_sent and 0 <= choice.temporal <= ALL


def test_what_was_granted_is_shown_while_there_is_such_a_rung_whatever_is_measured() -> None:
    rungs = ladder(THREE, (1280, 720), -1)
    assert granted(rungs, 1, Choice(1, 1), None) == Choice(1, 1), "its rate has grown since"
    assert granted(rungs, 0, Choice(1, 1), None) is None, "paused"
    assert granted(ladder((Q, unsent(H), F), (1280, 720), -1), 160_000, Choice(1, 1), None) == Choice(0, ALL)


def test_what_was_never_measured_is_guessed_with_care() -> None:
    unknown = tuple(offer._replace(rates=()) for offer in THREE)
    assert pick(unknown, (1280, 720), 250_000) == Choice(0, ALL)
    assert pick(unknown, (1280, 720)) == Choice(2, ALL)
