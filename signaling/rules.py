"""Who may ask for what, in which state of the session: the whole of it as one table.

``RULES`` maps each request of a page to the session states it is allowed in and to the right it takes.
Everything that a request needs besides (an existing participant, a reason) is decided in ``signaling.room``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from signaling import messages as m
from signaling.commands import HUB
from signaling.state import REOPEN_S, Participant, RoomState

Right = str
"""buttons: the operator in charge. entitled: any operator. inside: admitted and connected. own: about oneself, or the
buttons. present: known to the session. staff: operator, point or clerk, inside. writer: who writes the minutes.
chat: staff, where the session allows it."""

LIVE = frozenset({"open", "running", "suspended"})
MINUTES = LIVE | {"closed"}


@dataclass(frozen=True, slots=True)
class Rule:
    """States in which a request is allowed, and the right it takes."""

    states: frozenset[str]
    right: Right


def _rule(states: frozenset[str] | set[str], right: Right) -> Rule:
    return Rule(frozenset(states), right)


RULES: dict[type[msgspec.Struct], Rule] = {
    m.Publish: _rule(LIVE, "inside"),
    m.Subscribe: _rule(LIVE, "inside"),
    m.SubscribeAnswer: _rule(LIVE | {"closed"}, "present"),  # else the relay waits for it, over the next visit too
    m.Unpublish: _rule(LIVE, "inside"),
    m.SetSource: _rule(LIVE, "inside"),
    m.Hand: _rule(LIVE, "inside"),
    m.People: _rule(MINUTES, "own"),
    m.Admit: _rule(LIVE, "buttons"),
    m.SendBack: _rule(LIVE, "buttons"),
    m.Remove: _rule(LIVE, "buttons"),
    m.Mute: _rule(LIVE, "buttons"),
    m.Protect: _rule(LIVE, "buttons"),
    m.Ring: _rule(LIVE, "buttons"),
    m.CancelRing: _rule(LIVE, "buttons"),
    m.ReadNotice: _rule(LIVE, "buttons"),
    m.AnswerNotice: _rule(LIVE, "own"),
    m.Start: _rule({"open"}, "buttons"),
    m.SetRecord: _rule({"running", "suspended"}, "buttons"),
    m.RestartRecord: _rule({"running", "suspended"}, "buttons"),
    m.AnswerBreak: _rule(LIVE, "buttons"),
    m.Pause: _rule({"running"}, "buttons"),
    m.Resume: _rule({"suspended", "closed"}, "buttons"),
    m.SideTalk: _rule(LIVE, "buttons"),
    m.Close: _rule(LIVE | {"planned", "closed"}, "buttons"),
    m.NextVisit: _rule(MINUTES, "buttons"),
    m.TakeOver: _rule(LIVE | {"closed"}, "entitled"),
    m.ToDenunciation: _rule(LIVE, "own"),
    m.Leave: _rule(LIVE | {"closed"}, "present"),
    m.Bookmark: _rule(LIVE, "staff"),
    m.MinutesTake: _rule(MINUTES, "staff"),
    m.MinutesLine: _rule(MINUTES, "writer"),
    m.MinutesSection: _rule(MINUTES, "writer"),
    m.MinutesFreeze: _rule(MINUTES, "writer"),
    m.Chat: _rule(LIVE, "chat"),
    m.Views: _rule(LIVE, "inside"),
    m.Seen: _rule(LIVE | {"planned", "closed", "locked"}, "present"),
    m.Ping: _rule(LIVE | {"planned", "closed", "locked"}, "present"),
}

UNPUBLISHED = (m.Views, m.Seen, m.Ping, m.SubscribeAnswer)
"""Requests that ``may`` does not list: no button stands for them."""


def tag(message: type[msgspec.Struct] | msgspec.Struct) -> str:
    """The ``type`` of a message."""
    config: Any = message.__struct_config__
    return str(config.tag)


def has_right(state: RoomState, by: str, right: Right, about: str = "") -> bool:
    """Whether ``by`` has a right; ``about`` is the participant that a request names, "" if none."""
    if by == HUB:
        return True
    one = state.find(by)
    if one is None or one.state == "removed":
        return False
    if right == "present":
        return True
    if one.restricted:
        return False
    inside = one.admitted and one.state == "joined"
    if right == "entitled":
        return one.role == "operator" and inside
    return inside and _inside_right(state, one, right, about)


def _inside_right(state: RoomState, one: Participant, right: Right, about: str) -> bool:
    buttons = state.operator == one.participant
    staff = one.role in ("operator", "point") or one.writes
    match right:
        case "inside":
            return True
        case "buttons":
            return buttons
        case "own":
            return buttons or about == one.participant
        case "staff":
            return staff
        case "writer":
            return staff and state.minutes_writer == one.participant
        case "chat":
            return staff and state.chat
    return False


def _useful(state: RoomState, one: Participant, kind: type[msgspec.Struct], now: float) -> bool:
    """Requests that the table allows and that would still lead nowhere are not offered."""
    if kind is m.TakeOver:
        return state.operator != one.participant
    if kind is m.Resume and state.state == "closed":
        return state.closed_utc is not None and now < state.closed_utc + REOPEN_S and not state.lock_now
    if kind is m.ToDenunciation:
        return not state.restricted
    if kind is m.RestartRecord:
        return state.record != "off" and not state.restricted
    if kind is m.AnswerBreak:
        return state.question is not None
    if kind is m.SetRecord:
        return not state.restricted
    if kind in (m.MinutesTake, m.MinutesLine, m.MinutesSection, m.MinutesFreeze):
        return not state.minutes_frozen and not (kind is m.MinutesTake and state.minutes_writer == one.participant)
    if kind is m.Publish:
        return bool(one.publishes)
    return True


def may(state: RoomState, participant: str, now: float) -> tuple[str, ...]:
    """The requests that a participant may send now, as their ``type``, in the order of the table."""
    one = state.find(participant)
    if one is None:
        return ()
    return tuple(
        tag(kind)
        for kind, rule in RULES.items()
        if kind not in UNPUBLISHED
        and state.state in rule.states
        and has_right(state, participant, rule.right, participant)
        and _useful(state, one, kind, now)
    )
