"""Commands that only restrict do not wait for the database (design 2). Pure.

Whoever mutes, removes, pauses or cuts off a point must not be refused because a disk is busy: the relay is told at
once, and the events are kept in the host until they can be written, with the time at which they took effect. What
counts as restricting is not a list of names but a comparison: the relay is to do nothing that it did not do before.
"""

from __future__ import annotations

from dataclasses import dataclass

from media.messages import Desired, Member, RecordMode
from signaling import messages as m
from signaling.commands import Ask
from signaling.desired import desired
from signaling.room import decide, fold
from signaling.state import SOURCES, Event, RoomState

RESTRICTING = (
    m.Mute, m.SetSource, m.Remove, m.SendBack, m.Pause, m.SideTalk, m.SetRecord, m.Protect, m.ToDenunciation, m.Leave,
)  # fmt: skip
"""Requests that may restrict; whether one does depends on the state (``mute`` also lifts a mute)."""

MAX_KEPT = 500
"""Events kept for one session: hours of an operator's work."""

_WEIGHT: dict[RecordMode, int] = {"off": 0, "sound": 1, "full": 2}


@dataclass(frozen=True, slots=True)
class Kept:
    """Events that have taken effect and are not in the database yet, between the states before and after them."""

    before: RoomState
    events: tuple[Event, ...]
    after: RoomState


def restrained(state: RoomState, ask: Ask, now: float) -> RoomState | None:
    """The state after ``ask`` if it is allowed and only restricts, else None."""
    if not isinstance(ask.message, RESTRICTING):
        return None
    decision = decide(state, ask, now)
    if not isinstance(decision, list):
        return None
    after = fold(state, decision)
    return after if narrows(desired(state, 0, 0), desired(after, 0, 0)) else None


def narrows(before: Desired, after: Desired) -> bool:
    """Whether ``after`` lets nothing pass, and nothing be written, that ``before`` did not."""
    if after.state != before.state and (before.state, after.state) != ("running", "paused"):
        return False
    if after.part != before.part or _WEIGHT[after.record] > _WEIGHT[before.record]:
        return False
    if after.state != before.state:
        return True  # a pause: nothing passes, nothing is written
    known = {one.participant: one for one in before.members}
    everybody = frozenset(known)
    return all(
        one.participant in known and _member_narrows(known[one.participant], one, everybody) for one in after.members
    )


def _member_narrows(before: Member, after: Member, everybody: frozenset[str]) -> bool:
    sent = {source for source in SOURCES if source in before.publish and source not in before.muted}
    sends = {source for source in SOURCES if source in after.publish and source not in after.muted}
    others = everybody - {before.participant}
    got = others if before.receives is None else set(before.receives)
    gets = others if after.receives is None else set(after.receives)
    return after.peer == before.peer and sends <= sent and gets <= got and (before.record or not after.record)
