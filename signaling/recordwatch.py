"""What watches over the record: alarms, room on the disk, breaks put to the chair, sessions nobody comes back to. Pure.

A break (``signaling.breaks``) that lasts longer than the rule profile allows is put to the chair, once; the answer is
an event of the log.
"""

from __future__ import annotations

from signaling import messages as m
from signaling.attendance import Decision
from signaling.commands import HUB, Abandoned, Ask, DiskRoom, Tick
from signaling.errors import Refusal
from signaling.state import ALARM_S, DISK_LOW, Event, RoomState, expected

ROOM_AGAIN = 1.1
"""So many times its floor must be left before a disk counts as having room again."""

PLANNED_BPS = {"full": 1_500_000, "sound": 64_000, "off": 0}
"""What a point is expected to write, before anything was measured: a 720p camera with sound, or sound."""
LEAST_POINTS = 2
BREAK_S = 60.0


def planned_bps(state: RoomState, mode: str) -> int:
    """What the session will write, in bit/s, if it is recorded in ``mode``."""
    points = sum(1 for one in state.connected() if one.role != "viewer")
    return PLANNED_BPS.get(mode, 0) * max(LEAST_POINTS, points)


def left_s(free: int, written_bps: int, planned: int, is_recorded: bool) -> float:
    """Seconds until a disk with ``free`` bytes is full. ``written_bps``: what its relay writes now, all sessions;
    ``planned``: what this session will write, which is part of that if it ``is_recorded`` already."""
    rate = max(written_bps, planned) if is_recorded else written_bps + planned
    return free * 8 / rate if rate else float("inf")


def decide_tick(state: RoomState, tick: Tick, now: float) -> list[Event]:
    """Alarms for tracks that ought to be on disk and are not, and breaks that last too long."""
    missing = sorted(expected(state, now, ALARM_S) - state.written - state.failing)
    events = [
        Event("record.alarm", now, {"code": "not_written", "participant": participant, "source": source})
        for participant, source in missing
        if f"not_written:{participant}:{source}" not in state.alarms
    ]
    lasting = state.broken
    if lasting is not None and not lasting.asked and now - lasting.since >= tick.break_s:
        body = {
            "since": round(lasting.since, 3), "cause": lasting.cause, "participants": list(lasting.participants),
            "limit_s": tick.break_s,
        }  # fmt: skip
        events.append(Event("break.asked", now, body))
    return events


def decide_room(state: RoomState, room: DiskRoom, now: float) -> list[Event]:
    """The disk of a session that is recorded falls below its floor, or has room again."""
    is_low = DISK_LOW in state.alarms
    if state.state not in ("running", "suspended") or state.record == "off":
        return []
    if not is_low and room.left_s < room.floor_s:
        return [Event("record.alarm", now, {"code": DISK_LOW, "left_s": int(room.left_s)})]
    if is_low and room.left_s >= room.floor_s * ROOM_AGAIN:
        return [Event("record.alarm_over", now, {"code": DISK_LOW})]
    return []


def decide_abandoned(state: RoomState, abandoned: Abandoned, now: float) -> list[Event]:
    """Nobody came back: the hub closes the session, and it can be locked at once."""
    if state.state not in ("open", "running", "suspended") or not is_empty(state):
        return []
    body = {"by": HUB, "lock": True, "reason": "abandoned", "since": round(abandoned.since, 3)}
    return [Event("session.closed", now, body)]


def is_empty(state: RoomState) -> bool:
    """Whether nobody is there: no page, and no media."""
    return not any(one.state in ("joined", "waiting") or one.live for one in state.participants)


def restart_record(state: RoomState, ask: Ask, message: m.RestartRecord, now: float) -> Decision:
    """One click: a new part on new journals, in the mode of before."""
    if state.record == "off":
        return Refusal("record.not_on")
    if state.restricted:
        return Refusal("session.restricted")
    body = {"mode": state.record, "part": state.part + 1, "reason": message.reason, "by": ask.by, "restart": True}
    return [Event("record.started", now, body)]


def answer_break(state: RoomState, ask: Ask, message: m.AnswerBreak, now: float) -> Decision:
    """What the chair decided; a second answer to the same question is one too many, not a fault."""
    question = state.question
    if question is None:
        return Refusal("break.not_asked")
    until = question.until if question.until is not None else now
    body = {
        "answer": message.answer, "by": ask.by, "since": round(question.since, 3), "until": round(until, 3),
        "is_over": question.until is not None,
    }  # fmt: skip
    return [Event("break.answered", now, body)]
