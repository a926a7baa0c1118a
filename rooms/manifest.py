"""Bytes of the event log and of the manifest: canonical JSON, chains, what a locked package states.

Decides what is written, not where. Formats: docs/formats.md. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rooms.errors import RoomsError

MANIFEST_FORMAT = "diemcau-manifest"
SUPPLEMENT_FORMAT = "diemcau-supplement"
DERIVED_FORMAT = "diemcau-derived"
VERSION = 1
NO_EVENT = "0" * 64
"""``previous`` of the first event of a session."""

EXPLAINED = frozenset({"network", "mute", "pause", "sidetalk", "left", "objection", "silent"})
"""Reasons of gaps in which nothing was there to be written; other reasons may have lost something."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of the session in which a track has nothing. ``source`` "" means all of the participant's.

    ``reason``: network, mute, pause, sidetalk, left, objection, silent; or crash, disk, missing, unknown.
    ``lost_us``: upper bound of what had arrived or was expected and is not in the record; 0 when explained.
    """

    participant: str
    source: str
    start_utc_us: int
    end_utc_us: int
    reason: str
    lost_us: int = 0


def canonical(value: object) -> bytes:
    """``value`` as canonical JSON. Raises ValueError for NaN, infinity, non-string keys and what JSON cannot hold."""
    _check_keys(value)
    try:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return text.encode()
    except (TypeError, UnicodeEncodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error


def _check_keys(value: object) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"not a string key: {key!r}")
            _check_keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_keys(item)


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def utc_text(moment: datetime | float) -> str:
    """A moment (or UNIX seconds) as in our files: ``2026-01-31T08:00:00.000000Z``. Raises ValueError without zone."""
    if isinstance(moment, int | float):
        moment = _EPOCH + timedelta(microseconds=round(moment * 1_000_000))
    if moment.tzinfo is None:
        raise ValueError("moment without time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def utc_us(moment: datetime) -> int:
    """Microseconds since 1970 (UTC), exact. Raises ValueError without a time zone."""
    if moment.tzinfo is None:
        raise ValueError("moment without time zone")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def event_line(
    *, session: str, number: int, epoch: int, kind: str, utc: datetime | float, body: Mapping[str, Any], previous: str
) -> tuple[bytes, str]:
    """The line of one event (without LF) and its hash, which is ``previous`` of the next one.

    ``previous``: hash of the line before, ``NO_EVENT`` for number 1. Raises ValueError if ``body`` is not JSON.
    """
    line = canonical(
        {
            "body": dict(body),
            "epoch": epoch,
            "kind": kind,
            "number": number,
            "previous": previous,
            "session": session,
            "utc": utc_text(utc),
        }
    )
    return line, sha256_hex(line)


class BrokenLog(RoomsError):
    """Event lines that do not form one chain."""

    def __init__(self, message: str) -> None:
        super().__init__("events.broken", message)


def check_events(session: str, lines: Sequence[bytes]) -> str:
    """Head of an event log. Raises BrokenLog when numbers, session or chain do not fit together."""
    previous = NO_EVENT
    for number, line in enumerate(lines, start=1):
        try:
            event = json.loads(line)
            fits = (event["number"], event["session"], event["previous"]) == (number, session, previous)
        except (ValueError, KeyError, TypeError) as error:
            raise BrokenLog(f"event {number}: {error}") from error
        if not fits or b"\n" in line:
            raise BrokenLog(f"event {number} does not follow the one before")
        previous = sha256_hex(line)
    return previous


def gap_dict(gap: Gap) -> dict[str, Any]:
    """A gap as it stands in the manifest. Raises ValueError if it ends before it starts or loses less than nothing."""
    if gap.end_utc_us < gap.start_utc_us or gap.lost_us < 0:
        raise ValueError(f"not a gap: {gap}")
    return {
        "participant": gap.participant,
        "source": gap.source,
        "start_utc_us": gap.start_utc_us,
        "end_utc_us": gap.end_utc_us,
        "reason": gap.reason,
        "lost_us": gap.lost_us,
    }


def lost_us(gaps: Iterable[Gap]) -> int:
    """What the gaps lost together, microseconds."""
    return sum(gap.lost_us for gap in gaps)


def manifest_bytes(
    *,
    session: str,
    locked: datetime,
    key: Mapping[str, str],
    files: Sequence[Mapping[str, Any]],
    events: Mapping[str, Any],
    tracks: Sequence[Mapping[str, Any]],
    gaps: Sequence[Gap],
    facts: Mapping[str, Any],
) -> bytes:
    """``manifest.json``. ``complete`` and ``lost_us`` follow from tracks and gaps."""
    bad_tracks = [track for track in tracks if track["state"] in ("damaged", "missing")]
    lost = lost_us(gaps)
    return canonical(
        {
            "format": MANIFEST_FORMAT,
            "version": VERSION,
            "session": session,
            "locked_utc": utc_text(locked),
            "key": dict(key),
            "files": sorted((dict(f) for f in files), key=lambda f: f["path"]),
            "events": dict(events),
            "tracks": [dict(t) for t in tracks],
            "gaps": [gap_dict(g) for g in gaps],
            "complete": not bad_tracks and lost == 0,
            "lost_us": lost,
            "facts": dict(facts),
        }
    )
