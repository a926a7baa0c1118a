"""What viewers see and hear through lines of every kind: the whole core in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from media.relay import RelayOptions
from media.twcc import Feedback
from media.viewerline import ViewerLine
from tests.support.link import Link
from tests.support.watching import Viewer, Watching

T0 = 1000  # the world's clock at the beginning


def watch(viewer: Viewer, seconds: float, rate: Callable[[float], float] | None = None, **options: int) -> Watching:
    """One viewer for some seconds; ``rate``: of the line at a time, 0 for a free one."""
    call = Watching(viewer, **options)  # type: ignore[arg-type]

    def change(now: float) -> None:
        if rate is not None:
            viewer.there.rate_bps = rate(now)

    call.change = change
    call.run(seconds)
    assert viewer.wrong == []
    return call


def sound_lost(viewer: Viewer) -> float:
    return 1 - len(viewer.sound) / viewer.sound_sent


def squeeze(to: float, since: float, until: float) -> Callable[[float], float]:
    return lambda now: to if since <= now < until else 0.0


def test_a_free_line_shows_the_best_layer_within_two_seconds() -> None:
    binh = Viewer("binh", Link(delay=0.02), 6000)
    watch(binh, 6)
    assert binh.layers(T0 + 2, T0 + 6) == {2}
    assert binh.fps(T0 + 2, T0 + 6) >= 14
    assert binh.lost == 0
    assert binh.padding < 60_000


def test_a_free_line_is_looked_at_soon_again_until_what_it_carries_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    divide = ViewerLine._divide

    def noted(self: ViewerLine, target: float, offers: Any, now: float) -> None:
        looks.append(now)
        divide(self, target, offers, now)

    monkeypatch.setattr(ViewerLine, "_divide", noted)
    watch(Viewer("binh", Link(delay=0.02), 6000), 16)
    pauses = [(sooner, later - sooner) for sooner, later in pairwise(looks)]
    assert max(pause for at, pause in pauses if at < T0 + 1.5) < 1.2
    assert min(pause for at, pause in pauses if at > T0 + 8) > 1.8


def test_a_free_line_that_is_known_rests_until_bad_news_or_another_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[float] = []
    tick = ViewerLine.tick

    def noted(self: ViewerLine, offers: Any, now: float) -> None:
        ticks.append(now)
        tick(self, offers, now)

    monkeypatch.setattr(ViewerLine, "tick", noted)
    binh = Viewer("binh", Link(delay=0.02), 6000)
    call = Watching(binh)
    call.run(16)
    line = call.world.relay._lines.of("peer-binh")
    assert line is not None and line.estimator is not None
    assert 10 <= sum(1 for at in ticks if T0 + 8 <= at < T0 + 16) <= 24, "two or three times a second, not ten"
    line.rests_until = call.world.now + 5
    line.feedback(Feedback(line.estimator.log.next & 0xFFFF, 0, 0, [None]), call.world.now)
    assert line.rests_until < call.world.now, "what the glance did not take may be bad"
    line.rests_until = call.world.now + 5
    line.set_ceiling(100_000)
    ticks.clear()
    call.run(16.15)
    assert ticks and line.target_bps <= 100_000


@pytest.mark.parametrize(("rate", "layers", "fps"), [(1_000_000, {1, 2}, 12), (400_000, {0, 1}, 3.5)])
def test_a_narrow_line_carries_all_sound_and_a_smaller_picture(rate: int, layers: set[int], fps: float) -> None:
    binh = Viewer("binh", Link(delay=0.02, rate_bps=rate, queue_s=0.3, ordered=True), 6000)
    watch(binh, 20)
    assert sound_lost(binh) < 0.005
    assert binh.late_sound(T0 + 4, T0 + 20, 0.1) < 0.12
    assert binh.layers(T0 + 4, T0 + 20) <= layers
    assert binh.fps(T0 + 4, T0 + 20) >= fps
    assert binh.rate(T0 + 4, T0 + 20) > 0.45 * rate


def test_a_very_narrow_line_carries_all_sound_and_what_picture_it_can() -> None:
    binh = Viewer("binh", Link(delay=0.02, rate_bps=200_000, queue_s=0.3, ordered=True), 6000)
    watch(binh, 20)
    assert sound_lost(binh) < 0.012
    assert binh.late_sound(T0 + 2, T0 + 20, 0.1) < 0.1
    assert binh.layers(T0, T0 + 20) == {0}


def test_where_only_sound_passes_pictures_stop_and_sound_goes_on() -> None:
    binh = Viewer("binh", Link(delay=0.02, rate_bps=90_000, queue_s=0.3, ordered=True), 6000)
    watch(binh, 15)
    assert binh.layers(T0 + 3, T0 + 15) == set()
    assert sum(1 for at, _ in binh.sound if at >= T0 + 3) >= 0.99 * 12 * 50


@pytest.mark.parametrize("to", [150_000, 400_000])
def test_after_a_squeeze_the_full_picture_is_back_within_fifteen_seconds(to: int) -> None:
    binh = Viewer("binh", Link(delay=0.02, queue_s=0.3, ordered=True), 6000)
    watch(binh, 34, squeeze(to, 6, 16))
    assert binh.layers(T0 + 4, T0 + 6) == {2}
    assert 2 not in binh.layers(T0 + 9, T0 + 16)
    assert sum(1 for at, _ in binh.sound if T0 + 9 <= at < T0 + 16) >= 0.98 * 7 * 50, "sound all along"
    assert binh.late_sound(T0 + 9, T0 + 16, 0.15) < 0.1
    back = min(at for at, layer, _ in binh.pictures if at >= T0 + 16 and layer == 2)
    assert back <= T0 + 16 + 12
    assert binh.fps(T0 + 30, T0 + 34) >= 14


def test_a_slow_viewer_never_changes_what_another_sees() -> None:
    binh = Viewer("binh", Link(delay=0.02, rate_bps=250_000, queue_s=0.3, ordered=True), 6000)
    chi = Viewer("chi", Link(delay=0.02), 7000)
    Watching(binh, chi).run(12)
    assert chi.layers(T0 + 2, T0 + 12) == {2}
    assert chi.fps(T0 + 2, T0 + 12) >= 14
    assert chi.lost == 0
    assert 2 not in binh.layers(T0 + 2, T0 + 12)


def test_numbers_and_timestamps_may_wrap_while_layers_change() -> None:
    binh = Viewer("binh", Link(delay=0.02, queue_s=0.3, ordered=True), 6000)
    watch(binh, 20, squeeze(400_000, 3, 8), seq=65_200, timestamp=(1 << 32) - 90_000 * 4)
    assert binh.layers(T0 + 17, T0 + 20) == {2}
    assert binh.fps(T0 + 17, T0 + 20) >= 14


def test_ten_percent_of_loss_is_mended_and_does_not_shrink_the_picture() -> None:
    binh = Viewer("binh", Link(delay=0.03, loss=0.10), 6000)
    watch(binh, 15)
    assert binh.resent > 100
    assert binh.layers(T0 + 6, T0 + 15) == {2}
    assert binh.fps(T0 + 6, T0 + 15) >= 13


def test_a_viewer_without_feedback_gets_its_ceiling() -> None:
    wide, narrow = Viewer("binh", Link(delay=0.02), 6000, wide=False), Viewer("chi", Link(delay=0.02), 7000, wide=False)
    watch(wide, 4)
    assert wide.layers(T0 + 1, T0 + 4) == {2}
    call = Watching(narrow, options=RelayOptions(max_viewer_bps=600_000))
    call.run(16)
    assert narrow.layers(T0 + 12, T0 + 16) == {1}
    assert narrow.rate(T0 + 2, T0 + 16) <= 600_000


def test_a_small_picture_is_not_probed_for_more_than_it_needs() -> None:
    binh = Viewer("binh", Link(delay=0.02), 6000)
    call = Watching(binh)
    call.show(binh, 320, 180)
    call.run(10)
    assert binh.layers(T0 + 1, T0 + 10) == {0}
    assert binh.padding < 10_000
    call.show(binh, 1280, 720)
    call.run(18)
    assert binh.layers(T0 + 14, T0 + 18) == {2}


def test_what_waits_of_a_picture_is_not_sent_when_it_stops() -> None:
    binh = Viewer("binh", Link(delay=0.02), 6000)
    call = watch(binh, 5)
    before = len(binh.pictures)
    call.world.apply(members=tuple(member for member in call.world.desired.members if member.participant == "binh"))  # type: ignore[union-attr]
    call.run(7)
    assert len(binh.pictures) <= before + 1


def test_the_hub_is_told_what_the_line_carries_and_what_would_be_wanted() -> None:
    binh = Viewer("binh", Link(delay=0.02, rate_bps=400_000, queue_s=0.3, ordered=True), 6000)
    call = watch(binh, 12)
    (figures,) = [each for each in call.world.relay.quality(call.world.now) if each.peer == binh.peer]
    assert 200_000 <= figures.estimate_bps <= 400_000
    assert 1_200_000 <= figures.wanted_bps <= 2_000_000
    assert figures.queue_s < 0.2
