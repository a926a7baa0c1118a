"""The room's rules, in virtual time."""

from __future__ import annotations

import pytest

from media import messages as r
from signaling import messages as m
from signaling.commands import HUB, Add, Ask, Connect, Disconnect, Locked, Open, RelayGone, RingAnswered, RingNext, Tick
from signaling.desired import desired
from signaling.errors import SENTENCES, Refusal
from signaling.rules import may
from signaling.state import REOPEN_S, expected, recording, standing_alarms
from tests.support.room_bench import Bench, room_with, running


def code(outcome: object) -> str:
    """The refusal's code, "" for success."""
    if isinstance(outcome, Refusal):
        assert outcome.code in SENTENCES
        return outcome.code
    return ""


def member(bench: Bench, participant: str) -> r.Member:
    return next(one for one in desired(bench.state, 1, 1).members if one.participant == participant)


def insiders(bench: Bench) -> set[str]:
    return {one.participant for one in desired(bench.state, 1, 1).members}


def test_admission_connects_and_records_nothing() -> None:
    bench = room_with("a", "b")
    wanted = desired(bench.state, 3, 7)
    assert (wanted.state, wanted.record, wanted.epoch, wanted.version) == ("running", "off", 3, 7)
    assert {one.participant: one.peer for one in wanted.members} == {"op": "dev-op", "a": "dev-a", "b": "dev-b"}


def test_first_operator_has_the_buttons() -> None:
    bench = room_with()
    assert bench.state.operator == "op"


def test_waiting_point_has_no_media_and_may_only_leave() -> None:
    bench = room_with()
    bench.do(Add("a", "point"))
    bench.do(Connect("a", "dev-a"))
    assert bench.state.find("a").state == "waiting"
    assert insiders(bench) == {"op"}
    assert may(bench.state, "a", bench.now) == ("leave",)
    assert code(bench.ask("a", m.Publish(req="1", sdp="v=0"))) == "participant.not_admitted"


def test_sent_back_point_loses_its_media_and_can_be_admitted_again() -> None:
    bench = room_with("a")
    bench.ask("op", m.SendBack(req="1", participant="a"))
    assert insiders(bench) == {"op"}
    bench.ask("op", m.Admit(req="1", participant="a"))
    bench.do(Connect("a", "dev-a"))
    assert insiders(bench) == {"op", "a"}


def test_removed_point_cannot_come_back() -> None:
    bench = room_with("a")
    bench.ask("op", m.Remove(req="1", participant="a", reason="rời phòng"))
    assert insiders(bench) == {"op"}
    assert code(bench.do(Connect("a", "dev-a"))) == "participant.removed"
    assert code(bench.ask("a", m.Hand(req="1", up=True))) == "participant.removed"


def test_lost_control_line_leaves_media_alone_and_comes_back_without_asking() -> None:
    bench = room_with("a")
    bench.do(Disconnect("a"))
    assert insiders(bench) == {"op", "a"}
    bench.do(Connect("a", "dev-a"))
    assert bench.state.find("a").state == "joined"


def test_who_waited_and_lost_the_line_waits_again() -> None:
    bench = room_with()
    bench.do(Add("a", "point"))
    bench.do(Connect("a", "dev-a"))
    bench.do(Disconnect("a"))
    assert insiders(bench) == {"op"}
    bench.do(Connect("a", "dev-a"))
    assert bench.state.find("a").state == "waiting"


def test_new_device_of_a_participant_takes_over_its_media() -> None:
    bench = room_with("a")
    bench.live("a", "mic")
    bench.do(Connect("a", "dev-new"))
    assert member(bench, "a").peer == "dev-new"
    assert bench.state.find("a").live == ()


def test_own_mute_and_operator_mute_are_apart() -> None:
    bench = room_with("a")
    bench.ask("a", m.SetSource(req="1", source="mic", on=False))
    bench.ask("op", m.Mute(req="1", participant="a", source="mic"))
    assert member(bench, "a").muted == ("mic",)
    bench.ask("a", m.SetSource(req="1", source="mic", on=True))
    assert member(bench, "a").muted == ("mic",), "a point cannot lift the operator's mute"
    bench.ask("op", m.Mute(req="1", participant="a", source="mic", on=False))
    assert member(bench, "a").muted == ()


def test_operator_muting_herself_by_the_operators_button_can_lift_it() -> None:
    bench = room_with("a")
    bench.ask("op", m.Mute(req="1", participant="op", source="mic"))
    assert bench.state.find("op").muted_operator == ("mic",)
    bench.ask("op", m.Mute(req="1", participant="op", source="mic", on=False))
    assert member(bench, "op").muted == ()


def test_point_has_no_operator_rights() -> None:
    bench = room_with("a", "b")
    assert code(bench.ask("a", m.Mute(req="1", participant="b", source="mic"))) == "right.buttons"
    assert code(bench.ask("a", m.Close(req="1"))) == "right.buttons"
    assert code(bench.ask("a", m.TakeOver(req="1"))) == "right.missing"


def test_second_operator_takes_over_with_one_click() -> None:
    bench = room_with("a")
    bench.do(Add("op2", "operator"))
    bench.do(Connect("op2", "dev-op2"))
    assert bench.state.operator == "op"
    assert code(bench.ask("op2", m.Pause(req="1"))) == "right.buttons"
    assert code(bench.ask("op2", m.TakeOver(req="1"))) == ""
    assert bench.state.operator == "op2"
    assert "admit" not in may(bench.state, "op", bench.now)
    assert "admit" in may(bench.state, "op2", bench.now)


def test_unknown_participant_is_refused() -> None:
    bench = room_with()
    assert code(bench.ask("op", m.Admit(req="1", participant="nobody"))) == "participant.unknown"
    assert code(bench.ask("nobody", m.Hand(req="1", up=True))) == "participant.unknown"


# --- notice and record -----------------------------------------------------------------------------------------------


def test_record_needs_the_notice() -> None:
    bench = room_with("a")
    assert code(bench.ask("op", m.Start(req="1", record="full"))) == "notice.not_read"
    assert code(bench.ask("op", m.Start(req="1", record="off"))) == ""


def test_objection_makes_the_chair_decide_with_a_reason() -> None:
    bench = room_with("a")
    bench.ask("op", m.ReadNotice(req="1"))
    bench.ask("a", m.AnswerNotice(req="1", participant="a", answer="objects"))
    assert code(bench.ask("op", m.Start(req="1", record="full"))) == "record.reason_needed"
    assert code(bench.ask("op", m.Start(req="1", record="sound", reason="Chủ trì quyết định chỉ ghi âm"))) == ""
    started = next(event for event in bench.log if event.kind == "record.started")
    assert started.body["mode"] == "sound"
    assert started.body["reason"] == "Chủ trì quyết định chỉ ghi âm"


def test_answer_of_a_person_at_the_point() -> None:
    bench = room_with("a")
    bench.ask("a", m.People(req="1", participant="a", people=({"name": "A"}, {"name": "B"})), "p1", "p2")
    bench.ask("op", m.ReadNotice(req="1"))
    bench.ask("a", m.AnswerNotice(req="1", participant="a", person="p1", answer="heard"))
    bench.ask("a", m.AnswerNotice(req="1", participant="a", person="p2", answer="objects"))
    assert bench.state.find("a").notice == "objects"
    unknown = m.AnswerNotice(req="1", participant="a", person="p9", answer="heard")
    assert code(bench.ask("a", unknown)) == "person.unknown"


def test_recording_is_true_only_when_every_expected_track_is_on_disk() -> None:
    bench = running("a")
    bench.live("a", "mic", "camera")
    bench.live("op", "mic")
    bench.now += 1.0
    assert expected(bench.state, bench.now) == {("a", "mic"), ("a", "camera"), ("op", "mic")}
    assert not recording(bench.state, bench.now)
    bench.written("a", "mic", "camera")
    assert not recording(bench.state, bench.now)
    bench.written("op", "mic")
    assert recording(bench.state, bench.now)


def test_nobody_sending_is_not_a_recording() -> None:
    bench = running("a")
    bench.now += 5
    assert not recording(bench.state, bench.now)


def test_muted_source_and_pictures_of_a_sound_record_are_not_expected() -> None:
    bench = running("a", record="sound")
    bench.live("a", "mic", "camera")
    bench.live("op", "mic")
    bench.ask("op", m.Mute(req="1", participant="op", source="mic"))
    bench.now += 1.0
    assert expected(bench.state, bench.now) == {("a", "mic")}


def test_track_missing_for_eight_seconds_raises_one_alarm_that_ends_when_it_is_written() -> None:
    bench = running("a")
    bench.live("a", "mic")
    bench.now += 7.9
    assert bench.do(Tick()) == []
    bench.now += 0.1
    bench.do(Tick())
    bench.do(Tick())
    assert bench.kinds().count("record.alarm") == 1
    assert standing_alarms(bench.state, bench.now) == ("not_written:a:mic",)
    bench.written("a", "mic")
    assert standing_alarms(bench.state, bench.now) == ()


def test_full_disk_is_an_alarm_and_no_recording() -> None:
    bench = running("a")
    bench.live("a", "mic")
    bench.written("a", "mic")
    bench.now += 2
    assert recording(bench.state, bench.now)
    bench.report(r.WriteFailed(code="disk_full"))
    assert not recording(bench.state, bench.now)
    assert standing_alarms(bench.state, bench.now) == ("disk_full",)


def test_alarm_of_the_disk_ends_when_all_that_it_refused_is_written_again() -> None:
    bench = running("a", "b")
    for who in ("a", "b"):
        bench.live(who, "mic")
        bench.written(who, "mic")
    bench.now += 2
    for who in ("a", "b", "a"):
        bench.report(r.WriteFailed(code="disk_full", file=f"{who}.mic.1.abcdefgh.dcj"))
    assert bench.kinds().count("record.alarm") == 2
    bench.now += 20
    assert bench.do(Tick()) == [], "one alarm is enough"
    bench.written("a", "mic")
    assert standing_alarms(bench.state, bench.now) == ("disk_full",)
    assert not recording(bench.state, bench.now)
    bench.written("b", "mic")
    assert standing_alarms(bench.state, bench.now) == ()
    assert recording(bench.state, bench.now)
    bench.report(r.WriteFailed(code="disk_full", file="a.mic.1.abcdefgh.dcj"))
    assert standing_alarms(bench.state, bench.now) == ("disk_full",)
    assert not recording(bench.state, bench.now)


def test_alarm_of_the_disk_does_not_wait_for_somebody_who_left() -> None:
    bench = running("a", "b")
    for who in ("a", "b"):
        bench.live(who, "mic")
        bench.written(who, "mic")
        bench.report(r.WriteFailed(code="disk_full", file=f"{who}.mic.1.abcdefgh.dcj"))
    bench.ask("op", m.Remove(req="1", participant="b"))
    bench.written("a", "mic")
    assert standing_alarms(bench.state, bench.now) == ()


def test_each_change_of_the_record_is_a_new_part() -> None:
    bench = running("a")
    assert bench.state.part == 1
    bench.ask("op", m.SetRecord(req="1", record="sound"))
    assert bench.state.part == 2
    bench.ask("op", m.SetRecord(req="1", record="off"))
    assert desired(bench.state, 1, 1).record == "off"
    bench.ask("op", m.SetRecord(req="1", record="full"))
    assert (bench.state.part, desired(bench.state, 1, 1).part) == (3, 3)
    assert code(bench.ask("op", m.SetRecord(req="1", record="full"))) == "record.no_change"


def test_report_of_an_older_part_confirms_nothing() -> None:
    bench = running("a")
    bench.ask("op", m.SetRecord(req="1", record="sound"))
    assert bench.report(r.TrackWritten(participant="a", source="mic", part=1, file="f")) == []


# --- course ----------------------------------------------------------------------------------------------------------


def test_pause_stops_everything_and_resume_goes_on() -> None:
    bench = running("a")
    bench.ask("op", m.Pause(req="1"))
    assert desired(bench.state, 1, 1).state == "paused"
    assert code(bench.ask("op", m.Start(req="1", record="full"))) == "session.wrong_state"
    bench.ask("op", m.Resume(req="1"))
    assert desired(bench.state, 1, 1).state == "running"
    assert bench.state.part == 1


def test_side_talk_is_heard_by_the_named_only_and_not_recorded() -> None:
    bench = running("a", "b")
    assert code(bench.ask("op", m.SideTalk(req="1", participants=("op", "b")))) == ""
    assert member(bench, "op").receives == ("b",)
    assert member(bench, "b").receives == ("op",)
    assert member(bench, "a").receives == ()
    assert [one.record for one in desired(bench.state, 1, 1).members] == [False, True, False]
    bench.ask("op", m.SideTalk(req="1"))
    assert member(bench, "a").receives is None


def test_side_talk_within_a_pause_leaves_the_others_cut_off() -> None:
    bench = running("a", "b", "c")
    bench.ask("op", m.Pause(req="1"))
    bench.ask("op", m.SideTalk(req="1", participants=("op", "b")))
    wanted = desired(bench.state, 1, 1)
    assert wanted.state == "running"
    assert all(not one.record for one in wanted.members)
    assert member(bench, "a").receives == ()
    assert set(member(bench, "c").muted) == {"mic", "camera", "screen", "document"}
    assert member(bench, "op").receives == ("b",)


def test_side_talk_needs_two_who_are_inside() -> None:
    bench = running("a")
    assert code(bench.ask("op", m.SideTalk(req="1", participants=("op",)))) == "sidetalk.too_few"
    assert code(bench.ask("op", m.SideTalk(req="1", participants=("op", "x")))) == "sidetalk.too_few"


def test_closing_stops_media_and_fifteen_minutes_allow_to_go_on() -> None:
    bench = running("a")
    bench.ask("op", m.Close(req="1"))
    assert desired(bench.state, 1, 1).state == "closed"
    bench.now += REOPEN_S - 1
    assert "resume" in may(bench.state, "op", bench.now)
    bench.ask("op", m.Resume(req="1"))
    assert bench.state.state == "running"
    assert bench.state.part == 2, "the closed part's journals are finished"
    assert desired(bench.state, 1, 1).record == "full"


def test_after_fifteen_minutes_the_lock_is_due() -> None:
    bench = running("a")
    bench.ask("op", m.Close(req="1"))
    assert not bench.state.lock_due(bench.now + REOPEN_S - 1)
    bench.now += REOPEN_S
    assert bench.state.lock_due(bench.now)
    assert code(bench.ask("op", m.Resume(req="1"))) == "session.not_reopenable"
    assert "resume" not in may(bench.state, "op", bench.now)
    bench.do(Locked("m"))
    assert bench.state.state == "locked"
    assert code(bench.ask("op", m.Bookmark(req="1"))) == "session.over"


def test_close_with_lock_is_due_at_once_and_cannot_go_on() -> None:
    bench = running("a")
    bench.do(Ask(HUB, m.Close(req="1", lock=True)))
    assert bench.state.lock_due(bench.now)
    assert code(bench.ask("op", m.Resume(req="1"))) == "session.not_reopenable"


def test_denunciation_cuts_the_point_off_and_ends_the_record() -> None:
    bench = running("a", "b")
    bench.live("a", "mic")
    assert code(bench.ask("a", m.ToDenunciation(req="1", participant="a"))) == ""
    assert insiders(bench) == {"op", "b"}
    assert desired(bench.state, 1, 1).record == "off"
    assert bench.state.restricted
    assert code(bench.do(Connect("a", "dev-a"))) == "participant.removed"
    assert code(bench.ask("op", m.SetRecord(req="1", record="full"))) == "session.restricted"
    assert code(bench.ask("b", m.ToDenunciation(req="1", participant="a"))) == "right.buttons"


# --- rings -----------------------------------------------------------------------------------------------------------


def test_ring_goes_from_duty_officer_to_substitute_to_phone() -> None:
    bench = room_with()
    bench.ask("op", m.Ring(req="1", site="luc-ngan"))
    ring = bench.state.rings[0]
    assert code(bench.ask("op", m.Ring(req="1", site="luc-ngan"))) == "ring.already"
    stages = [ring.stage]
    for _ in range(3):
        bench.do(RingNext(ring.ring))
        stages.append(bench.state.rings[0].stage)
    assert stages == ["duty", "substitute", "phone", "phone"]


def test_answered_ring_brings_the_site_in_at_once() -> None:
    bench = room_with()
    bench.ask("op", m.Ring(req="1", site="luc-ngan"))
    bench.do(RingAnswered(bench.state.rings[0].ring, True, "p9"))
    assert bench.state.rings == ()
    bench.do(Connect("p9", "dev-9"))
    assert insiders(bench) == {"op", "p9"}
    assert bench.state.find("p9").site == "luc-ngan"


def test_declined_and_cancelled_rings_end() -> None:
    bench = room_with()
    bench.ask("op", m.Ring(req="1", site="x"))
    bench.do(RingAnswered(bench.state.rings[0].ring, False, "p9"))
    assert bench.state.find("p9") is None
    bench.ask("op", m.Ring(req="1", site="x"))
    bench.ask("op", m.CancelRing(req="1", site="x"))
    assert bench.state.rings == ()
    assert code(bench.ask("op", m.CancelRing(req="1", site="x"))) == "ring.unknown"


# --- outages ---------------------------------------------------------------------------------------------------------


def test_dead_relay_is_one_outage_that_ends_when_the_source_is_live_again() -> None:
    bench = running("a")
    bench.live("a", "mic", "camera")
    bench.written("a", "mic", "camera")
    bench.do(RelayGone())
    assert bench.state.outages == (("a", "relay"),)
    assert desired(bench.state, 1, 1).part == 2
    assert not recording(bench.state, bench.now + 5)
    bench.now += 4
    bench.live("a", "mic", "camera")
    assert bench.state.outages == ()
    assert bench.kinds().count("outage.started") == bench.kinds().count("outage.ended") == 1


def test_silence_of_the_last_open_source_is_an_outage_of_the_line() -> None:
    bench = running("a")
    bench.live("a", "mic", "camera")
    bench.report(r.SourceSilent(participant="a", source="mic", since=bench.now))
    assert bench.state.outages == ()
    bench.report(r.SourceSilent(participant="a", source="camera", since=bench.now - 2))
    assert bench.state.outages == (("a", "line"),)
    started = next(event for event in bench.log if event.kind == "outage.started")
    assert started.body["since"] == bench.now - 2
    bench.live("a", "mic")
    assert bench.state.outages == ()


def test_silence_of_a_muted_source_is_no_outage() -> None:
    bench = running("a")
    bench.live("a", "mic")
    bench.ask("a", m.SetSource(req="1", source="mic", on=False))
    bench.report(r.SourceSilent(participant="a", source="mic", since=bench.now))
    assert bench.state.outages == ()


def test_repeated_reports_change_nothing() -> None:
    bench = running("a")
    bench.live("a", "mic")
    bench.written("a", "mic")
    before = bench.state
    bench.live("a", "mic")
    bench.written("a", "mic")
    assert bench.state == before


# --- minutes ---------------------------------------------------------------------------------------------------------


def test_one_writes_the_minutes_and_another_may_take_them() -> None:
    bench = running("a")
    assert code(bench.ask("op", m.MinutesLine(req="1", text="x"))) == "minutes.not_writer"
    bench.ask("op", m.MinutesTake(req="1"))
    assert code(bench.ask("op", m.MinutesLine(req="1", text="x"))) == ""
    bench.ask("a", m.MinutesTake(req="1"))
    assert code(bench.ask("op", m.MinutesLine(req="1", text="x"))) == "minutes.not_writer"
    bench.ask("a", m.MinutesFreeze(req="1"))
    assert code(bench.ask("a", m.MinutesTake(req="1"))) == "minutes.frozen"


def test_words_of_people_never_enter_the_log() -> None:
    bench = running("a")
    bench.ask("op", m.MinutesTake(req="1"))
    bench.ask("op", m.MinutesLine(req="1", text="Bà B nói về thửa đất", speaker="Bà B"))
    bench.ask("op", m.Bookmark(req="1", text="Bà B nói về thửa đất"))
    people = m.People(req="1", participant="a", people=({"name": "Bà B"},))
    bench.ask("a", people, "p1")
    assert all("Bà B" not in str(event.body) for event in bench.log)


@pytest.mark.parametrize(
    ("message", "expected_code"),
    [
        (m.Pause(req="1", reason="x" * 501), "reason.too_long"),
        (m.Bookmark(req="1", text="x" * 501), "text.too_long"),
        (m.Chat(req="1", text="x" * 501), "text.too_long"),
        (m.People(req="1", participant="op", people=({},) * 61), "people.invalid"),
        (m.Ring(req="1", site=""), "site.unknown"),
        (m.Hello(version=1, token="t", device="d"), "message.unknown"),
    ],
)
def test_bad_values_are_refused(message: object, expected_code: str) -> None:
    bench = running("a")
    assert code(bench.ask("op", message)) == expected_code


def test_planned_session_cannot_be_entered_before_it_opens() -> None:
    bench = Bench()
    bench.do(Add("op", "operator"))
    assert code(bench.do(Connect("op", "d"))) == "session.wrong_state"
    bench.do(Open())
    assert code(bench.do(Connect("op", "d"))) == ""
