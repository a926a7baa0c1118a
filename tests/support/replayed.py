"""Replay files of a started hub, decoded: which picture stands where on the time line, and when the beeps come."""

from __future__ import annotations

import sqlite3
import statistics
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy

from media.clip import CELLS, read_frame
from tests.support.hub import StartedHub, until

BEEP_LEVEL = 0.18
"""Between the clip's quiet tone (0.05 of full scale) and its beep (0.37)."""
BEEP_HOLD_S = 0.005


@dataclass(frozen=True)
class ReplayRow:
    """One replay file as the hub lists it."""

    participant: str
    mime: str
    path: Path
    start_utc: float
    duration_s: float
    frames: int


def replay_rows(hub: StartedHub, session: str, within: float = 20.0) -> list[ReplayRow]:
    """The session's replay files in time order, as soon as their job is done."""

    def look() -> list[ReplayRow]:
        with closing(sqlite3.connect(f"file:{hub.folder / 'hub.db'}?mode=ro", uri=True)) as db:
            found = db.execute(
                "select participant_id, mime, path, start_utc, duration_s, frames from replay_file"
                " where session_id = ? and participant_id != '' order by start_utc",  # not the list of who spoke
                (session,),
            ).fetchall()
        return [ReplayRow(who, mime, hub.folder / "files" / path, *rest) for who, mime, path, *rest in found]

    until(look, within, "replayable")
    return look()


def pictures(path: Path) -> list[tuple[float, Any]]:
    """Every decoded picture with its time in the file."""
    with av.open(str(path)) as container:
        return [(float(frame.time or 0), frame) for frame in container.decode(video=0)]


def counters(path: Path) -> list[tuple[float, int]]:
    """Time in the file and burnt-in frame number of every picture that is whole."""
    return [(at, value & 0xFFF) for at, frame in pictures(path) if (value := read_frame(frame)) is not None]


def has_flash(frame: Any) -> bool:
    """Whether the white square in the upper right corner is on."""
    plane = frame.planes[0]
    cell = frame.width / CELLS
    return bool(memoryview(plane)[int(cell) * plane.line_size + int(frame.width - cell)] > 180)


def flashes(path: Path) -> list[float]:
    """When the white square comes on, seconds in the file."""
    found, before = [], True  # a flash that was on at the start began earlier
    for at, frame in pictures(path):
        now = has_flash(frame)
        if now and not before:
            found.append(at)
        before = now
    return found


def beeps(path: Path) -> list[float]:
    """When the beep comes on, seconds in the file."""
    with av.open(str(path)) as container:
        return list(beep_starts((float(f.time or 0), f) for f in container.decode(audio=0)))


def beep_starts(frames: Iterator[tuple[float, Any]]) -> Iterator[float]:
    """The same for decoded sound with its times."""
    quiet_since = -1.0
    for at, frame in frames:
        samples = frame.to_ndarray()
        level = numpy.abs(samples.reshape(-1, samples.shape[-1])[0].astype(float))
        if samples.dtype.kind == "i":
            channels = len(frame.layout.channels) if not frame.format.is_planar else 1
            level = level[::channels] / 32768
        step = max(1, int(BEEP_HOLD_S * frame.sample_rate))
        for first in range(0, len(level), step):
            loud = level[first : first + step].max() > BEEP_LEVEL
            moment = at + first / frame.sample_rate
            if loud:
                if quiet_since >= 0 and moment - quiet_since > 0.3:
                    yield moment
                quiet_since = -1.0
            elif quiet_since < 0:
                quiet_since = moment


def misplaced(shown: list[tuple[float, int]], sent: list[float], rate: int) -> tuple[float, float]:
    """How far pictures stand from where they belong, in seconds: (their steps against the clip's, the whole against
    the send times). A busy machine sends single pictures late; the median does not see that.

    ``shown``: (UNIX seconds, frame number) as replayed; ``sent``: when each frame number left.
    """
    (first, start), *_ = shown
    steps = max(abs((at - first) - (value - start) / rate) for at, value in shown)
    return steps, abs(statistics.median(at - sent[value] for at, value in shown))


def offsets(flashed: list[float], beeped: list[float]) -> list[float]:
    """For each flash, seconds until the nearest beep (negative: the beep came first)."""
    return [min((beep - flash for beep in beeped), key=abs) for flash in flashed]
