"""What a replayed session's time line says of each point: where it has nothing, and why. Pure.

Seconds from the first recorded moment. Used by the replay page and by the composed file, so that both say the same.
A gap's ``kind`` is "lost" where the point was away against everybody's will, else "unrecorded"; ``reason`` is a code of
docs/formats.md (Manifest), "closed" while the session was closed and then opened again, or "" for not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from web.i18n import N_

LOST = frozenset({"network", "crash", "disk", "missing"})
SHORTEST_GAP_S = 0.5  # between two files of the same point less than this is seen by nobody
EDGE_S = 1.5
"""Points begin and end a little apart; so short a hole at the beginning or the end is no fault and is not shown."""

REASONS: dict[str, str] = {
    "network": N_("mất kết nối"),
    "crash": N_("máy chuyển tiếp gặp sự cố"),
    "disk": N_("không ghi được xuống ổ đĩa"),
    "missing": N_("tệp gốc không tìm thấy"),
    "mute": N_("đã tắt micro hoặc camera"),
    "pause": N_("tạm dừng"),
    "sidetalk": N_("hội ý"),
    "protected": N_("được bảo vệ, không ghi"),
    "left": N_("rời phiên"),
    "objection": N_("không đồng ý ghi"),
    "silent": N_("thiết bị không gửi gì"),
    "closed": N_("phiên đã kết thúc, sau đó mở lại"),
    "unknown": N_("chưa rõ nguyên nhân"),
}
CARDS: dict[str, str] = {
    "network": N_("Mất kết nối"),
    "crash": N_("Máy chuyển tiếp gặp sự cố"),
    "disk": N_("Không ghi được xuống ổ đĩa"),
    "missing": N_("Tệp gốc không tìm thấy"),
    "mute": N_("Đã tắt micro, camera"),
    "pause": N_("Tạm dừng, không ghi"),
    "sidetalk": N_("Hội ý, không ghi"),
    "protected": N_("Được bảo vệ, không ghi"),
    "left": N_("Đã rời phiên"),
    "objection": N_("Không đồng ý ghi"),
    "silent": N_("Thiết bị không gửi gì"),
    "closed": N_("Phiên đã kết thúc, sau đó mở lại"),
    "": N_("Không ghi"),
}
"""The same as a sentence of its own, on the picture."""

STOPS = {
    "session.paused": ("session.resumed", "pause"),
    "session.closed": ("session.reopened", "closed"),
    "sidetalk.started": ("sidetalk.ended", "sidetalk"),
    "record.stopped": ("record.started", "pause"),
}
"""Events from which nothing is recorded until their counterpart; files run on through such times without content."""

Gap = dict[str, float | str]
Noted = tuple[float, float, str]
"""(from, to, reason)"""
Span = tuple[float, float]
"""(from, to)"""


def card_of(reason: str) -> str:
    """The sentence of a reason, to be translated."""
    return CARDS.get(reason, CARDS[""])


def first_moment(points: list[dict[str, Any]]) -> float:
    """Where the page begins: when every point is recorded, unless that is later than EDGE_S after the first."""
    starts = [point["segments"][0]["start"] for point in points if point["segments"] and not point["paper"]]
    return max((start for start in starts if start <= EDGE_S), default=0.0)


def holes(segments: list[dict[str, Any]], noted: Iterable[Noted], length: float) -> list[Gap]:
    """The times without a segment, each with the reason that covers most of it, if it covers half."""
    found: list[Gap] = []
    known = list(noted)
    at = 0.0
    for start, end in [*((one["start"], one["end"]) for one in segments), (length, length)]:
        reason = _reason(known, at, start)
        kind = "lost" if reason in LOST else "unrecorded"
        edge = kind == "unrecorded" and (at == 0.0 or start >= length)
        if start > at and start - at >= (EDGE_S if edge else SHORTEST_GAP_S):
            found.append({"start": round(at, 3), "end": round(start, 3), "kind": kind, "reason": reason})
        at = max(at, end)
    return found


def _reason(noted: list[Noted], start: float, end: float) -> str:
    covered: dict[str, float] = {}
    for since, to, reason in noted:
        covered[reason] = covered.get(reason, 0.0) + max(0.0, min(end, to) - max(start, since))
    most = max(covered, key=lambda reason: covered[reason], default="")
    return most if most and covered[most] * 2 >= end - start else ""


def filled(gaps: Iterable[Gap], takes: Iterable[Span]) -> list[Span]:
    """What of the lost times the point's own recordings hold, in order."""
    lost = [(float(gap["start"]), float(gap["end"])) for gap in gaps if gap["kind"] == "lost"]
    both = [(max(a, c), min(b, d)) for c, d in takes for a, b in lost]
    return sorted((round(start, 3), round(end, 3)) for start, end in both if end - start >= SHORTEST_GAP_S)


def outside(spans: Iterable[Span], length: float) -> list[Span]:
    """The times from 0 to ``length`` that lie in none of ``spans``, in order."""
    found: list[Span] = []
    at = 0.0
    for start, end in [*sorted(spans), (length, length)]:
        if start > at:
            found.append((at, start))
        at = max(at, end)
    return found


def pauses(log: list[tuple[float, str]], length: float) -> list[Gap]:
    """Times of the line in which recording was held on purpose. ``log``: moment and kind of each event, in order."""
    found: list[Gap] = []
    since: dict[str, float] = {}
    for at, kind in log:
        for stop, (go, reason) in STOPS.items():
            if kind == stop:
                since.setdefault(stop, at)
            elif kind == go and stop in since:
                found.append(clipped(since.pop(stop), at, length, reason))
    found += [clipped(at, length, length, STOPS[stop][1]) for stop, at in since.items()]
    shown = (one for one in found if long_enough(float(one["start"]), float(one["end"]), length))
    return sorted(shown, key=lambda one: float(one["start"]))


def protections(log: Iterable[tuple[float, str, Mapping[str, Any]]], participant: str, length: float) -> list[Gap]:
    """Times in which this point alone was not recorded, for its protection."""
    found: list[Gap] = []
    since: float | None = None
    for at, kind, body in log:
        if body.get("participant") != participant:
            continue
        if kind == "participant.protected":
            since = at if since is None else since
        elif kind == "participant.unprotected" and since is not None:
            found.append(clipped(since, at, length, "protected"))
            since = None
    if since is not None:
        found.append(clipped(since, length, length, "protected"))
    return [one for one in found if float(one["end"]) > float(one["start"])]


def long_enough(start: float, end: float, length: float) -> bool:
    """Whether a pause is shown; what ends the line within EDGE_S is its end, not a pause."""
    return end - start >= EDGE_S if end >= length else end > start


def clipped(start: float, end: float, length: float, reason: str) -> Gap:
    """A gap on the line, cut to it."""
    return {
        "start": round(max(0.0, start), 3), "end": round(min(length, end), 3), "kind": "unrecorded", "reason": reason,
    }  # fmt: skip
