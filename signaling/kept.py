"""Which commands do not wait for the database, and what becomes of their events. Pure.

Whoever mutes, removes, pauses or cuts off a point must not be refused because a disk is busy: the relay is told at
once. What counts as restricting is not a list of names but a comparison: the relay is to do nothing that it did not
do before. Some further commands are carried out once the relay has their events on its disk (``let_through``). All
these events are written in their order, with the time at which they took effect, by this owner or by the next
(``recovered``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from media.messages import Desired, KeptEvent, Member, RecordMode
from signaling import messages as m
from signaling.commands import Ask
from signaling.desired import desired
from signaling.room import decide, fold
from signaling.state import SOURCES, Event, RoomState

RESTRICTING = (
    m.Mute, m.SetSource, m.Remove, m.SendBack, m.Pause, m.SideTalk, m.SetRecord, m.Protect, m.ToDenunciation, m.Leave,
)  # fmt: skip
"""Requests that may restrict; whether one does depends on the state (``mute`` also lifts a mute)."""

LET_THROUGH = (m.Mute, m.SetSource, m.SideTalk, m.Resume, m.TakeOver)
"""Requests that take back what may be done meanwhile, or keep somebody at the buttons. They name only participants and
sources, need no row of the database, and neither let anybody in nor put anything on a disk that was kept from it.
Everything else waits: what lets people in, starts or widens the record, closes, and all that holds words."""

WORDS = ("reason",)
"""Fields of event bodies that hold what somebody wrote. They never reach the relay."""

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


def let_through(state: RoomState, ask: Ask) -> bool:
    """Whether ``ask`` may be carried out on the relay's word alone, while the database is away."""
    return isinstance(ask.message, LET_THROUGH) and state.state in ("open", "running", "suspended")


def for_relay(epoch: int, number: int, event: Event) -> KeptEvent:
    """An event as the relay may keep it: without anything that somebody wrote, but saying that there was something."""
    body: dict[str, Any] = {key: value for key, value in event.body.items() if key not in WORDS}
    if any(event.body.get(key) for key in WORDS):
        body["words_lost"] = True
    return KeptEvent(epoch=epoch, number=number, kind=event.kind, utc=event.utc, body=body)


def recovered(log: Sequence[Event], kept: Sequence[KeptEvent], in_order: bool = True) -> list[Event]:
    """The events that a new owner writes for what a relay kept, after those of the log.

    What the log has at the same number (same kind, same time) was written before its owner died. What follows the log
    without a gap is written as it was. Anything else came too late: the room has gone on without it, so it is written
    as ``event.late``, which says what it was and changes nothing. ``in_order`` False: the room runs already, all that
    is new is late.
    """
    late = {(event.body.get("epoch"), event.body.get("number")) for event in log if event.kind == "event.late"}
    fitting: list[Event] = []
    too_late: list[Event] = []
    for one in sorted(kept, key=lambda one: (one.epoch, one.number)):
        known = log[one.number - 1] if 0 < one.number <= len(log) else None
        if known is not None and (known.kind, known.utc) == (one.kind, one.utc):
            continue
        if in_order and one.number == len(log) + len(fitting) + 1:
            fitting.append(Event(one.kind, one.utc, one.body))
        elif (one.epoch, one.number) not in late:
            too_late.append(as_late(Event(one.kind, one.utc, one.body), one.epoch, one.number))
    return fitting + too_late


def as_late(event: Event, epoch: int, number: int) -> Event:
    """An event that can take no effect any more, as the log holds it."""
    return Event(
        "event.late", event.utc, {"epoch": epoch, "number": number, "kind": event.kind, "body": dict(event.body)}
    )


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
