"""The time line of a replay: where a point has nothing, and why."""

from __future__ import annotations

from web.pages.replay import holes, pauses


def segment(start: float, end: float) -> dict[str, float]:
    return {"start": start, "end": end}


def test_a_whole_recording_has_no_holes() -> None:
    assert holes([segment(0, 42)], [], 42) == []


def test_an_outage_is_called_so_and_other_holes_unrecorded() -> None:
    found = holes([segment(0, 18), segment(25, 40)], [(17.5, 24)], 42)
    assert [(one["start"], one["end"], one["kind"]) for one in found] == [(18, 25, "lost"), (40, 42, "unrecorded")]


def test_a_point_that_came_late_was_not_recorded_before() -> None:
    assert holes([segment(10, 42)], [(100, 200)], 42) == [{"start": 0.0, "end": 10, "kind": "unrecorded"}]


def test_nobody_sees_a_hole_of_a_few_frames() -> None:
    assert holes([segment(0.2, 10), segment(10.3, 42)], [], 42) == []


def test_pauses_are_times_without_record() -> None:
    log = [(1.0, "session.started"), (5.0, "session.paused"), (8.0, "session.resumed"), (12.0, "sidetalk.started"),
           (15.0, "sidetalk.ended"), (30.0, "session.closed")]  # fmt: skip
    assert [(one["start"], one["end"]) for one in pauses(log, 30.0)] == [(5, 8), (12, 15)]


def test_a_pause_that_never_ended_reaches_the_end() -> None:
    assert [(one["start"], one["end"]) for one in pauses([(-3.0, "session.paused")], 9.0)] == [(0, 9)]
