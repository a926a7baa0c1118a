"""Side talks and protected points: who gets what, and that nothing of it is written."""

from __future__ import annotations

from signaling import messages as m
from signaling.desired import members
from signaling.errors import Refusal
from signaling.state import expected, recording
from signaling.views import Labels, view
from tests.support.room_bench import Bench, running


def everything_written(*points: str) -> Bench:
    room = running(*points)
    for point in points:
        room.live(point, "mic", "camera")
        room.written(point, "mic", "camera")
    room.now += 2
    assert recording(room.state, room.now)
    return room


def seen(room: Bench, viewer: str) -> m.SessionView:
    return view(room.state, viewer, Labels(), room.now)


def apart(room: Bench, viewer: str) -> set[str]:
    return {one.participant for one in seen(room, viewer).participants if one.apart}


def talk(room: Bench, *participants: str) -> None:
    assert not isinstance(room.ask("op", m.SideTalk(req="1", participants=participants)), Refusal)


def test_outsiders_know_that_there_is_one_and_not_who_but_by_the_silence() -> None:
    room = everything_written("a", "b", "c", "d")
    talk(room, "a", "b")
    for viewer in ("c", "d"):
        assert seen(room, viewer).side_talk_on and seen(room, viewer).side_talk == ()
        assert apart(room, viewer) == {"a", "b"}
    assert seen(room, "a").side_talk == ("a", "b") and apart(room, "a") == {"op", "c", "d"}
    got = {one.participant: set(one.receives or ()) for one in members(room.state)}
    for viewer, received in got.items():
        away = apart(room, viewer)
        assert not received & away and received | away | {viewer} == {"op", "a", "b", "c", "d"}
    talk(room)
    assert not seen(room, "c").side_talk_on and apart(room, "c") == set()


def test_in_a_pause_everybody_is_apart_but_those_who_talk() -> None:
    room = everything_written("a", "b", "c", "d")
    room.ask("op", m.Pause(req="1"))
    talk(room, "a", "b")
    assert apart(room, "c") == {"op", "a", "b", "d"} and apart(room, "a") == {"op", "c", "d"}


def test_the_waiting_hear_nothing_of_a_side_talk() -> None:
    room = everything_written("a", "b", "c")
    room.ask("op", m.SendBack(req="1", participant="c"))
    talk(room, "a", "b")
    assert not seen(room, "c").side_talk_on


def test_after_a_side_talk_the_record_is_confirmed_anew() -> None:
    room = everything_written("a", "b", "c")
    talk(room, "a", "b")
    assert {p for p, _ in expected(room.state, room.now)} == {"c"} and recording(room.state, room.now)
    room.now += 60
    talk(room)
    room.now += 2
    assert not recording(room.state, room.now), "their new journals are not on disk yet"
    assert not room.state.alarms
    for point in ("a", "b"):
        room.written(point, "mic", "camera")
    assert recording(room.state, room.now)


def test_a_talker_who_leaves_ends_the_talk_of_two() -> None:
    room = everything_written("a", "b", "c")
    talk(room, "a", "b")
    room.now += 60
    room.ask("b", m.Leave(req="1"))
    assert not room.state.side_talk
    assert ("a", "mic") not in expected(room.state, room.now + 0.5), "its journal may open first"


def test_a_protected_point_is_heard_and_not_recorded() -> None:
    room = everything_written("a", "b")
    assert room.ask("a", m.Protect(req="1", participant="a")) == Refusal("right.buttons")
    room.ask("op", m.Protect(req="1", participant="a", reason="nạn nhân dưới 16 tuổi"))
    member = next(one for one in members(room.state) if one.participant == "a")
    assert not member.record and member.muted == () and member.receives is None
    assert [one.protected for one in seen(room, "b").participants if one.participant == "a"] == [True]
    assert recording(room.state, room.now), "what ought to be written is"
    room.now += 30
    lift = m.Protect(req="1", participant="a", on=False)
    assert room.ask("op", lift) == Refusal("reason.needed")
    room.ask("op", m.Protect(req="1", participant="a", on=False, reason="đồng ý ghi"))
    assert next(one for one in members(room.state) if one.participant == "a").record
    room.now += 2
    assert not recording(room.state, room.now), "not before its first bytes are on disk again"
    room.written("a", "mic", "camera")
    assert recording(room.state, room.now)
    assert [e.body["reason"] for e in room.log if "protected" in e.kind] == ["nạn nhân dưới 16 tuổi", "đồng ý ghi"]
