"""Rules about the course of a session: notice, record, pause, side talk, closing, denunciation, minutes. Pure."""

from __future__ import annotations

from signaling import messages as m
from signaling.attendance import Decision, target
from signaling.commands import HUB, Ask
from signaling.errors import Refusal
from signaling.state import REOPEN_S, Event, RoomState

MAX_TEXT = 8000  # characters of a line or section of the minutes
MAX_NOTE = 500  # characters of a bookmark or a chat line

# --- the course of the session ---------------------------------------------------------------------------------------


def read_notice(state: RoomState, ask: Ask, message: m.ReadNotice, now: float) -> Decision:
    return [Event("notice.read", now, {"by": ask.by})]


def answer_notice(state: RoomState, ask: Ask, message: m.AnswerNotice, now: float) -> Decision:
    one = target(state, ask)
    if isinstance(one, Refusal):
        return one
    if message.person and message.person not in one.people:
        return Refusal("person.unknown")
    if not state.notice_read:
        return Refusal("notice.not_read")
    if (message.person, message.answer) in one.answers:
        return []
    body = {"participant": one.participant, "person": message.person, "answer": message.answer, "by": ask.by}
    return [Event("notice.answered", now, body)]


def _may_record(state: RoomState, ask: Ask, mode: str, reason: str) -> Refusal | None:
    if mode == "off":
        return None
    if state.restricted:
        return Refusal("session.restricted")
    if not state.notice_read:
        return Refusal("notice.not_read")
    if state.objections() and not reason.strip():
        return Refusal("record.reason_needed")
    return None


def _record_started(state: RoomState, ask: Ask, mode: str, reason: str, now: float) -> Event:
    body = {"mode": mode, "part": state.part + 1, "reason": reason, "by": ask.by}
    return Event("record.started", now, body)


def start(state: RoomState, ask: Ask, message: m.Start, now: float) -> Decision:
    refusal = _may_record(state, ask, message.record, message.reason)
    if refusal is not None:
        return refusal
    body = {"by": ask.by, "record": message.record, "reason": message.reason}
    events = [Event("session.started", now, body)]
    if message.record != "off":
        events.append(_record_started(state, ask, message.record, message.reason, now))
    return events


def set_record(state: RoomState, ask: Ask, message: m.SetRecord, now: float) -> Decision:
    if message.record == state.record:
        return Refusal("record.no_change")
    refusal = _may_record(state, ask, message.record, message.reason)
    if refusal is not None:
        return refusal
    if message.record == "off":
        return [Event("record.stopped", now, {"reason": message.reason, "by": ask.by})]
    return [_record_started(state, ask, message.record, message.reason, now)]


def pause(state: RoomState, ask: Ask, message: m.Pause, now: float) -> Decision:
    return [Event("session.paused", now, {"reason": message.reason, "by": ask.by})]


def resume(state: RoomState, ask: Ask, message: m.Resume, now: float) -> Decision:
    if state.state == "suspended":
        return [Event("session.resumed", now, {"by": ask.by})]
    if state.lock_now or state.closed_utc is None or now >= state.closed_utc + REOPEN_S:
        return Refusal("session.not_reopenable")
    part = state.part + (1 if state.record != "off" else 0)
    return [Event("session.reopened", now, {"by": ask.by, "part": part})]


def side_talk(state: RoomState, ask: Ask, message: m.SideTalk, now: float) -> Decision:
    if not message.participants:
        return [Event("sidetalk.ended", now, {"by": ask.by})] if state.side_talk else []
    named = tuple(dict.fromkeys(message.participants))
    inside = {p.participant for p in state.connected()}
    if len(named) < 2 or any(p not in inside for p in named):
        return Refusal("sidetalk.too_few")
    return [Event("sidetalk.started", now, {"participants": list(named), "by": ask.by})]


def close(state: RoomState, ask: Ask, message: m.Close, now: float) -> Decision:
    if state.state == "closed" and (state.lock_now or not message.lock):
        return []
    return [Event("session.closed", now, {"by": ask.by, "lock": message.lock})]


def next_visit(state: RoomState, ask: Ask, message: m.NextVisit, now: float) -> Decision:
    if state.state == "closed":
        return []
    return [Event("session.closed", now, {"by": ask.by, "lock": False, "next": message.visit})]


def take_over(state: RoomState, ask: Ask, message: m.TakeOver, now: float) -> Decision:
    if ask.by == HUB:
        return Refusal("right.missing")
    if state.operator == ask.by:
        return []
    return [Event("operator.taken", now, {"participant": ask.by, "from": state.operator})]


def to_denunciation(state: RoomState, ask: Ask, message: m.ToDenunciation, now: float) -> Decision:
    one = state.find(message.participant)
    if one is None:
        return Refusal("participant.unknown")
    if one.restricted:
        return []
    events = [Event("restricted.denunciation", now, {"participant": one.participant, "by": ask.by})]
    if state.record != "off":
        events.append(Event("record.stopped", now, {"reason": "denunciation", "by": ask.by}))
    return events


# --- bookmarks and minutes: rooms keeps their words, the log holds that they exist -----------------------------------


def bookmark(state: RoomState, ask: Ask, message: m.Bookmark, now: float) -> Decision:
    if len(message.text) > MAX_NOTE:
        return Refusal("text.too_long", {"limit": MAX_NOTE})
    return [Event("bookmark.added", now, {"bookmark": ask.id, "by": ask.by})]


def minutes_take(state: RoomState, ask: Ask, message: m.MinutesTake, now: float) -> Decision:
    if state.minutes_frozen:
        return Refusal("minutes.frozen")
    if state.minutes_writer == ask.by:
        return []
    return [Event("minutes.taken", now, {"participant": ask.by, "from": state.minutes_writer})]


def minutes_line(state: RoomState, ask: Ask, message: m.MinutesLine, now: float) -> Decision:
    if state.minutes_frozen:
        return Refusal("minutes.frozen")
    if len(message.text) > MAX_TEXT:
        return Refusal("text.too_long", {"limit": MAX_TEXT})
    body = {"line": ask.id, "corrects": message.line, "by": ask.by}
    return [Event("minutes.line", now, body)]


def minutes_section(state: RoomState, ask: Ask, message: m.MinutesSection, now: float) -> Decision:
    if state.minutes_frozen:
        return Refusal("minutes.frozen")
    return Refusal("text.too_long", {"limit": MAX_TEXT}) if len(message.text) > MAX_TEXT else []


def minutes_freeze(state: RoomState, ask: Ask, message: m.MinutesFreeze, now: float) -> Decision:
    return [] if state.minutes_frozen else [Event("minutes.frozen", now, {"by": ask.by})]


def chat(state: RoomState, ask: Ask, message: m.Chat, now: float) -> Decision:
    return Refusal("text.too_long", {"limit": MAX_NOTE}) if len(message.text) > MAX_NOTE else []
