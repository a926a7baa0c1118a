"""Any sequence of commands: the fold never fails, and who must not be heard is not in what the relay is told."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media import messages as r
from signaling import messages as m
from signaling.commands import (
    HUB,
    Add,
    Anchor,
    Ask,
    Command,
    Connect,
    Disconnect,
    Locked,
    Open,
    RelayGone,
    Reported,
    RingAnswered,
    RingNext,
    Tick,
)
from signaling.desired import desired
from signaling.errors import SENTENCES, Refusal
from signaling.fold import FOLDS, LOG_ONLY
from signaling.room import apply, decide, fold
from signaling.rules import RULES, may, tag
from signaling.state import Event, RoomState, recording
from signaling.views import Labels, view, visible_body

PEOPLE = st.sampled_from(["op", "op2", "a", "b", "v", "nobody"])
BY = st.one_of(PEOPLE, st.just(HUB))
SOURCE = st.sampled_from(["mic", "camera", "screen", "document"])
MODE = st.sampled_from(["off", "sound", "full"])
REASON = st.sampled_from(["", "vì"])
SITE = st.sampled_from(["s1", "s2"])


def _request(kind: type[Any], **fields: Any) -> st.SearchStrategy[Any]:
    return st.builds(kind, req=st.just("1"), **fields)


REQUESTS: st.SearchStrategy[Any] = st.one_of(
    _request(m.Publish, sdp=st.just("v=0"), sources=st.dictionaries(st.just("0"), SOURCE, max_size=1)),
    _request(m.SetSource, source=SOURCE, on=st.booleans()),
    _request(m.Hand, up=st.booleans()),
    _request(m.People, participant=PEOPLE, people=st.just(({"name": "A"},))),
    _request(m.Admit, participant=PEOPLE),
    _request(m.SendBack, participant=PEOPLE),
    _request(m.Remove, participant=PEOPLE),
    _request(m.Mute, participant=PEOPLE, source=SOURCE, on=st.booleans()),
    _request(m.Ring, site=SITE),
    _request(m.CancelRing, site=SITE),
    _request(m.ReadNotice),
    _request(m.AnswerNotice, participant=PEOPLE, answer=st.sampled_from(["heard", "objects", "wants_own_recording"])),
    _request(m.Start, record=MODE, reason=REASON),
    _request(m.SetRecord, record=MODE, reason=REASON),
    _request(m.RestartRecord, reason=REASON),
    _request(m.AnswerBreak, answer=st.sampled_from(["continue", "repeat", "adjourn"])),
    _request(m.Pause),
    _request(m.Resume),
    _request(m.SideTalk, participants=st.lists(PEOPLE, max_size=3).map(tuple)),
    _request(m.Close, lock=st.booleans()),
    _request(m.NextVisit, visit=st.just("v2")),
    _request(m.TakeOver),
    _request(m.ToDenunciation, participant=PEOPLE),
    _request(m.Leave),
    _request(m.Bookmark),
    _request(m.MinutesTake),
    _request(m.MinutesLine, text=st.just("x")),
    _request(m.MinutesSection, section=st.just("s"), text=st.just("x"), base=st.just(0)),
    _request(m.MinutesFreeze),
    _request(m.Chat, text=st.just("x")),
)


def _report(body: r.ReportBody) -> Reported:
    return Reported(r.Report(number=1, session="s", epoch=1, utc=5.0, body=body))


REPORTS: st.SearchStrategy[Command] = st.one_of(
    st.builds(r.SourceLive, participant=PEOPLE, source=SOURCE),
    st.builds(r.SourceSilent, participant=PEOPLE, source=SOURCE, since=st.just(4.0)),
    st.builds(r.TrackWritten, participant=PEOPLE, source=SOURCE, part=st.integers(0, 4), file=st.just("f")),
    st.builds(r.PeerDown, peer=st.sampled_from(["d-a", "d-b"]), leg=st.just("publish"), reason=st.just("consent")),
    st.builds(r.WriteFailed, code=st.just("disk_full")),
    st.builds(r.Heads, files=st.just({"f": ("00", 1)})),
    st.builds(r.SessionEnded, files=st.just(())),
).map(_report)

COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(Ask, BY, REQUESTS, st.just("new"), st.just(("p1",))),
    st.builds(Ask, st.just("op"), REQUESTS, st.just("new"), st.just(("p1",))),
    st.builds(Connect, PEOPLE, st.sampled_from(["d-a", "d-b", "d-op"])),
    st.builds(Disconnect, PEOPLE),
    st.builds(RingNext, st.just("new")),
    st.builds(RingAnswered, st.just("new"), st.booleans(), st.sampled_from(["x1", "a"])),
    st.builds(RelayGone),
    st.builds(Anchor, st.just("r"), st.just(0.1)),
    st.builds(Tick),
    st.builds(Locked),
    REPORTS,
)

SETUP: tuple[Command, ...] = (
    Open(chat=True),
    Add("op", "operator"),
    Add("op2", "operator"),
    Add("a", "point", site="s1"),
    Add("b", "point", protected=True),
    Add("v", "viewer", kind="whep", admitted=True, receives=("a",)),
    Connect("op", "d-op"),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(COMMANDS, max_size=60))
def test_invariants_hold_after_any_commands(commands: list[Command]) -> None:
    state, log = RoomState(session="s"), []
    for step, command in enumerate((*SETUP, *commands)):
        decision = decide(state, command, 100.0 + step)
        if isinstance(decision, Refusal):
            assert decision.code in SENTENCES
            continue
        for event in decision:
            assert event.kind in FOLDS or event.kind in LOG_ONLY
            state = apply(state, event)
            log.append(event)
        _check(state, 100.0 + step)
    assert fold(RoomState(session="s"), log) == state
    assert state.number == len(log)


def _check(state: RoomState, now: float) -> None:
    wanted = desired(state, 1, 1)
    inside = {one.participant: one for one in wanted.members}
    for one in state.participants:
        outside = not one.admitted or one.restricted or one.state in ("removed", "waiting", "left", "invited")
        if outside:
            assert one.participant not in inside
            assert all(one.participant not in (other.receives or ()) for other in wanted.members)
        elif one.participant in inside:
            assert set(one.muted) <= set(inside[one.participant].muted)
            assert inside[one.participant].record <= (not one.protected)
    if state.state in ("closed", "locked"):
        assert wanted.state == "closed"
        assert not wanted.members
    if state.restricted:
        assert wanted.record == "off"
    _check_side_talk(state, wanted)
    if recording(state, now):
        assert wanted.record != "off"
    for viewer in ("op", "a", "b", "v", "nobody"):
        _check_view(state, viewer, now)


def _check_side_talk(state: RoomState, wanted: r.Desired) -> None:
    for one in wanted.members if state.side_talk else ():
        heard = set(one.receives if one.receives is not None else ())
        assert one.receives is not None
        if one.participant in state.side_talk:
            assert heard <= set(state.side_talk)
            assert not one.record
        else:
            assert not heard & set(state.side_talk)


def _check_view(state: RoomState, viewer: str, now: float) -> None:
    seen = view(state, viewer, Labels(names={"a": "Điểm cầu A"}), now)
    me = state.find(viewer)
    for one in seen.participants:
        other = state.find(one.participant)
        if other is None or one.participant == viewer:
            continue
        assert me is not None
        assert me.admitted or me.role == "operator", "who waits sees nobody"
        if other.restricted:
            assert me.role == "operator"
            assert (one.name, one.site, one.people) == ("***", "", ())
    shown = {one.participant for one in seen.participants}
    if me is not None and me.connected:
        hidden = {one.participant for one in state.connected()} - shown
        assert not hidden, "nobody sees and hears without being seen to be there"
    allowed = may(state, viewer, now)
    by_tag = {tag(kind): rule for kind, rule in RULES.items()}
    assert all(state.state in by_tag[name].states for name in allowed)
    if me is not None and (me.restricted or me.state == "removed"):
        assert not set(allowed) - {"leave"}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first text takes a second to set up
@given(
    st.sampled_from(sorted(FOLDS)),
    st.dictionaries(
        st.sampled_from(["participant", "source", "participants", "part", "mode", "peer", "role", "ring", "people"]),
        st.one_of(st.none(), st.integers(), st.text(max_size=4), st.lists(st.text(max_size=3), max_size=2), PEOPLE),
    ),
)
def test_any_body_folds(kind: str, body: dict[str, Any]) -> None:
    state = fold(
        RoomState(session="s"),
        [Event("session.opened", 1.0), Event("participant.added", 1.0, {"participant": "a", "role": "point"})],
    )
    after = apply(state, Event(kind, 2.0, body))
    assert after.number == state.number + 1
    visible_body(after, "a", Event(kind, 2.0, body))
