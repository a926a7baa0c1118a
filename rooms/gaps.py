"""Where the record of a session has holes, and why: from its event log and its tracks. Pure.

A hole is a second or more without packets of a source while the session was to be recorded. The log explains most of
them (paused, muted, line lost); those lose nothing, because nothing was there to be written. After a relay's death at
most CRASH_LOSS_S of what had arrived is missing (docs/formats.md, "Loss"); its death is one gap for all that it cut
off, however short, because something may have been lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rooms.manifest import Gap

CRASH_LOSS_S = 1.0
MACHINE_LOSS_S = 10.0
"""After the loss of a relay's machine, of what its copies lag behind (design 4)."""
SHORTEST_S = 1.0
"""Shorter holes are ordinary jitter between two journals, unless a writer died."""
CRASH_TOGETHER_S = 2.0
"""Tracks that end so close together ended by the same death: all end within CRASH_LOSS_S of it."""
BACK_TOGETHER_S = 5.0
"""Who comes back so much later than the first still belongs to the gap; whoever takes longer has one of its own."""

DISK_REFUSED = ("disk_full", "disk_stalled", "disk_error")
"""Alarms of a journal that could not be written; ``disk_low`` only foretells them."""


@dataclass(frozen=True, slots=True)
class LogEvent:
    """An event as far as it matters here; ``utc`` in UNIX seconds."""

    kind: str
    utc: float
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """A track: whose, from when to when (UNIX seconds), whether its writer died and how much went with it at most."""

    participant: str
    source: str
    part: int
    first_utc: float
    last_utc: float
    recovered: bool = False
    bound_s: float = CRASH_LOSS_S


@dataclass(frozen=True, slots=True)
class Cause:
    """A stretch of time with a reason; "" for participant or source means all."""

    reason: str
    start: float
    end: float
    participant: str = ""
    source: str = ""

    def fits(self, participant: str, source: str) -> bool:
        """Whether it speaks of this source."""
        return self.participant in ("", participant) and self.source in ("", source)


_STARTS: dict[str, str] = {
    "session.paused": "pause",
    "record.stopped": "pause",
    "session.closed": "pause",
    "sidetalk.started": "sidetalk",
    "participant.left": "left",
    "participant.removed": "left",
    "participant.sent_back": "left",
    "participant.lost": "network",
    "source.muted": "mute",
    "participant.protected": "objection",
}
_ENDS: dict[str, tuple[str, ...]] = {
    "session.resumed": ("pause",),
    "session.reopened": ("pause",),
    "record.started": ("pause",),
    "sidetalk.ended": ("sidetalk",),
    "participant.joined": ("left", "network"),
    "participant.admitted": ("left",),
    "source.unmuted": ("mute",),
    "participant.unprotected": ("objection",),
    "outage.ended": ("crash", "network"),
}
_ORDER = ("crash", "disk", "pause", "sidetalk", "objection", "mute", "left", "network", "silent")
"""When several reasons cover a hole the first of these names it."""


def causes(events: Sequence[LogEvent], end: float) -> list[Cause]:
    """All stretches with a reason; those still open end at ``end``."""
    found: list[Cause] = []
    open_: dict[tuple[str, str, str], float] = {}
    for event in events:
        participant, source = str(event.body.get("participant", "")), str(event.body.get("source", ""))
        for reason in _ENDS.get(event.kind, ()):
            for key in [k for k in open_ if k[0] == reason and k[1] in ("", participant) and k[2] in ("", source)]:
                found.append(Cause(reason, open_.pop(key), event.utc, key[1], key[2]))
        if event.kind in _STARTS:
            whole = _STARTS[event.kind] in ("pause", "sidetalk")
            key = (_STARTS[event.kind], "" if whole else participant, source if event.kind == "source.muted" else "")
            open_.setdefault(key, event.utc)
        elif event.kind == "outage.started":
            reason = "crash" if event.body.get("cause") == "relay" else "network"
            for name in event.body.get("participants", ()):
                open_.setdefault((reason, str(name), ""), float(event.body.get("since", event.utc)))
    return found + [Cause(reason, start, end, who, what) for (reason, who, what), start in open_.items()]


def silences(events: Iterable[LogEvent], end: float) -> list[Cause]:
    """Stretches in which a source that had been live sent nothing."""
    found = []
    since: dict[tuple[str, str], float] = {}
    for event in events:
        key = (str(event.body.get("participant", "")), str(event.body.get("source", "")))
        if event.kind == "source.silent":
            since.setdefault(key, float(event.body.get("since", event.utc)))
        elif event.kind == "source.live" and key in since:
            found.append(Cause("silent", since.pop(key), event.utc, *key))
    return found + [Cause("silent", start, end, *key) for key, start in since.items()]


def find_gaps(events: Sequence[LogEvent], tracks: Sequence[Written], end: float) -> list[Gap]:
    """All gaps of a session that ended at ``end``, in time order."""
    reasons = causes(events, end)
    quiet = silences(events, end)
    gaps: list[Gap] = []
    cut: list[_Cut] = []
    for who, what in sorted({(t.participant, t.source) for t in tracks}):
        own = sorted((t for t in tracks if (t.participant, t.source) == (who, what)), key=lambda t: t.first_utc)
        until = _recorded_until(events, end)
        holes = [*_holes(own, quiet, until), *_withheld(own, reasons, until)]
        for start, stop, crashed in _merged(holes):
            quiet_before = crashed and _quiet_before(who, what, start, [*reasons, *quiet])
            if crashed and not quiet_before:
                bound = max((t.bound_s for t in own if t.recovered and t.last_utc == start), default=CRASH_LOSS_S)
                cut.append(_Cut(start, stop, who, what, bound))
            elif stop - start >= SHORTEST_S:
                gaps.append(_gap(who, what, start, stop, _but_crash(reasons) if quiet_before else reasons))
    gaps += _crashes(cut, reasons)
    gaps += _never_written(events, tracks, end)
    return sorted(gaps, key=lambda gap: (gap.start_utc_us, gap.participant, gap.source))


@dataclass(frozen=True, slots=True, order=True)
class _Cut:
    """A track that a relay's death cut off, and when the source's next packet was written."""

    start: float
    stop: float
    participant: str
    source: str
    bound_s: float = CRASH_LOSS_S


def _quiet_before(who: str, what: str, start: float, reasons: Iterable[Cause]) -> bool:
    """Whether nothing had been arriving already when the relay died: the hole began for a reason of its own."""
    return any(
        c.reason in ("pause", "sidetalk", "objection", "mute", "left", "silent")
        and c.fits(who, what)
        and c.start <= start + SHORTEST_S < c.end
        for c in reasons
    )


def _crashes(cut: Iterable[_Cut], reasons: Sequence[Cause]) -> list[Gap]:
    """One gap per death, and one for each point that came back much later than the others."""
    gaps: list[Gap] = []
    groups: list[list[_Cut]] = []
    for one in sorted(cut):
        last = groups[-1] if groups else []
        apart = CRASH_TOGETHER_S if one.bound_s <= CRASH_LOSS_S else one.bound_s
        if last and one.start - last[0].start <= apart and one.start < min(c.stop for c in last):
            last.append(one)
        else:
            groups.append([one])
    for group in groups:
        back = min(one.stop for one in group) + BACK_TOGETHER_S
        until = max(one.stop for one in group if one.stop <= back)
        lost = min(max(one.bound_s for one in group), max(one.stop - one.start for one in group))
        gaps.append(_over(group, group[0].start, until, "crash", lost))
        for who in sorted({one.participant for one in group}):
            late = [one for one in group if one.participant == who and one.stop - until >= SHORTEST_S]
            if late:
                stop = max(one.stop for one in late)
                reason = _reason(who, late[0].source, until, stop, _but_crash(reasons))
                gaps.append(_over(late, until, stop, "network" if reason == "silent" else reason, 0.0))
    return gaps


def _but_crash(reasons: Iterable[Cause]) -> list[Cause]:
    return [cause for cause in reasons if cause.reason != "crash"]


def _over(group: Sequence[_Cut], start: float, stop: float, reason: str, lost: float) -> Gap:
    """A gap of several sources, perhaps of several participants: "" stands for more than one."""
    who, what = {one.participant for one in group}, {one.source for one in group}
    return Gap(
        who.pop() if len(who) == 1 else "", what.pop() if len(what) == 1 else "", _us(start), _us(stop), reason,
        min(_us(lost), _us(stop) - _us(start)),
    )  # fmt: skip


def _recorded_until(events: Sequence[LogEvent], end: float) -> float:
    """When recording stopped for good: the last stop or close that no start follows."""
    until = end
    on = False
    for event in events:
        if event.kind in ("record.started", "session.reopened"):
            on, until = True, end
        elif event.kind in ("record.stopped", "session.closed") and on:
            on, until = False, event.utc
    return until


def _holes(own: Sequence[Written], quiet: Sequence[Cause], until: float) -> Iterable[tuple[float, float, bool]]:
    for before, after in zip(own, own[1:], strict=False):
        yield before.last_utc, after.first_utc, before.recovered
    if own[-1].recovered:
        yield own[-1].last_utc, until, True
    for cause in quiet:
        if cause.fits(own[0].participant, own[0].source):
            yield max(cause.start, own[0].first_utc), min(cause.end, until), False


def _withheld(own: Sequence[Written], reasons: Sequence[Cause], until: float) -> Iterable[tuple[float, float, bool]]:
    """Pauses and mutes within a journal: it stays open, and what a device goes on sending is not written."""
    who, what, first = own[0].participant, own[0].source, own[0].first_utc
    left = [c.start for c in reasons if c.reason == "left" and c.fits(who, what)]
    for cause in reasons:
        if cause.reason in ("pause", "mute") and cause.fits(who, what):
            stop = min([cause.end, until, *(at for at in left if at > cause.start)])
            yield max(cause.start, first), stop, False


def _merged(holes: Iterable[tuple[float, float, bool]]) -> list[tuple[float, float, bool]]:
    """Overlapping holes become one."""
    result: list[tuple[float, float, bool]] = []
    for start, stop, crashed in sorted(holes):
        if result and start <= result[-1][1] + 0.001:
            last = result[-1]
            result[-1] = (last[0], max(last[1], stop), last[2] or crashed)
        elif stop > start:
            result.append((start, stop, crashed))
    return result


def _gap(who: str, what: str, start: float, stop: float, reasons: Sequence[Cause]) -> Gap:
    reason = _reason(who, what, start, stop, reasons)
    lost = min(stop - start, CRASH_LOSS_S) if reason == "crash" else stop - start if reason == "unknown" else 0.0
    return Gap(who, what, _us(start), _us(stop), reason, _us(lost))


def _reason(who: str, what: str, start: float, stop: float, reasons: Sequence[Cause]) -> str:
    """The reason that covers some of the hole. A silence that the log calls so and nothing else explains: silent."""
    covering = {c.reason for c in reasons if c.fits(who, what) and c.start < stop and c.end > start - SHORTEST_S}
    return next((reason for reason in _ORDER if reason in covering), "silent")


def _never_written(events: Sequence[LogEvent], tracks: Sequence[Written], end: float) -> list[Gap]:
    """Alarms of the recorder: sources that never reached the disk, and disks that refused."""
    until = _recorded_until(events, end)
    written = {(t.participant, t.source) for t in tracks}
    well = [event.utc for event in events if event.kind == "record.confirmed"] + [t.first_utc for t in tracks]
    alarms = [event for event in events if event.kind == "record.alarm" and event.utc < until]
    gaps: list[Gap] = []
    for event in alarms:
        who, what = str(event.body.get("participant", "")), str(event.body.get("source", ""))
        if event.body.get("code") != "not_written":
            continue
        if (who, what) not in written:
            gaps.append(Gap(who, what, _us(event.utc), _us(until), "missing", _us(until - event.utc)))
        elif event.body.get("file"):  # it had been written, and then was not although media arrived
            start = min(float(event.body.get("since", event.utc)), event.utc)
            stop = min([*(at for at in _confirmed(events, who, what) if at > event.utc), until])
            gaps.append(Gap(who, what, _us(start), _us(stop), "missing", _us(stop - start)))
    refused = [event for event in alarms if event.body.get("code") in DISK_REFUSED]
    while refused:
        start = refused[0].utc
        stop = min([*(at for at in well if at > start), until])
        together = [event for event in refused if event.utc < stop]  # each track that fails raises its own alarm
        if not all(_caught_up(events, event) for event in together):
            gaps.append(Gap("", "", _us(start), _us(stop), "disk", _us(stop - start)))
        refused = [event for event in refused if event.utc >= stop]
    return gaps


def _confirmed(events: Sequence[LogEvent], who: str, what: str) -> list[float]:
    return [
        e.utc
        for e in events
        if e.kind == "record.confirmed" and (e.body.get("participant"), e.body.get("source")) == (who, what)
    ]


def _caught_up(events: Sequence[LogEvent], alarm: LogEvent) -> bool:
    """Whether all that waited while the disk refused this journal was written afterwards, as the relay says."""
    file = alarm.body.get("file")
    return bool(file) and any(
        e.kind == "record.confirmed"
        and e.utc >= alarm.utc
        and e.body.get("file") == file
        and e.body.get("dropped") == 0
        for e in events
    )


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
