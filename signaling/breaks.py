"""Breaks of the record, as the log tells them: begun and ended by whatever event changed the room. Pure.

A *break* is time in which a running, recorded session is not recorded as it should be: a point whose media is away, a
relay that died, a disk that refuses.
"""

from __future__ import annotations

from dataclasses import replace

from signaling.state import DISK_LOW, Break, Event, RoomState


def note_break(state: RoomState, event: Event) -> RoomState:
    """The state with its break begun or ended by what ``event`` changed."""
    is_over = state.state in ("closed", "locked")
    if is_over and (state.broken is not None or state.question is not None):
        return replace(state, broken=None, question=None)
    cause = _cause(state)
    if cause and state.broken is None:
        since = event.body.get("since")
        began = float(since) if isinstance(since, (int, float)) else event.utc
        who = tuple(sorted({participant for participant, _ in state.outages}))
        return replace(state, broken=Break(min(began, event.utc), cause, who))
    if not cause and state.broken is not None:
        question = state.question
        if question is not None and question.until is None:
            question = replace(question, until=event.utc)
        return replace(state, broken=None, question=question)
    return state


def _cause(state: RoomState) -> str:
    """Why the record is broken now: relay, line or disk; "" while it is not."""
    if state.state != "running" or state.record == "off":
        return ""
    if any(":" not in alarm and alarm != DISK_LOW for alarm in state.alarms) or state.failing:
        return "disk"
    causes = {cause for _, cause in state.outages}
    return "relay" if "relay" in causes else "line" if causes else ""


def asked(state: RoomState, event: Event) -> RoomState:
    """``break.asked``."""
    lasting = state.broken
    if lasting is None:
        return state
    return replace(state, broken=replace(lasting, asked=True), question=replace(lasting, asked=True))


def answered(state: RoomState, event: Event) -> RoomState:
    """``break.answered``."""
    return replace(state, question=None)
