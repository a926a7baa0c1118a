"""Holes of the record, and their reasons."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rooms.gaps import MACHINE_LOSS_S, LogEvent, Written, find_gaps
from rooms.manifest import EXPLAINED, Gap


def event(kind: str, utc: float, **body: Any) -> LogEvent:
    return LogEvent(kind, utc, body)


def track(
    first: float, last: float, part: int = 1, recovered: bool = False, source: str = "mic", who: str = "p"
) -> Written:
    return Written(who, source, part, first, last, recovered)


START = [event("record.started", 0, part=1)]


def short(gap: Gap) -> tuple[str, str, float, float, str, float]:
    return gap.participant, gap.source, gap.start_utc_us / 1e6, gap.end_utc_us / 1e6, gap.reason, gap.lost_us / 1e6


def test_it_works() -> None:
    """A whole track has no gaps."""
    assert find_gaps([*START, event("session.closed", 60)], [track(0.2, 59.9)], 60) == []


def test_a_killed_relay_is_one_explained_gap_that_lost_a_second_at_most() -> None:
    events = [*START, event("outage.started", 21, participants=["p"], cause="relay", since=20.4, part=2)]
    events += [event("outage.ended", 26, participant="p"), event("session.closed", 60)]
    [gap] = find_gaps(events, [track(0, 20, recovered=True), track(26, 60, part=2)], 60)
    assert short(gap) == ("p", "mic", 20, 26, "crash", 1.0)


def test_a_relay_that_never_came_back_leaves_the_rest_open() -> None:
    [gap] = find_gaps([*START, event("session.closed", 60)], [track(0, 20, recovered=True)], 60)
    assert short(gap) == ("p", "mic", 20, 60, "crash", 1.0)


def relay_died(at: float, back: float, *who: str) -> list[LogEvent]:
    died = event("outage.started", at, participants=list(who), cause="relay", since=at, part=2)
    return [*START, died, *(event("outage.ended", back, participant=one) for one in who), event("session.closed", 60)]


def test_however_short_a_death_may_have_lost_something() -> None:
    tracks = [track(0, 20, recovered=True), track(20.4, 60, part=2)]
    [gap] = find_gaps(relay_died(20.1, 20.4, "p"), tracks, 60)
    assert short(gap) == ("p", "mic", 20, 20.4, "crash", 0.4)


def test_one_death_is_one_gap_for_all_sources_and_points() -> None:
    sources = [("p", "mic", 20.0, 22.0), ("p", "camera", 19.9, 22.1), ("q", "mic", 19.5, 24.0)]
    tracks = [track(0, last, recovered=True, source=what, who=who) for who, what, last, _ in sources]
    tracks += [track(first, 60, part=2, source=what, who=who) for who, what, _, first in sources]
    events = relay_died(20.1, 22, "p", "q")
    [gap] = find_gaps(events, tracks, 60)
    assert short(gap) == ("", "", 19.5, 24.0, "crash", 1.0)
    [gap] = find_gaps(events, [one for one in tracks if one.participant == "p"], 60)
    assert short(gap) == ("p", "", 19.9, 22.1, "crash", 1.0)


def test_who_comes_back_much_later_has_a_gap_of_its_own_that_lost_nothing() -> None:
    tracks = [track(0, 20, recovered=True), track(22, 60, part=2)]
    tracks += [track(0, 20, recovered=True, who="q", source=source) for source in ("mic", "camera")]
    tracks += [track(40, 60, part=2, who="q", source=source) for source in ("mic", "camera")]
    found = [short(gap) for gap in find_gaps(relay_died(20.1, 22, "p", "q"), tracks, 60)]
    assert found == [("", "", 20, 22, "crash", 1.0), ("q", "", 22, 40, "network", 0)]


def test_two_deaths_are_two_gaps() -> None:
    tracks = [track(0, 20, recovered=True), track(22, 30, part=2, recovered=True), track(33, 60, part=3)]
    found = [short(gap)[2:5] for gap in find_gaps(relay_died(20.1, 22, "p"), tracks, 60)]
    assert found == [(20, 22, "crash"), (30, 33, "crash")]


def test_a_source_that_was_muted_when_the_relay_died_lost_nothing() -> None:
    muted = event("source.muted", 10, participant="p", source="mic")
    back = event("source.unmuted", 40, participant="p", source="mic")
    events = sorted([*relay_died(20.1, 22, "p"), muted, back], key=lambda e: e.utc)
    tracks = [track(0, 10, recovered=True), track(40, 60, part=2)]
    tracks += [track(0, 20, recovered=True, source="camera"), track(22, 60, part=2, source="camera")]
    found = [short(gap) for gap in find_gaps(events, tracks, 60)]
    assert found == [("p", "mic", 10, 40, "mute", 0), ("p", "camera", 20, 22, "crash", 1.0)]


def test_a_pause_loses_nothing() -> None:
    events = [*START, event("session.paused", 20), event("session.resumed", 40), event("session.closed", 60)]
    [gap] = find_gaps(events, [track(0, 20), track(40.1, 60, part=2)], 60)
    assert short(gap) == ("p", "mic", 20, 40.1, "pause", 0)


def test_a_mute_a_lost_line_and_plain_silence_are_told_apart() -> None:
    events = [
        *START,
        event("source.muted", 10, participant="p", source="mic"),
        event("source.silent", 12, participant="p", source="mic", since=10),
        event("source.unmuted", 15, participant="p", source="mic"),
        event("source.live", 15.2, participant="p", source="mic"),
        event("source.silent", 22, participant="p", source="mic", since=20),
        event("outage.started", 22, participants=["p"], cause="line", since=20),
        event("source.live", 30, participant="p", source="mic"),
        event("outage.ended", 30, participant="p"),
        event("source.silent", 42, participant="p", source="mic", since=40),
        event("source.live", 45, participant="p", source="mic"),
        event("session.closed", 60),
    ]
    gaps = [short(gap)[2:5] for gap in find_gaps(events, [track(0, 60)], 60)]
    assert gaps == [(10, 15.2, "mute"), (20, 30, "network"), (40, 45, "silent")]


def test_what_never_reached_the_disk_is_missing() -> None:
    events = [*START, event("record.alarm", 10, code="not_written", participant="p", source="camera")]
    [gap] = find_gaps([*events, event("session.closed", 60)], [track(0, 60)], 60)
    assert short(gap) == ("p", "camera", 10, 60, "missing", 50)


def test_a_full_disk_loses_until_it_writes_again() -> None:
    events = [*START, event("record.alarm", 20, code="disk_full", file=""), event("session.closed", 60)]
    found = [short(gap) for gap in find_gaps(events, [track(0, 20), track(35, 60, part=2)], 60)]
    assert ("", "", 20, 35, "disk", 15) in found


def test_a_disk_that_lets_the_same_journals_go_on_is_one_gap_until_then() -> None:
    alarms = [event("record.alarm", at, code="disk_full", file=f"p.{what}.1.x.dcj") for at, what in TWO_ALARMS]
    well = [event("record.confirmed", at, participant="p", source=what, part=1) for at, what in TWO_RECOVERIES]
    found = find_gaps([*START, *alarms, *well, event("session.closed", 60)], [track(0, 60)], 60)
    assert [short(gap) for gap in found] == [("", "", 20, 31, "disk", 11)]


TWO_ALARMS = ((20.0, "mic"), (20.5, "camera"))
TWO_RECOVERIES = ((31.0, "mic"), (31.2, "camera"))


def test_nothing_counts_after_the_record_was_stopped() -> None:
    events = [*START, event("record.stopped", 30), event("session.closed", 60)]
    [gap] = find_gaps(events, [track(0, 20, recovered=True)], 60)
    assert short(gap)[2:4] == (20, 30)


def test_a_disk_that_caught_up_with_everything_is_no_gap() -> None:
    alarms = [event("record.alarm", at, code="disk_full", file=f"p.{what}.1.x.dcj") for at, what in TWO_ALARMS]

    def gaps_after(*dropped: int) -> list[tuple[float, float]]:
        well = [
            event("record.confirmed", at, participant="p", source=what, part=1, file=f"p.{what}.1.x.dcj", dropped=lost)
            for (at, what), lost in zip(TWO_RECOVERIES, dropped, strict=True)
        ]
        found = find_gaps([*START, *alarms, *well, event("session.closed", 60)], [track(0, 60)], 60)
        return [short(gap)[2:4] for gap in found]

    assert gaps_after(0, 0) == []
    assert gaps_after(0, 7) == [(20, 31)]


def test_a_disk_that_is_getting_full_is_no_gap() -> None:
    alarm = event("record.alarm", 20, code="disk_low")
    assert find_gaps([*START, alarm, event("session.closed", 60)], [track(0, 60)], 60) == []


def test_pauses_and_mutes_within_one_journal_are_gaps_although_the_device_went_on_sending() -> None:
    events = [
        *START,
        event("source.muted", 10, participant="p", source="mic"),
        event("source.unmuted", 15, participant="p", source="mic"),
        event("session.paused", 20),
        event("session.resumed", 40),
        event("source.muted", 50, participant="p", source="mic"),
        event("participant.left", 55, participant="p"),
        event("session.closed", 60),
    ]
    found = [short(gap) for gap in find_gaps(events, [track(0, 50), track(0, 55, source="camera")], 60)]
    assert found == [
        ("p", "mic", 10, 15, "mute", 0), ("p", "camera", 20, 40, "pause", 0), ("p", "mic", 20, 40, "pause", 0),
        ("p", "mic", 50, 55, "mute", 0),
    ]  # fmt: skip


def test_a_protected_point_is_a_gap_with_its_reason() -> None:
    events = [*START, event("participant.protected", 20, participant="p")]
    events += [event("participant.unprotected", 40, participant="p"), event("session.closed", 60)]
    [gap] = find_gaps(events, [track(0, 20), track(40.2, 60)], 60)
    assert short(gap) == ("p", "mic", 20, 40.2, "objection", 0)


def test_a_lost_machine_may_have_cost_ten_seconds() -> None:
    lost = Written("p", "mic", 1, 0, 20, True, MACHINE_LOSS_S)
    [gap] = find_gaps(relay_died(24, 40, "p"), [lost, track(40, 60, part=2)], 60)
    assert short(gap) == ("p", "mic", 20, 40, "crash", 10.0)


KINDS = [
    "record.started", "record.stopped", "session.paused", "session.resumed", "session.closed", "session.reopened",
    "source.silent", "source.live", "source.muted", "source.unmuted", "participant.lost", "participant.joined",
    "outage.started", "outage.ended", "sidetalk.started", "sidetalk.ended", "record.alarm", "unheard.of",
]  # fmt: skip
EVENTS = st.lists(
    st.builds(
        lambda kind, utc, who, what: LogEvent(
            kind, utc,
            {"participant": who, "source": what, "participants": [who], "code": "disk_full", "cause": "relay"},
        ),
        st.sampled_from(KINDS), st.floats(0, 100), st.sampled_from("pq"), st.sampled_from(["mic", "camera"]),
    ),
    max_size=20,
).map(lambda events: sorted(events, key=lambda e: e.utc))  # fmt: skip
TRACKS = st.lists(
    st.builds(
        lambda who, what, one, two, dead: Written(who, what, 1, min(one, two), max(one, two), dead),
        st.sampled_from("pq"), st.sampled_from(["mic", "camera"]), st.floats(0, 100), st.floats(0, 100), st.booleans(),
    ),
    max_size=6,
)  # fmt: skip


@given(EVENTS, TRACKS)
def test_whatever_the_log_says_gaps_are_sound(events: list[LogEvent], tracks: list[Written]) -> None:
    """No gap ends before it starts, none loses more than it lasts, and explained ones lose nothing."""
    for gap in find_gaps(events, tracks, 100.0):
        assert gap.start_utc_us <= gap.end_utc_us
        assert 0 <= gap.lost_us <= gap.end_utc_us - gap.start_utc_us
        assert gap.reason not in EXPLAINED or gap.lost_us == 0
