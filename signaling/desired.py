"""``desired(state, epoch, version)``: what the session's relay is to do, derived from the room's state alone.

Who is not in ``members`` has no media in the session: the waiting, the sent back, the removed, the denounced.
"""

from __future__ import annotations

from typing import Literal

from media.messages import Desired, Member, Source
from signaling.state import SOURCES, Participant, RoomState, recorded


def desired(state: RoomState, epoch: int, version: int) -> Desired:
    """The whole desired state of the session on its relay."""
    if state.state in ("closed", "locked"):
        return Desired(session=state.session, epoch=epoch, version=version, state="closed", part=state.part)
    return Desired(
        session=state.session,
        epoch=epoch,
        version=version,
        state=_relay_state(state),
        record=state.record if state.state in ("running", "suspended") and not state.restricted else "off",
        part=state.part,
        members=members(state),
    )


def _relay_state(state: RoomState) -> Literal["running", "paused"]:
    # A side talk within a pause: the named ones hear each other, the rest stay cut off by ``receives`` below.
    return "paused" if state.state == "suspended" and not state.side_talk else "running"


def members(state: RoomState) -> tuple[Member, ...]:
    """Every participant that has media in the session, in the order they were added."""
    inside = tuple(state.connected())
    return tuple(
        Member(
            participant=one.participant,
            peer=one.peer,
            publish=one.publishes,
            muted=_muted(state, one),
            receives=_receives(state, one, inside),
            record=recorded(state, one),
        )
        for one in inside
    )


def _muted(state: RoomState, one: Participant) -> tuple[Source, ...]:
    if state.side_talk and state.state == "suspended" and one.participant not in state.side_talk:
        return SOURCES
    return one.muted


def _receives(state: RoomState, one: Participant, inside: tuple[Participant, ...]) -> tuple[str, ...] | None:
    others = {p.participant for p in inside if p.participant != one.participant}
    if not state.side_talk:
        return None if one.receives is None else tuple(p for p in one.receives if p in others)
    if one.participant in state.side_talk:
        wanted = others & set(state.side_talk)
    elif state.state == "suspended":
        wanted = set()
    else:
        wanted = others - set(state.side_talk)
    if one.receives is not None:
        wanted &= set(one.receives)
    return tuple(p.participant for p in inside if p.participant in wanted)
