"""The owner's clock by question and answer: the quickest answer counts, old ones go, strange ones do nothing."""

from __future__ import annotations

from media.messages import AskTime, TimeIs
from media.ownerclock import ASK_S, KEEP_S, OwnerClock

AHEAD = 7.0
"""The owner's UTC minus ours."""


def asked(clock: OwnerClock, at: float, there: float, back: float) -> None:
    """Ask at ``at`` (ours, monotonic; our UTC is 1,000 more); the way there and back takes so long."""
    question = clock.ask(at)
    assert question is not None
    answer = TimeIs(mono=question.mono, utc=at + there + 1000 + AHEAD)
    clock.take(answer, at + there + back, at + there + back + 1000)


def test_it_works() -> None:
    clock = OwnerClock()
    assert clock.offset is None
    assert clock.ask(5.0) == AskTime(mono=5.0)
    clock.forget()
    asked(clock, 5.0, 0.001, 0.001)
    assert clock.offset is not None and abs(clock.offset - AHEAD) < 1e-6
    assert clock.ask(5.0 + ASK_S - 0.1) is None


def test_the_quickest_answer_of_the_last_minute_counts() -> None:
    clock = OwnerClock()
    asked(clock, 0.0, 0.9, 0.002)  # the app was busy
    assert clock.offset is not None and abs(clock.offset - AHEAD) > 0.4
    asked(clock, 10.0, 0.004, 0.002)
    asked(clock, 20.0, 0.002, 0.8)  # we were
    assert abs(clock.offset - AHEAD) < 0.003


def test_an_old_answer_goes_for_clocks_drift() -> None:
    clock = OwnerClock()
    asked(clock, 0.0, 0.001, 0.001)
    asked(clock, KEEP_S + 10.0, 0.1, 0.0)
    assert clock.offset is not None and abs(clock.offset - AHEAD) > 0.04


def test_what_was_not_asked_or_took_too_long_is_nothing() -> None:
    clock = OwnerClock()
    clock.take(TimeIs(mono=0.0, utc=1.0), 0.0, 1000.0)
    assert clock.ask(0.0) is not None
    clock.take(TimeIs(mono=3.0, utc=1.0), 0.1, 1000.1)
    clock.take(TimeIs(mono=0.0, utc=1.0), 5.0, 1005.0)
    clock.take(TimeIs(mono=0.0, utc=1000.0), 5.0, 1005.0)
    assert clock.offset is None


def test_another_app_is_asked_anew_at_once() -> None:
    clock = OwnerClock()
    asked(clock, 0.0, 0.001, 0.001)
    clock.forget()
    assert clock.offset is None and clock.ask(0.1) is not None
