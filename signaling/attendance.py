"""Rules about who is in the room: admitting, connecting, muting, the people at a point, and rings. Pure."""

from __future__ import annotations

from typing import Any

from signaling import messages as m
from signaling.commands import HUB, Add, Ask, Connect, Disconnect, GiveButtons, RingAnswered, RingNext
from signaling.errors import Refusal
from signaling.state import Event, Participant, RoomState

Decision = list[Event] | Refusal

MAX_PEOPLE = 60  # people before one camera; a group of 50 with its officers is the largest that plans speak of

# --- participants and connections ------------------------------------------------------------------------------------


def add(state: RoomState, add: Add, now: float) -> Decision:
    if state.state == "closed":
        return Refusal("session.over")
    if state.find(add.participant) is not None:
        return []
    body: dict[str, Any] = {"participant": add.participant, "role": add.role, "site": add.site, "kind": add.kind}
    if add.admitted:
        body["admitted"] = True
    if add.publishes is not None:
        body["publishes"] = list(add.publishes)
    if add.receives is not None:
        body["receives"] = list(add.receives)
    if add.protected:
        body["protected"] = True
    if add.writes:
        body["writes"] = True
    if add.notice_to:
        body["notice_to"] = add.notice_to
    return [Event("participant.added", now, body)]


def connect(state: RoomState, connect: Connect, now: float) -> Decision:
    one = state.find(connect.participant)
    if one is None:
        return Refusal("participant.unknown")
    if one.state == "removed" or one.restricted:
        return Refusal("participant.removed")
    if state.state == "planned":
        return Refusal("session.wrong_state", {"state": state.state})
    if not one.admitted and one.role != "operator":
        already = one.state == "waiting"
        return [] if already else [Event("participant.waiting", now, {"participant": one.participant})]
    if one.state == "joined" and one.peer == connect.peer:
        return []
    events = [Event("participant.joined", now, {"participant": one.participant, "peer": connect.peer})]
    if one.role == "operator" and not state.operator and state.state != "closed":
        events.append(Event("operator.taken", now, {"participant": one.participant}))
    return events


def disconnect(state: RoomState, gone: Disconnect, now: float) -> Decision:
    one = state.find(gone.participant)
    if one is None or one.state not in ("joined", "waiting", "admitted"):
        return []
    return [Event("participant.lost", now, {"participant": one.participant})]


def give_buttons(state: RoomState, command: GiveButtons, now: float) -> Decision:
    one = state.find(command.participant)
    if one is None:
        return Refusal("participant.unknown")
    if one.role != "operator" or one.restricted or one.state == "removed":
        return Refusal("right.missing")
    if state.state == "closed" or state.operator == one.participant:
        return []
    return [Event("operator.taken", now, {"participant": one.participant, "from": state.operator})]


def target(state: RoomState, ask: Ask) -> Participant | Refusal:
    one = state.find(getattr(ask.message, "participant", ""))
    if one is None:
        return Refusal("participant.unknown")
    if one.state == "removed" or one.restricted:
        return Refusal("participant.wrong_state", {"state": "removed"})
    return one


def admit(state: RoomState, ask: Ask, message: m.Admit, now: float) -> Decision:
    one = target(state, ask)
    if isinstance(one, Refusal):
        return one
    if one.admitted:
        return []
    return [Event("participant.admitted", now, {"participant": one.participant, "by": ask.author})]


def send_back(state: RoomState, ask: Ask, message: m.SendBack, now: float) -> Decision:
    one = target(state, ask)
    if isinstance(one, Refusal):
        return one
    if one.role == "operator":
        return Refusal("participant.wrong_state", {"state": one.state})
    if not one.admitted:
        return []
    body = {"participant": one.participant, "by": ask.author, "reason": message.reason}
    return [Event("participant.sent_back", now, body)]


def remove(state: RoomState, ask: Ask, message: m.Remove, now: float) -> Decision:
    one = target(state, ask)
    if isinstance(one, Refusal):
        return one
    if one.participant == ask.by:
        return Refusal("participant.wrong_state", {"state": one.state})
    body = {"participant": one.participant, "by": ask.author, "reason": message.reason}
    return [Event("participant.removed", now, body)]


def leave(state: RoomState, ask: Ask, message: m.Leave, now: float) -> Decision:
    one = state.find(ask.by)
    if one is None or one.state in ("left", "removed", "invited"):
        return []
    return [Event("participant.left", now, {"participant": one.participant})]


def mute(state: RoomState, ask: Ask, message: m.Mute, now: float) -> Decision:
    one = target(state, ask)
    if isinstance(one, Refusal):
        return one
    if (message.source in one.muted_operator) == message.on:
        return []
    by = HUB if ask.by == one.participant else ask.by
    kind = "source.muted" if message.on else "source.unmuted"
    return [Event(kind, now, {"participant": one.participant, "source": message.source, "by": by})]


def protect(state: RoomState, ask: Ask, message: m.Protect, now: float) -> Decision:
    one = target(state, ask)
    if isinstance(one, Refusal):
        return one
    if one.protected == message.on:
        return []
    if not message.on and not message.reason.strip():
        return Refusal("reason.needed")
    kind = "participant.protected" if message.on else "participant.unprotected"
    return [Event(kind, now, {"participant": one.participant, "by": ask.author, "reason": message.reason})]


def set_source(state: RoomState, ask: Ask, message: m.SetSource, now: float) -> Decision:
    one = state.find(ask.by)
    if one is None:
        return Refusal("participant.unknown")
    if message.source not in one.publishes:
        return Refusal("participant.cannot_send")
    if (message.source in one.muted_self) == (not message.on):
        return []
    kind = "source.unmuted" if message.on else "source.muted"
    return [Event(kind, now, {"participant": one.participant, "source": message.source, "by": one.participant})]


def publish(state: RoomState, ask: Ask, message: m.Publish, now: float) -> Decision:
    one = state.find(ask.by)
    if one is None or not one.publishes or any(s not in one.publishes for s in message.sources.values()):
        return Refusal("participant.cannot_send")
    return []


def people(state: RoomState, ask: Ask, message: m.People, now: float) -> Decision:
    one = target(state, ask)
    if isinstance(one, Refusal):
        return one
    if len(message.people) > MAX_PEOPLE or len(ask.ids) != len(message.people):
        return Refusal("people.invalid")
    if ask.ids == one.people:
        return []
    body = {"participant": one.participant, "count": len(ask.ids), "people": list(ask.ids), "by": ask.by}
    return [Event("people.changed", now, body)]


# --- rings -----------------------------------------------------------------------------------------------------------


def ring(state: RoomState, ask: Ask, message: m.Ring, now: float) -> Decision:
    if not message.site or len(message.site) > 64:
        return Refusal("site.unknown")
    if state.ring_of(message.site) is not None:
        return Refusal("ring.already")
    return [Event("ring.started", now, {"ring": ask.id, "site": message.site, "stage": "duty", "by": ask.author})]


def cancel_ring(state: RoomState, ask: Ask, message: m.CancelRing, now: float) -> Decision:
    ring = state.ring_of(message.site)
    if ring is None:
        return Refusal("ring.unknown")
    return [Event("ring.cancelled", now, {"ring": ring.ring, "site": ring.site, "by": ask.author})]


def ring_next(state: RoomState, command: RingNext, now: float) -> Decision:
    ring = next((r for r in state.rings if r.ring == command.ring), None)
    if ring is None or ring.stage == "phone":
        return []
    stage = "substitute" if ring.stage == "duty" else "phone"
    return [Event("ring.started", now, {"ring": ring.ring, "site": ring.site, "stage": stage, "by": ring.by})]


def ring_answered(state: RoomState, command: RingAnswered, now: float) -> Decision:
    ring = next((r for r in state.rings if r.ring == command.ring), None)
    if ring is None:
        return Refusal("ring.unknown")
    body = {"ring": ring.ring, "site": ring.site, "accepted": command.accept}
    events = [Event("ring.answered", now, body)]
    if not command.accept:
        return events
    here = state.find(command.participant)
    if here is None:
        added = Add(command.participant, "guest", site=ring.site, admitted=True)
        events += _events(add(state, added, now))
    elif not here.admitted and here.state != "removed" and not here.restricted:
        events.append(Event("participant.admitted", now, {"participant": here.participant, "by": ring.by}))
    return events


def _events(decision: Decision) -> list[Event]:
    return decision if isinstance(decision, list) else []
