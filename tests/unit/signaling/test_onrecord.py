"""What of a point's own recording may be kept: only times in which the log had it on the record."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signaling.fold import apply
from signaling.onrecord import MARGIN_S, OnRecord
from signaling.state import Event, RoomState, recorded

S, P = "s" * 24, "p" * 24
BOTH = ("camera", "mic")


def held(*more: Event) -> list[Event]:
    """A session that is recorded from 100 on, with one point."""
    return [
        Event("session.opened", 10, {"chat": False}),
        Event("participant.added", 11, {"participant": P, "role": "point", "site": "x", "admitted": True}),
        Event("participant.joined", 12, {"participant": P, "peer": "d"}),
        Event("participant.joined", 12, {"participant": "op", "peer": "e"}),
        Event("session.started", 100, {"by": "op", "record": "full"}),
        Event("record.started", 100, {"mode": "full", "part": 1, "by": "op"}),
        *more,
    ]


def against(start: float, end: float, *more: Event, sources: tuple[str, ...] = BOTH) -> str:
    return OnRecord(S, P, held(*more)).against(sources, start, end)


def test_it_works() -> None:
    assert against(101, 105) == ""
    assert against(101, 105, Event("participant.lost", 102, {"participant": P})) == ""


def test_before_the_start_and_after_the_close_nothing_is_kept() -> None:
    assert against(98, 102) == "not_started"
    assert against(5, 9) == "not_started"
    closed = Event("session.closed", 200, {"by": "op"})
    assert against(190, 195, closed) == ""
    assert against(196, 200, closed) == "closed", "a clock may be a little wrong"
    assert against(205, 210, closed) == "closed"


def test_a_pause_that_the_point_did_not_hear_of_is_cut_out() -> None:
    pause = (Event("session.paused", 120, {"by": "op"}), Event("session.resumed", 140, {"by": "op"}))
    assert [against(at, at + 4, *pause) for at in (114, 118, 125, 138, 141)] == ["", "pause", "pause", "pause", ""]


def test_a_side_talk_counts_for_those_who_are_in_it() -> None:
    talk = (Event("sidetalk.started", 120, {"participants": [P, "op"]}), Event("sidetalk.ended", 140, {}))
    assert against(125, 129, *talk) == "sidetalk"
    others = (Event("sidetalk.started", 120, {"participants": ["op", "x"]}),)
    assert against(125, 129, *others) == ""


def test_a_denunciation_ends_it_for_good() -> None:
    turned = (Event("restricted.denunciation", 120, {"participant": P}), Event("record.stopped", 120, {}))
    assert against(110, 114, *turned) == ""
    assert against(118, 122, *turned) == "denunciation"
    assert against(500, 504, *turned) == "denunciation"


def test_other_ways_off_the_record() -> None:
    def after(kind: str, **body: object) -> str:
        return against(125, 129, Event(kind, 120, body))

    assert after("record.stopped", reason="") == "off"
    assert after("participant.protected", participant=P) == "protected"
    assert after("participant.left", participant=P) == "left"
    assert after("participant.removed", participant=P) == "left"


def test_a_mute_counts_for_its_source_and_sound_only_for_the_picture() -> None:
    muted = Event("source.muted", 120, {"participant": P, "source": "mic", "by": "op"})
    assert against(125, 129, muted, sources=BOTH) == "mute"
    assert against(125, 129, muted, sources=("camera",)) == ""
    sound = Event("record.started", 120, {"mode": "sound", "part": 2})
    assert against(125, 129, sound, sources=("camera",)) == "sound_only"
    assert against(125, 129, sound, sources=("mic",)) == ""


def test_a_pause_that_came_late_into_the_log_counts_from_when_it_was() -> None:
    late = Event("event.late", 120, {"epoch": 1, "number": 9, "kind": "session.paused", "body": {"by": "op"}})
    bookmark = Event("bookmark.added", 130, {"by": "op"})
    assert against(125, 129, bookmark, late) == "pause"


KINDS = st.sampled_from(
    ["session.paused", "session.resumed", "sidetalk.started", "sidetalk.ended", "record.stopped", "record.started",
     "participant.protected", "participant.unprotected", "source.muted", "source.unmuted", "restricted.denunciation"]
)  # fmt: skip
BODY = {"participant": P, "participants": [P, "op"], "source": "mic", "by": "op", "mode": "full", "part": 3}


@given(st.lists(st.tuples(KINDS, st.integers(1, 30)), max_size=12), st.integers(90, 400), st.integers(0, 50))
def test_what_is_kept_was_on_the_record_at_every_moment(news: list[tuple[str, int]], start: int, tenths: int) -> None:
    """The same question asked of the room itself, moment by moment."""
    events, at = held(), 100.0
    for kind, wait in news:
        at += wait
        events.append(Event(kind, at, BODY))
    end = start + tenths / 10
    if OnRecord(S, P, events).against(BOTH, start, end):
        return
    for moment in (start - MARGIN_S / 2, start, (start + end) / 2, end, end + MARGIN_S / 2):
        state = RoomState(session=S)
        for event in events:
            if event.utc <= moment:
                state = apply(state, event)
        one = state.find(P)
        assert one is not None and state.state == "running" and state.record == "full" and not state.restricted
        assert recorded(state, one) and "mic" not in one.muted
