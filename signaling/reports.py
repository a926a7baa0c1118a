"""What a relay's reports, its death, and the passing of time mean for a room. Pure, like ``signaling.room``.

Reports may come twice (the relay repeats what was not acknowledged): what the state already knows gives no event.
"""

from __future__ import annotations

from media import messages as r
from signaling.state import Event, Participant, RoomState, track_of


def decide_report(state: RoomState, report: r.Report, now: float) -> list[Event]:
    """The events that a report leads to. Their time is the relay's (UTC), not that of arrival."""
    if state.state == "locked":
        return []
    body, utc = report.body, report.utc
    match body:
        case r.SourceLive():
            return _live(state, body, utc)
        case r.SourceSilent():
            return _silent(state, body, utc)
        case r.TrackWritten():
            return _written(state, body, utc)
        case r.PeerDown():
            return _peer_down(state, body, utc)
        case r.WriteFailed():
            return _write_failed(state, body, utc)
        case r.Heads():
            heads = {file: [head, length] for file, (head, length) in body.files.items()}
            return [Event("journal.heads", utc, {"files": heads})]
        case r.SessionEnded():
            return [Event("journal.heads", utc, {"files": {}, "ended": list(body.files)})]
    return []


def _write_failed(state: RoomState, body: r.WriteFailed, utc: float) -> list[Event]:
    track = track_of(body.file)
    if body.code != "not_written":
        known = body.code in state.alarms and (track is None or track in state.failing)
        return [] if known else [Event("record.alarm", utc, {"code": body.code, "file": body.file})]
    if track is None or track in state.failing or state.record == "off":
        return []
    fields: dict[str, object] = {"code": body.code, "participant": track[0], "source": track[1], "file": body.file}
    fields["since"] = round(body.since, 3)
    return [Event("record.alarm", utc, fields)]


def _live(state: RoomState, body: r.SourceLive, utc: float) -> list[Event]:
    one = state.find(body.participant)
    if one is None or not one.connected or state.state == "closed":
        return []
    events = []
    if body.source not in (source for source, _ in one.live):
        events.append(Event("source.live", utc, {"participant": one.participant, "source": body.source}))
    if any(p == one.participant for p, _ in state.outages):
        events.append(Event("outage.ended", utc, {"participant": one.participant}))
    return events


def _silent(state: RoomState, body: r.SourceSilent, utc: float) -> list[Event]:
    one = state.find(body.participant)
    if one is None or body.source not in (source for source, _ in one.live):
        return []
    fields = {"participant": one.participant, "source": body.source, "since": round(body.since, 3)}
    events = [Event("source.silent", utc, fields)]
    rest = [s for s, _ in one.live if s != body.source and s not in one.muted]
    if not rest and body.source not in one.muted:
        events += _outage(state, one, "line", body.since, utc)
    return events


def _peer_down(state: RoomState, body: r.PeerDown, utc: float) -> list[Event]:
    one = next((p for p in state.participants if p.peer == body.peer), None)
    if one is None or body.leg != "publish" or not one.live:
        return []
    events = [
        Event("source.silent", utc, {"participant": one.participant, "source": source, "since": round(utc, 3)})
        for source, _ in one.live
    ]
    if body.reason not in ("closed", "replaced"):
        events += _outage(state, one, "line", utc, utc)
    return events


def _outage(state: RoomState, one: Participant, cause: str, since: float, utc: float) -> list[Event]:
    already = any(p == one.participant for p, _ in state.outages)
    if already or state.state not in ("open", "running") or not one.connected:
        return []
    body = {"participants": [one.participant], "cause": cause, "since": round(since, 3)}
    return [Event("outage.started", utc, body)]


def _written(state: RoomState, body: r.TrackWritten, utc: float) -> list[Event]:
    track = (body.participant, body.source)
    if body.part != state.part or state.record == "off" or track in state.written:
        return []
    if state.find(body.participant) is None:
        return []
    fields = {"participant": body.participant, "source": body.source, "part": body.part, "file": body.file}
    if track in state.failing:
        fields["dropped"] = body.dropped
    return [Event("record.confirmed", utc, fields)]


def decide_relay_gone(state: RoomState, now: float) -> list[Event]:
    """Every participant with media is out until its source is live again; the record goes on as a new part."""
    if state.state not in ("open", "running", "suspended"):
        return []
    gone = [p.participant for p in state.connected() if p.live]
    recorded = state.record != "off"
    if not gone and not recorded:
        return []
    part = state.part + 1 if recorded else state.part
    return [
        Event("outage.started", now, {"participants": gone, "cause": "relay", "since": round(now, 3), "part": part})
    ]
