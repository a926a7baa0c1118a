"""What watches over the record, in virtual time: alarms, room on the disk, breaks and the chair, abandoned sessions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import messages as r
from signaling import messages as m
from signaling.commands import Abandoned, Disconnect, DiskRoom, Interrupted, RelayGone, Tick
from signaling.errors import Refusal
from signaling.recordwatch import is_empty, left_s, planned_bps
from signaling.state import Break, recording, standing_alarms
from tests.support.room_bench import Bench, room_with, running

FILE = "a.mic.1.abcdefgh.dcj"


def code(decision: Any) -> str:
    assert isinstance(decision, Refusal)
    return decision.code


def recorded(*points: str) -> Bench:
    """A session whose points' microphones are on disk."""
    bench = running(*points)
    for point in points:
        bench.live(point, "mic")
        bench.written(point, "mic")
    bench.now += 2
    return bench


def ticks(bench: Bench, seconds: float, break_s: float = 60.0) -> float | None:
    """One tick a second; after how many the first alarm came."""
    for second in range(int(seconds)):
        bench.now += 1
        bench.do(Tick(break_s))
        if bench.kinds().count("record.alarm"):
            return second + 1
    return None


# --- alarms ----------------------------------------------------------------------------------------------------------


def test_an_expected_track_that_is_not_written_is_an_alarm_within_ten_seconds() -> None:
    bench = running("a")
    bench.live("a", "mic")
    after = ticks(bench, 30)
    assert after is not None and after <= 10


def test_a_journal_that_stops_growing_while_media_arrives_is_an_alarm_until_it_grows_again() -> None:
    bench = recorded("a")
    assert recording(bench.state, bench.now)
    for _ in range(2):  # relays repeat what was not acknowledged
        bench.report(r.WriteFailed(code="not_written", file=FILE, since=bench.now - 6))
    assert bench.kinds().count("record.alarm") == 1
    assert bench.log[-1].body["since"] == bench.now - 6
    assert standing_alarms(bench.state, bench.now) == ("not_written:a:mic",)
    assert not recording(bench.state, bench.now)
    bench.written("a", "mic")
    assert standing_alarms(bench.state, bench.now) == () and recording(bench.state, bench.now)
    bench.report(r.WriteFailed(code="not_written", file=FILE, since=bench.now))
    assert standing_alarms(bench.state, bench.now) == ("not_written:a:mic",), "the second time is told, too"


def test_after_a_full_disk_the_log_says_whether_anything_was_given_up() -> None:
    bench = recorded("a")
    bench.report(r.WriteFailed(code="disk_full", file=FILE))
    bench.report(r.TrackWritten(participant="a", source="mic", part=1, file=FILE, dropped=3))
    assert bench.log[-1].kind == "record.confirmed" and bench.log[-1].body["dropped"] == 3


# --- room on the disk ------------------------------------------------------------------------------------------------


def test_a_disk_below_its_floor_is_an_alarm_and_the_record_goes_on() -> None:
    bench = recorded("a")
    for left in (7300, 7100, 7000):
        bench.do(DiskRoom(left, 7200))
    assert bench.kinds().count("record.alarm") == 1 and bench.log[-1].body == {"code": "disk_low", "left_s": 7100}
    assert standing_alarms(bench.state, bench.now) == ("disk_low",) and recording(bench.state, bench.now)
    bench.report(r.WriteFailed(code="disk_full", file=FILE))
    bench.written("a", "mic")
    assert standing_alarms(bench.state, bench.now) == ("disk_low",), "written again, and still little room"
    bench.do(DiskRoom(7300, 7200))
    assert standing_alarms(bench.state, bench.now) == ("disk_low",), "it does not flicker"
    bench.do(DiskRoom(9000, 7200))
    assert standing_alarms(bench.state, bench.now) == () and bench.kinds()[-1] == "record.alarm_over"


def test_room_does_not_matter_where_nothing_is_recorded() -> None:
    bench = running("a", record="off")
    assert bench.do(DiskRoom(1, 7200)) == []


def test_two_hours_are_computed_from_what_is_written_and_what_will_be() -> None:
    two_hours_of_two_points = 2 * 1_500_000 * 7200 / 8
    bench = room_with("a")
    planned = planned_bps(bench.state, "full")
    assert planned == 3_000_000 and planned_bps(bench.state, "off") == 0
    assert left_s(int(two_hours_of_two_points), 0, planned, is_recorded=False) == pytest.approx(7200)
    assert left_s(int(two_hours_of_two_points), 3_000_000, planned, is_recorded=False) == pytest.approx(3600)
    assert left_s(int(two_hours_of_two_points), 6_000_000, planned, is_recorded=True) == pytest.approx(3600)
    assert left_s(10, 0, 0, is_recorded=False) == float("inf")


# --- one click -------------------------------------------------------------------------------------------------------


def test_one_click_begins_the_record_anew() -> None:
    bench = recorded("a")
    bench.report(r.WriteFailed(code="disk_error", file=FILE))
    bench.ask("op", m.RestartRecord(req="1"))
    assert bench.log[-1].kind == "record.started" and bench.log[-1].body["restart"] is True
    assert (bench.state.part, bench.state.record) == (2, "full")
    assert standing_alarms(bench.state, bench.now) == () and not recording(bench.state, bench.now)
    bench.written("a", "mic")
    bench.now += 2
    assert recording(bench.state, bench.now)


def test_nothing_is_begun_anew_where_nothing_is_recorded_or_by_whoever_has_no_buttons() -> None:
    bench = running("a", record="off")
    assert code(bench.ask("op", m.RestartRecord(req="1"))) == "record.not_on"
    assert code(recorded("a").ask("a", m.RestartRecord(req="1"))) == "right.buttons"


# --- breaks ----------------------------------------------------------------------------------------------------------


def lost_line(bench: Bench, point: str) -> None:
    bench.report(r.SourceSilent(participant=point, source="mic", since=bench.now - 2))


def test_a_break_that_lasts_too_long_is_put_to_the_chair_once() -> None:
    bench = recorded("a", "b")
    lost_line(bench, "a")
    since = bench.now - 2
    ticks(bench, 57)
    assert "break.asked" not in bench.kinds()
    ticks(bench, 200)
    assert bench.kinds().count("break.asked") == 1
    assert bench.state.question == Break(since, "line", ("a",), None, asked=True)
    bench.live("a", "mic")
    assert bench.state.broken is None
    assert bench.state.question is not None and bench.state.question.until == bench.now
    bench.ask("op", m.AnswerBreak(req="1", answer="repeat"))
    body = bench.log[-1].body
    assert (body["answer"], body["by"], body["since"], body["is_over"]) == ("repeat", "op", since, True)
    assert bench.state.question is None


def test_a_short_break_is_nobodys_question_and_a_new_one_is_counted_anew() -> None:
    bench = recorded("a")
    for _ in range(3):
        lost_line(bench, "a")
        ticks(bench, 40)
        bench.live("a", "mic")
        ticks(bench, 40)
    assert "break.asked" not in bench.kinds() and bench.state.broken is None


def test_the_limit_is_the_rule_profiles() -> None:
    bench = recorded("a")
    lost_line(bench, "a")
    ticks(bench, 9, break_s=10)
    assert bench.state.question is not None


def test_a_dead_relay_and_a_refusing_disk_are_breaks_too() -> None:
    for broken, cause in ((RelayGone(), "relay"), (None, "disk")):
        bench = recorded("a")
        if broken is not None:
            bench.do(broken)
        else:
            bench.report(r.WriteFailed(code="disk_full", file=FILE))
        ticks(bench, 1)
        bench.now += 70
        bench.do(Tick())
        assert bench.state.question is not None and bench.state.question.cause == cause


def test_what_is_not_recorded_has_no_breaks() -> None:
    for record in ("off", "full"):
        bench = running("a", record=record)
        bench.live("a", "mic")
        if record == "full":
            bench.ask("op", m.Pause(req="1"))
        lost_line(bench, "a")
        ticks(bench, 90)
        assert "break.asked" not in bench.kinds()


def test_an_answer_needs_a_question_and_the_buttons() -> None:
    bench = recorded("a")
    assert code(bench.ask("op", m.AnswerBreak(req="1", answer="continue"))) == "break.not_asked"
    assert code(bench.ask("a", m.AnswerBreak(req="1", answer="continue"))) == "right.buttons"
    lost_line(bench, "a")
    ticks(bench, 90)
    bench.ask("op", m.Close(req="1"))
    assert bench.state.question is None and bench.state.broken is None, "the close is an answer"


# --- sessions that nobody came back to -------------------------------------------------------------------------------


def test_a_session_that_nobody_came_back_to_is_closed_for_good() -> None:
    bench = recorded("a")
    bench.do(Interrupted(bench.now - 100))
    assert bench.state.interrupted_utc == bench.now
    assert bench.do(Abandoned(bench.now)) == [], "somebody is there"
    bench.do(RelayGone())
    for who in ("op", "a"):
        bench.do(Disconnect(who))
    assert is_empty(bench.state)
    bench.do(Abandoned(bench.now - 900))
    assert bench.log[-1].kind == "session.closed"
    assert bench.log[-1].body["lock"] is True and bench.log[-1].body["reason"] == "abandoned"
    assert bench.state.lock_due(bench.now)
    assert bench.do(Interrupted(0)) == []


# --- whatever happens ------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.sampled_from(
        ["lost", "back", "full", "written", "gone", "pause", "resume", "restart", "ask", "low", "room", "stop", "close"]
    ),
    max_size=25,
)


def play(bench: Bench, step: str) -> None:
    match step:
        case "lost":
            lost_line(bench, "a")
        case "back":
            bench.live("a", "mic")
        case "full":
            bench.report(r.WriteFailed(code="disk_full", file=FILE))
        case "written":
            bench.written("a", "mic")
        case "gone":
            bench.do(RelayGone())
        case "pause":
            bench.ask("op", m.Pause(req="1"))
        case "resume":
            bench.ask("op", m.Resume(req="1"))
        case "restart":
            bench.ask("op", m.RestartRecord(req="1"))
        case "ask":
            bench.ask("op", m.AnswerBreak(req="1", answer="continue"))
        case "low":
            bench.do(DiskRoom(1, 7200))
        case "room":
            bench.do(DiskRoom(1e6, 7200))
        case "stop":
            bench.ask("op", m.SetRecord(req="1", record="off"))
        case "close":
            bench.ask("op", m.Close(req="1"))


@given(STEPS)
def test_breaks_and_questions_stay_in_order_whatever_happens(steps: list[str]) -> None:
    """Never more answers than questions, none asked of what is not recorded, and no question without a break."""
    bench = recorded("a")
    for step in steps:
        play(bench, step)
        bench.now += 45
        before = bench.state
        decided = bench.do(Tick())
        assert not isinstance(decided, Refusal)
        for event in decided:
            if event.kind == "break.asked":
                assert before.broken is not None and before.state == "running" and before.record != "off"
                assert bench.now - event.body["since"] >= 60
        kinds = bench.kinds()
        assert kinds.count("break.answered") <= kinds.count("break.asked")
        if bench.state.broken is not None:
            assert bench.state.state == "running" and bench.state.record != "off"
