"""The time line of a replay: where a point has nothing, and why."""

from __future__ import annotations

from typing import Any

from web.lanes import filled, first_moment, holes, pauses


def segment(start: float, end: float) -> dict[str, float]:
    return {"start": start, "end": end}


def test_a_whole_recording_has_no_holes() -> None:
    assert holes([segment(0, 42)], [], 42) == []


def test_an_outage_is_called_so_and_other_holes_unrecorded() -> None:
    found = holes([segment(0, 18), segment(25, 40)], [(17.5, 24, "network")], 42)
    assert [(one["start"], one["end"], one["kind"]) for one in found] == [(18, 25, "lost"), (40, 42, "unrecorded")]


def test_a_point_that_came_late_was_not_recorded_before() -> None:
    assert holes([segment(10, 42)], [(100, 200, "network")], 42) == [
        {"start": 0.0, "end": 10, "kind": "unrecorded", "reason": ""}
    ]


def test_nobody_sees_a_hole_of_a_few_frames() -> None:
    assert holes([segment(0.2, 10), segment(10.3, 42)], [], 42) == []


def test_pauses_are_times_without_record() -> None:
    log = [(1.0, "session.started"), (5.0, "session.paused"), (8.0, "session.resumed"), (12.0, "sidetalk.started"),
           (15.0, "sidetalk.ended"), (30.0, "session.closed")]  # fmt: skip
    assert [(one["start"], one["end"]) for one in pauses(log, 30.0)] == [(5, 8), (12, 15)]


def test_a_pause_that_never_ended_reaches_the_end() -> None:
    assert [(one["start"], one["end"]) for one in pauses([(-3.0, "session.paused")], 9.0)] == [(0, 9)]


def test_points_that_begin_and_end_a_little_apart_look_whole() -> None:
    assert holes([segment(0.9, 20.6)], [], 21.4) == []
    assert pauses([(20.9, "session.closed")], 21.4) == []


def test_a_noted_outage_at_the_end_is_shown_however_short() -> None:
    assert [one["kind"] for one in holes([segment(0, 20.4)], [(20.4, 21.4, "crash")], 21.4)] == ["lost"]


def test_the_page_begins_where_all_points_have_a_picture() -> None:
    def point(start: float, paper: bool = False) -> dict[str, Any]:
        return {"segments": [segment(start, 40)], "paper": paper}

    assert first_moment([point(0), point(0.4), point(0.9)]) == 0.9
    assert first_moment([point(0), point(12)]) == 0, "a point that came much later is not waited for"
    assert first_moment([point(0), point(1.2, paper=True)]) == 0
    assert first_moment([]) == 0


def test_what_a_point_recorded_of_a_lost_time_fills_it() -> None:
    gaps = [*holes([segment(0, 18), segment(25, 40)], [(17.5, 24, "network")], 60)]
    assert filled(gaps, [(17.0, 21.0), (22.0, 40.0)]) == [(18, 21), (22, 25)]
    assert filled(gaps, [(26.0, 59.0)]) == [], "a time not recorded on purpose is no gap to fill"
    assert filled(gaps, [(17.0, 18.2)]) == [], "nobody sees a few frames"
