"""When a participant's microphone and camera were allowed on the disk, by the session's log. Pure.

Asked when a point hands in what its browser recorded without the hub (rooms.takes): the browser could not know what
happened meanwhile, the log does. Restrictions that came late into the log (``event.late``) count from when they
happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from signaling.fold import apply
from signaling.state import Event, RoomState, recorded

MARGIN_S = 0.25
"""The device's reckoning of the hub's clock may be wrong by so much: spans off the record are taken wider."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """From ``utc`` on: why nothing of this source may be kept, "" when it may."""

    utc: float
    reasons: tuple[str, ...]


class OnRecord:
    """The times of one participant. ``events``: the whole log, in order."""

    def __init__(self, session: str, participant: str, events: Iterable[Event]) -> None:
        state = RoomState(session=session)
        turns: list[_Turn] = []
        for event in _in_time(events):
            state = apply(state, event)
            reasons = tuple(reason_against(state, participant, source) for source in ("camera", "mic"))
            if not turns or turns[-1].reasons != reasons:
                turns.append(_Turn(event.utc, reasons))
        self._turns = turns

    def against(self, sources: Sequence[str], start: float, end: float) -> str:
        """Why a recording of these sources from ``start`` to ``end`` (UNIX seconds) may not be kept, "" if it may.

        One moment off the record is enough: what lies around it in the same piece goes with it.
        """
        start, end = start - MARGIN_S, end + MARGIN_S
        chosen = [index for index, source in enumerate(("camera", "mic")) if source in sources]
        if not self._turns or start < self._turns[0].utc:
            return "not_started"
        for number, turn in enumerate(self._turns):
            until = self._turns[number + 1].utc if number + 1 < len(self._turns) else float("inf")
            if turn.utc < end and until > start:
                for index in chosen:
                    if turn.reasons[index]:
                        return turn.reasons[index]
        return ""


def reason_against(state: RoomState, participant: str, source: str) -> str:
    """Why a source may not be on disk in this state, "" if it may (``signaling.state.recorded``)."""
    one = state.find(participant)
    if state.restricted or (one is not None and one.restricted):
        return "denunciation"
    if state.state == "suspended":
        return "pause"
    if state.state in ("planned", "open"):
        return "not_started"
    if state.state != "running":
        return "closed"
    if state.record == "off":
        return "off"
    if one is None or not one.connected:
        return "left"
    if one.protected:
        return "protected"
    if participant in state.side_talk:
        return "sidetalk"
    if not recorded(state, one):
        return "off"
    if source in one.muted:
        return "mute"
    return "sound_only" if state.record == "sound" and source != "mic" else ""


def _in_time(events: Iterable[Event]) -> list[Event]:
    """Late events stand where they happened. Sorting is stable: those of one moment keep the order of the log."""
    placed = []
    for event in events:
        if event.kind == "event.late":
            body = event.body.get("body")
            placed.append(Event(str(event.body.get("kind", "")), event.utc, body if isinstance(body, dict) else {}))
        else:
            placed.append(event)
    return sorted(placed, key=lambda event: event.utc)
