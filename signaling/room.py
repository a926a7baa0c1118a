"""The room's rules: ``decide(state, command, now) -> events`` or a Refusal. Pure, and it never changes anything.

A command that asks for nothing new gives no events: it succeeded already. The events' effects on the state are in
``signaling.fold`` (re-exported here as ``apply``), who may ask for what in ``signaling.rules``, what the relay is told
in ``signaling.desired``. Everything here is about one session; between sessions decides ``signaling.host``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from signaling import attendance, course, recordwatch
from signaling import messages as m
from signaling.attendance import Decision
from signaling.commands import (
    Abandoned,
    Add,
    Anchor,
    Ask,
    Command,
    Connect,
    Disconnect,
    DiskRoom,
    GiveButtons,
    Interrupted,
    Late,
    Locked,
    Measured,
    Open,
    Quality,
    RelayGone,
    Reported,
    RingAnswered,
    RingNext,
    TakeFiled,
    Tick,
)
from signaling.errors import Refusal
from signaling.fold import apply, fold
from signaling.reports import decide_relay_gone, decide_report
from signaling.rules import RULES, has_right
from signaling.state import Event, RoomState

__all__ = ["Decision", "apply", "decide", "fold"]

MAX_REASON = 500  # characters; a reason is one or two sentences


def decide(state: RoomState, command: Command, now: float) -> Decision:
    """What happens when ``command`` arrives at ``now`` (UTC): the events to write, or why not."""
    if isinstance(command, Ask):
        return _decide_ask(state, command, now)
    if state.state == "locked":
        return Refusal("session.over") if isinstance(command, (Add, Connect)) else []
    match command:
        case Open():
            return [Event("session.opened", now, {"chat": command.chat})] if state.state == "planned" else []
        case Add():
            return attendance.add(state, command, now)
        case Connect():
            return attendance.connect(state, command, now)
        case Disconnect():
            return attendance.disconnect(state, command, now)
        case GiveButtons():
            return attendance.give_buttons(state, command, now)
        case RingNext():
            return attendance.ring_next(state, command, now)
        case RingAnswered():
            return attendance.ring_answered(state, command, now)
        case Reported():
            return decide_report(state, command.report, now)
        case RelayGone():
            return decide_relay_gone(state, now)
        case Anchor():
            return [Event("clock.anchor", now, {"relay": command.relay, "offset_s": round(command.offset_s, 4)})]
        case Quality():
            known = state.find(command.participant) is not None and state.state not in ("planned", "closed")
            body = {"participant": command.participant, **command.figures}
            return [Event("quality.seen", now, body)] if known else []
        case Measured():
            held = state.state in ("running", "suspended")
            return [Event("quality.measured", now, {"points": list(command.points)})] if held else []
        case Late():
            return list(command.events)
        case TakeFiled():
            return [Event("take.filed", now, command.facts)] if command.facts else []
        case Locked():
            return [Event("session.locked", now, {"manifest": command.manifest})] if state.state == "closed" else []
        case Tick():
            return recordwatch.decide_tick(state, command, now)
        case DiskRoom():
            return recordwatch.decide_room(state, command, now)
        case Interrupted():
            is_live = state.state in ("open", "running", "suspended")
            return [Event("session.interrupted", now, {"since": round(command.since, 3)})] if is_live else []
        case Abandoned():
            return recordwatch.decide_abandoned(state, command, now)


def _decide_ask(state: RoomState, ask: Ask, now: float) -> Decision:
    message = ask.message
    rule = RULES.get(type(message))
    if rule is None:
        return Refusal("message.unknown")
    refusal = _right(state, ask, rule.right)
    if refusal is not None:
        return refusal
    if state.state not in rule.states:
        return Refusal("session.over" if state.state == "locked" else "session.wrong_state", {"state": state.state})
    reason = getattr(message, "reason", "")
    if len(reason) > MAX_REASON:
        return Refusal("reason.too_long", {"limit": MAX_REASON})
    handler = HANDLERS.get(type(message))
    return handler(state, ask, message, now) if handler is not None else []


def _right(state: RoomState, ask: Ask, right: str) -> Refusal | None:
    about = getattr(ask.message, "participant", "")
    if has_right(state, ask.by, right, about):
        return None
    one = state.find(ask.by)
    if one is None:
        return Refusal("participant.unknown")
    if one.state == "removed" or one.restricted:
        return Refusal("participant.removed")
    if not one.admitted:
        return Refusal("participant.not_admitted")
    if right == "writer" and state.minutes_writer != one.participant:
        return Refusal("minutes.not_writer")
    return Refusal("right.buttons" if right in ("buttons", "own") else "right.missing")


Handler = Callable[[RoomState, Ask, Any, float], Decision]

HANDLERS: dict[type[Any], Handler] = {
    m.Publish: attendance.publish,
    m.SetSource: attendance.set_source,
    m.People: attendance.people,
    m.Admit: attendance.admit,
    m.SendBack: attendance.send_back,
    m.Remove: attendance.remove,
    m.Mute: attendance.mute,
    m.Protect: attendance.protect,
    m.Ring: attendance.ring,
    m.CancelRing: attendance.cancel_ring,
    m.ReadNotice: course.read_notice,
    m.AnswerNotice: course.answer_notice,
    m.Start: course.start,
    m.SetRecord: course.set_record,
    m.RestartRecord: recordwatch.restart_record,
    m.AnswerBreak: recordwatch.answer_break,
    m.Pause: course.pause,
    m.Resume: course.resume,
    m.SideTalk: course.side_talk,
    m.Close: course.close,
    m.NextVisit: course.next_visit,
    m.TakeOver: course.take_over,
    m.ToDenunciation: course.to_denunciation,
    m.Leave: attendance.leave,
    m.Bookmark: course.bookmark,
    m.MinutesTake: course.minutes_take,
    m.MinutesLine: course.minutes_line,
    m.MinutesSection: course.minutes_section,
    m.MinutesFreeze: course.minutes_freeze,
    m.Chat: course.chat,
}
"""Requests not listed here are allowed by the table alone and lead to no event: the host carries them out."""
