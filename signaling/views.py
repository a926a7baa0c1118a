"""``view(state, viewer, labels, now)``: a room as one participant may see it. Pure.

Names are not in the log: ``Labels`` carries them from the tables of ``rooms``. What a viewer may not see is left out,
not blanked (design 7): the waiting see nobody but themselves, a point that became a denunciation is gone for all
others, alarms of the record are the operators' business. Whoever sees and hears is shown to all who are inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from signaling.messages import BreakView, ParticipantView, RingView, SessionView
from signaling.state import Break, Event, Participant, RingCall, RoomState, Stage, recording, standing_alarms

PSEUDONYM = "***"
"""Stands where the name of a denounced point stood; pages show their own words for it."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Names and texts of a session. ``names``: participant -> place; ``people``: participant -> its list;
    ``sites``: site -> place, ``duty``: site -> (name, telephone) of who is on duty, first the one who is asked first;
    both for sites being rung."""

    number: str = ""
    title: str = ""
    chair: str = ""
    training: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, tuple[dict[str, str], ...]] = field(default_factory=dict)
    sites: Mapping[str, str] = field(default_factory=dict)
    duty: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


def asked(stage: Stage, duty: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Who of those on duty is asked at this stage of a ring, and the number to dial once only that is left."""
    if not duty:
        return "", ""
    who, phone = duty[1] if stage == "substitute" and len(duty) > 1 else duty[0]
    return who, phone if stage == "phone" else ""


@dataclass(frozen=True, slots=True)
class Volatile:
    """What is shown and never logged: raised hands, the state of each line ("", good, weak, sound_only) and which ways
    of it are narrow, and how many events wait for the database."""

    hands: frozenset[str] = frozenset()
    lines: Mapping[str, str] = field(default_factory=dict)
    narrow: Mapping[str, tuple[Literal["up", "down"], ...]] = field(default_factory=dict)
    unsaved: int = 0


def view(state: RoomState, viewer: str, labels: Labels, now: float, volatile: Volatile | None = None) -> SessionView:
    """The session as ``viewer`` (a participant) may see it now."""
    volatile = volatile or Volatile()
    me = state.find(viewer)
    operator = sees_all(me)
    shown = [
        _participant(one, labels, volatile, state, viewer)
        for one in state.participants
        if one.participant == viewer or _shows(state, me, one)
    ]
    if operator:
        shown += [_ringing(ring.ring, ring.site, labels) for ring in state.rings]
    return SessionView(
        session=state.session,
        number=labels.number,
        title=labels.title if _inside(me) else "",
        state=state.state,
        record=state.record,
        recording=recording(state, now),
        record_since_utc=state.record_since_utc,
        opened_utc=state.opened_utc,
        started_utc=state.started_utc,
        closed_utc=state.closed_utc,
        operator=state.operator,
        chair=labels.chair,
        notice_read=state.notice_read,
        side_talk=state.side_talk if operator or viewer in state.side_talk else (),
        side_talk_on=bool(state.side_talk) and _inside(me),
        minutes_writer=state.minutes_writer,
        minutes_frozen=state.minutes_frozen,
        training=labels.training,
        chat=state.chat,
        alarms=standing_alarms(state, now) if operator else (),
        question=_question(state.question) if operator and state.question is not None else None,
        unsaved=volatile.unsaved if _inside(me) else 0,
        rings=tuple(_ring(ring, labels) for ring in state.rings) if operator else (),
        participants=tuple(shown),
    )


def sees_all(me: Participant | None) -> bool:
    """Operators see who waits, who is rung, and what is wrong with the record."""
    return me is not None and me.role == "operator" and me.state != "removed" and not me.restricted


def _inside(me: Participant | None) -> bool:
    return me is not None and me.admitted and me.state in ("admitted", "joined", "lost") and not me.restricted


def _shows(state: RoomState, me: Participant | None, one: Participant) -> bool:
    if sees_all(me):
        return one.state != "removed" or one.restricted
    if not _inside(me) or one.restricted:
        return False
    # Who only looks on is shown like everybody else: nobody sees or hears a citizen without being seen to be there.
    return one.admitted and one.state in ("admitted", "joined", "lost")


def _participant(
    one: Participant, labels: Labels, volatile: Volatile, state: RoomState, viewer: str
) -> ParticipantView:
    hidden = one.restricted
    lost = one.state == "lost" or any(p == one.participant for p, _ in state.outages)
    return ParticipantView(
        participant=one.participant,
        name=PSEUDONYM if hidden else labels.names.get(one.participant, ""),
        site="" if hidden else one.site,
        role=one.role,
        state="removed" if hidden else one.state,
        publishes=tuple(source for source, _ in one.live),
        muted=one.muted,
        muted_by_operator=one.muted_operator,
        hand=one.participant in volatile.hands,
        people=() if hidden else labels.people.get(one.participant, ()),
        notice=None if hidden else one.notice,
        line="lost" if lost else volatile.lines.get(one.participant, ""),
        protected=one.protected and not hidden,
        apart=one.participant != viewer and _apart(state, viewer, one.participant),
        narrow=volatile.narrow.get(one.participant, ()),
    )


def _apart(state: RoomState, viewer: str, other: str) -> bool:
    """Whether a side talk stands between two participants (``signaling.desired`` cuts the media the same way)."""
    if not state.side_talk:
        return False
    inside = viewer in state.side_talk, other in state.side_talk
    return inside[0] != inside[1] or (state.state == "suspended" and not any(inside))


def _question(lasted: Break) -> BreakView:
    return BreakView(
        since_utc=lasted.since, until_utc=lasted.until, cause=lasted.cause, participants=lasted.participants
    )


def _ring(ring: RingCall, labels: Labels) -> RingView:
    who, phone = asked(ring.stage, labels.duty.get(ring.site, ()))
    name = labels.sites.get(ring.site, "")
    return RingView(
        ring=ring.ring, site=ring.site, name=name, stage=ring.stage, who=who, phone=phone, since_utc=ring.since
    )


def _ringing(ring: str, site: str, labels: Labels) -> ParticipantView:
    return ParticipantView(participant=ring, name=labels.sites.get(site, ""), site=site, role="guest", state="ringing")


OPERATORS_ONLY = frozenset(
    {"participant.waiting", "ring.started", "ring.answered", "ring.cancelled", "record.alarm", "journal.heads"}
    | {"record.alarm_over", "session.interrupted", "break.asked"}
    | {"clock.anchor", "participant.added", "quality.seen", "quality.measured", "event.late", "take.filed"}
)


def visible_body(state: RoomState, viewer: str, event: Event) -> dict[str, Any] | None:
    """The body of a log event as ``viewer`` may see it; None if the viewer may not see it at all."""
    me = state.find(viewer)
    about = event.body.get("participant")
    if sees_all(me) or about == viewer:
        return dict(event.body)
    if not _inside(me) or event.kind in OPERATORS_ONLY:
        return None
    other = state.find(about) if isinstance(about, str) else None
    if event.kind == "restricted.denunciation" or (other is not None and other.restricted):
        return None
    if event.kind in ("sidetalk.started", "sidetalk.ended"):
        named = event.body.get("participants")
        return dict(event.body) if isinstance(named, (list, tuple)) and viewer in named else None
    return {key: value for key, value in event.body.items() if key != "reason"}
