"""``apply(state, event) -> state``: what each event of the log does to a room. Pure; never raises.

A room is rebuilt by folding its log. An unknown kind, or one about a participant the room does not have, only
advances ``number``: a newer hub's log stays readable, and the log is never wrong, at most not understood.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

from media.messages import RecordMode, Source
from signaling import breaks
from signaling.state import (
    DISK_LOW,
    PUBLISHES,
    SOURCES,
    Event,
    Kind,
    Participant,
    RingCall,
    RoomState,
    Stage,
    Track,
    recorded,
    track_of,
)

Fold = Callable[[RoomState, Event], RoomState]

KINDS: dict[str, Kind] = {"page": "page", "whip": "whip", "whep": "whep"}
STAGES: dict[str, Stage] = {"duty": "duty", "substitute": "substitute", "phone": "phone"}
MODES: dict[str, RecordMode] = {"sound": "sound", "full": "full"}


def apply(state: RoomState, event: Event) -> RoomState:
    """The state after one more event."""
    fold = FOLDS.get(event.kind)
    after = fold(state, event) if fold is not None else state
    return replace(breaks.note_break(after, event), number=state.number + 1)


def fold(state: RoomState, events: Iterable[Event]) -> RoomState:
    """The state after several events."""
    for event in events:
        state = apply(state, event)
    return state


# --- helpers ---------------------------------------------------------------------------------------------------------


def _with(state: RoomState, participant: str, /, **changes: Any) -> RoomState:
    return replace(
        state,
        participants=tuple(replace(p, **changes) if p.participant == participant else p for p in state.participants),
    )


def _text(event: Event, key: str) -> str:
    value = event.body.get(key, "")
    return value if isinstance(value, str) else ""


def _participant(event: Event) -> str:
    return _text(event, "participant")


def _strings(event: Event, key: str) -> tuple[str, ...]:
    value = event.body.get(key) or ()
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, (list, tuple)) else ()


def _sources(event: Event, key: str) -> tuple[Source, ...]:
    named = _strings(event, key)
    return tuple(s for s in SOURCES if s in named)


def _number(event: Event, key: str, default: int) -> int:
    value = event.body.get(key, default)
    return value if isinstance(value, int) else default


def _forget_writer(state: RoomState, participant: str) -> RoomState:
    return replace(state, minutes_writer="") if state.minutes_writer == participant else state


def _without_outage(state: RoomState, participant: str) -> RoomState:
    return replace(state, outages=tuple(o for o in state.outages if o[0] != participant))


def _outside(state: RoomState, event: Event, /, **changes: Any) -> RoomState:
    """The event's participant is no longer part of the conversation."""
    participant = _participant(event)
    state = _with(state, participant, live=(), **changes)
    talk = tuple(p for p in state.side_talk if p != participant)
    written = frozenset(t for t in state.written if t[0] != participant)
    failing = frozenset(t for t in state.failing if t[0] != participant)
    state = replace(state, side_talk=talk, written=written, failing=failing)
    if state.side_talk and len(talk) < 2:
        state = _side_talk_over(state, event.utc)
    if state.operator == participant and not changes.get("admitted", True):
        state = replace(state, operator="")
    return _without_outage(_forget_writer(state, participant), participant)


# --- one function per kind -------------------------------------------------------------------------------------------


def _opened(state: RoomState, event: Event) -> RoomState:
    return replace(state, state="open", opened_utc=event.utc, chat=bool(event.body.get("chat", False)))


def _added(state: RoomState, event: Event) -> RoomState:
    participant = _participant(event)
    role = _text(event, "role")
    if not participant or state.find(participant) is not None:
        return state
    known = role if role in PUBLISHES else "guest"
    admitted = bool(event.body.get("admitted", False))
    one = Participant(
        participant=participant,
        role=known,
        site=_text(event, "site"),
        kind=KINDS.get(_text(event, "kind"), "page"),
        admitted=admitted,
        state="admitted" if admitted else "invited",
        publishes=_sources(event, "publishes") if "publishes" in event.body else PUBLISHES[known],
        receives=_strings(event, "receives") if event.body.get("receives") is not None else None,
        protected=bool(event.body.get("protected", False)),
        writes=bool(event.body.get("writes", False)),
    )
    return replace(state, participants=(*state.participants, one))


def _waiting(state: RoomState, event: Event) -> RoomState:
    return _with(state, _participant(event), state="waiting", admitted=False)


def _admitted(state: RoomState, event: Event) -> RoomState:
    one = state.find(_participant(event))
    if one is None:
        return state
    return _with(state, one.participant, admitted=True, state="admitted")


def _sent_back(state: RoomState, event: Event) -> RoomState:
    return _outside(state, event, state="waiting", admitted=False)


def _joined(state: RoomState, event: Event) -> RoomState:
    one = state.find(_participant(event))
    if one is None or one.restricted:
        return state
    peer = _text(event, "peer") or one.peer
    live = one.live if peer == one.peer else ()
    return _with(state, one.participant, state="joined", admitted=True, peer=peer, live=live)


def _lost(state: RoomState, event: Event) -> RoomState:
    return _with(state, _participant(event), state="lost")


def _left(state: RoomState, event: Event) -> RoomState:
    return _outside(state, event, state="left")


def _removed(state: RoomState, event: Event) -> RoomState:
    return _outside(state, event, state="removed", admitted=False)


def _muted(state: RoomState, event: Event) -> RoomState:
    return _mute(state, event, True)


def _unmuted(state: RoomState, event: Event) -> RoomState:
    return _mute(state, event, False)


def _mute(state: RoomState, event: Event, on: bool) -> RoomState:
    one = state.find(_participant(event))
    source = _text(event, "source")
    if one is None or source not in SOURCES:
        return state
    field = "muted_self" if event.body.get("by") == one.participant else "muted_operator"
    muted = {s for s in getattr(one, field) if s != source} | ({source} if on else set())
    return _with(state, one.participant, **{field: tuple(s for s in SOURCES if s in muted)})


def _protected(state: RoomState, event: Event) -> RoomState:
    return _unwritten(_with(state, _participant(event), protected=True), {_participant(event)})


def _unprotected(state: RoomState, event: Event) -> RoomState:
    return _with(state, _participant(event), protected=False, recorded_since=event.utc)


def _unwritten(state: RoomState, participants: Collection[str]) -> RoomState:
    """The journals of these are closed; what comes later is confirmed anew."""
    return replace(
        state,
        written=frozenset(t for t in state.written if t[0] not in participants),
        failing=frozenset(t for t in state.failing if t[0] not in participants),
    )


def _ring_started(state: RoomState, event: Event) -> RoomState:
    ring, site = _text(event, "ring"), _text(event, "site")
    others = tuple(r for r in state.rings if r.ring != ring)
    call = RingCall(
        ring=ring,
        site=site,
        stage=STAGES.get(_text(event, "stage"), "duty"),
        since=event.utc,
        by=_text(event, "by"),
    )
    return replace(state, rings=(*others, call))


def _ring_over(state: RoomState, event: Event) -> RoomState:
    ring = _text(event, "ring")
    return replace(state, rings=tuple(r for r in state.rings if r.ring != ring))


def _operator_taken(state: RoomState, event: Event) -> RoomState:
    return replace(state, operator=_participant(event))


def _people(state: RoomState, event: Event) -> RoomState:
    one = state.find(_participant(event))
    if one is None:
        return state
    people = _strings(event, "people")
    answers = tuple(a for a in one.answers if a[0] in ("", *people))
    return _with(state, one.participant, people=people, answers=answers)


def _notice_read(state: RoomState, event: Event) -> RoomState:
    return replace(state, notice_read=True)


def _notice_answered(state: RoomState, event: Event) -> RoomState:
    one = state.find(_participant(event))
    answer, person = _text(event, "answer"), _text(event, "person")
    if one is None or answer not in ("heard", "objects", "wants_own_recording"):
        return state
    others = tuple(a for a in one.answers if a[0] != person)
    return _with(state, one.participant, answers=(*others, (person, answer)))


def _started(state: RoomState, event: Event) -> RoomState:
    return replace(state, state="running", started_utc=event.utc)


def _record_started(state: RoomState, event: Event) -> RoomState:
    mode = MODES.get(_text(event, "mode"))
    if mode is None:
        return state
    return replace(
        state,
        record=mode,
        part=_number(event, "part", state.part + 1),
        record_since_utc=event.utc,
        written=frozenset(),
        alarms=(),
        failing=frozenset(),
    )


def _record_confirmed(state: RoomState, event: Event) -> RoomState:
    source = _text(event, "source")
    if source not in SOURCES or _number(event, "part", -1) != state.part:
        return state
    track: Track = (_participant(event), next(s for s in SOURCES if s == source))
    failing = state.failing - {track}
    # The disk is well again when all that it refused is being written again.
    alarms = state.alarms if failing else tuple(a for a in state.alarms if ":" in a or a == DISK_LOW)
    alarms = tuple(a for a in alarms if a != f"not_written:{track[0]}:{track[1]}")
    return replace(state, written=state.written | {track}, failing=failing, alarms=alarms)


def _record_stopped(state: RoomState, event: Event) -> RoomState:
    return replace(state, record="off", record_since_utc=None, written=frozenset(), alarms=(), failing=frozenset())


def _record_alarm(state: RoomState, event: Event) -> RoomState:
    alarm = ":".join(part for part in (_text(event, "code"), _participant(event), _text(event, "source")) if part)
    track = track_of(_text(event, "file"))
    if track is not None:
        state = replace(state, failing=state.failing | {track}, written=state.written - {track})
    return state if not alarm or alarm in state.alarms else replace(state, alarms=(*state.alarms, alarm))


def _alarm_over(state: RoomState, event: Event) -> RoomState:
    return replace(state, alarms=tuple(a for a in state.alarms if a != _text(event, "code")))


def _interrupted(state: RoomState, event: Event) -> RoomState:
    return replace(state, interrupted_utc=event.utc)


def _paused(state: RoomState, event: Event) -> RoomState:
    return replace(state, state="suspended")


def _resumed(state: RoomState, event: Event) -> RoomState:
    return replace(_side_talk_over(state, event.utc), state="running")


def _side_talk(state: RoomState, event: Event) -> RoomState:
    before = _side_talk_over(state, event.utc) if state.side_talk else state
    after = replace(before, side_talk=_strings(event, "participants"))
    return _unwritten(after, {one.participant for one in after.participants if not recorded(after, one)})


def _side_talk_ended(state: RoomState, event: Event) -> RoomState:
    return _side_talk_over(state, event.utc)


def _side_talk_over(state: RoomState, utc: float) -> RoomState:
    """Whoever was not recorded because of a side talk is from now on, in new journals."""
    after = replace(state, side_talk=())
    participants = tuple(
        replace(one, recorded_since=utc) if recorded(after, one) and not recorded(state, one) else one
        for one in after.participants
    )
    return replace(after, participants=participants)


def _closed(state: RoomState, event: Event) -> RoomState:
    since = state.closed_utc if state.state == "closed" else event.utc
    live = tuple(replace(p, live=()) for p in state.participants)
    return replace(
        state,
        state="closed",
        closed_utc=since,
        lock_now=bool(event.body.get("lock", False)),
        side_talk=(),
        rings=(),
        outages=(),
        written=frozenset(),
        failing=frozenset(),
        participants=live,
    )


def _reopened(state: RoomState, event: Event) -> RoomState:
    started = state.started_utc is not None
    recorded = state.record != "off"
    return replace(
        state,
        state="running" if started else "open",
        closed_utc=None,
        lock_now=False,
        part=_number(event, "part", state.part + (1 if recorded else 0)),
        record_since_utc=event.utc if recorded else None,
        alarms=(),
        failing=frozenset(),
    )


def _locked(state: RoomState, event: Event) -> RoomState:
    return replace(state, state="locked")


def _minutes_taken(state: RoomState, event: Event) -> RoomState:
    return replace(state, minutes_writer=_participant(event))


def _minutes_frozen(state: RoomState, event: Event) -> RoomState:
    return replace(state, minutes_frozen=True, minutes_writer="")


def _live(state: RoomState, event: Event) -> RoomState:
    one = state.find(_participant(event))
    source = _text(event, "source")
    if one is None or source not in SOURCES or not one.connected:
        return state
    others = tuple(s for s in one.live if s[0] != source)
    return _with(state, one.participant, live=(*others, (source, event.utc)))


def _silent(state: RoomState, event: Event) -> RoomState:
    one = state.find(_participant(event))
    source = _text(event, "source")
    if one is None:
        return state
    return _with(state, one.participant, live=tuple(s for s in one.live if s[0] != source))


def _outage_started(state: RoomState, event: Event) -> RoomState:
    gone = _strings(event, "participants")
    cause = _text(event, "cause")
    known = tuple((p, cause) for p in gone if state.find(p) is not None)
    outages = tuple(o for o in state.outages if o[0] not in gone) + known
    if cause != "relay":
        return replace(state, outages=outages)
    # A relay that died took its journals with it: what follows is a new part, on new journals.
    live = tuple(replace(p, live=()) for p in state.participants)
    part = _number(event, "part", state.part)
    return replace(state, outages=outages, participants=live, written=frozenset(), failing=frozenset(), part=part)


def _outage_ended(state: RoomState, event: Event) -> RoomState:
    return _without_outage(state, _participant(event))


def _denunciation(state: RoomState, event: Event) -> RoomState:
    participant = _participant(event)
    if state.find(participant) is None:
        return replace(state, restricted=True)
    state = _outside(state, event, restricted=True)
    return replace(state, restricted=True)


FOLDS: dict[str, Fold] = {
    "session.opened": _opened,
    "participant.added": _added,
    "participant.waiting": _waiting,
    "participant.admitted": _admitted,
    "participant.sent_back": _sent_back,
    "participant.joined": _joined,
    "participant.lost": _lost,
    "participant.left": _left,
    "participant.removed": _removed,
    "source.muted": _muted,
    "source.unmuted": _unmuted,
    "participant.protected": _protected,
    "participant.unprotected": _unprotected,
    "ring.started": _ring_started,
    "ring.answered": _ring_over,
    "ring.cancelled": _ring_over,
    "operator.taken": _operator_taken,
    "people.changed": _people,
    "notice.read": _notice_read,
    "notice.answered": _notice_answered,
    "session.started": _started,
    "record.started": _record_started,
    "record.confirmed": _record_confirmed,
    "record.stopped": _record_stopped,
    "record.alarm": _record_alarm,
    "record.alarm_over": _alarm_over,
    "break.asked": breaks.asked,
    "break.answered": breaks.answered,
    "session.interrupted": _interrupted,
    "session.paused": _paused,
    "session.resumed": _resumed,
    "sidetalk.started": _side_talk,
    "sidetalk.ended": _side_talk_ended,
    "session.closed": _closed,
    "session.reopened": _reopened,
    "session.locked": _locked,
    "minutes.taken": _minutes_taken,
    "minutes.frozen": _minutes_frozen,
    "source.live": _live,
    "source.silent": _silent,
    "outage.started": _outage_started,
    "outage.ended": _outage_ended,
    "restricted.denunciation": _denunciation,
}
"""Kinds that change the state."""

LOG_ONLY = frozenset(
    {"bookmark.added", "minutes.line", "journal.heads", "clock.anchor", "event.late"}
    | {"quality.seen", "quality.measured", "take.filed"}
)
"""Kinds that are part of the record but change nothing in the room."""
