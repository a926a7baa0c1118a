"""The process that makes replay files: ``python -m web.makereplay`` (see web/makers.py).

A process of its own with low priority, so that a long recording neither slows the worker's other jobs nor takes it
down. It knows files only: no database, no configuration, no keys. Task: ``{"folder": ..., "points": {participant:
[journal, ...]}, "takes": {take: [[piece, start_us], ...]}, "between": [from, to]}``, the last one (in microseconds) for
an extract; one line per point and take, and at last one that tells who spoke when.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from media.replay import make_replay
from media.takes import Piece, make_take
from media.voices import Voices
from web.makers import Maker, end_with_parent

Point = tuple[str, list[str]]


def main() -> int:
    """Make what the task names."""
    maker = Maker()
    folder, voices = Path(maker.task["folder"]), Voices()
    for made, heard in _points(maker, folder):
        maker.say(made)
        voices.join(heard)
    for take, pieces in maker.task.get("takes", {}).items():
        found = [Piece(Path(path), start_us) for path, start_us in pieces]
        maker.say({**asdict(make_take(found, folder, take, _between(maker))), "take": take})
        maker.pause()
    maker.say({"voices": voices.told()})
    return 0


def _between(maker: Maker) -> tuple[int, int] | None:
    """The two moments of an extract."""
    start, end = maker.task.get("between") or (None, None)
    return None if start is None or end is None else (int(start), int(end))


def _points(maker: Maker, folder: Path) -> Iterator[tuple[dict[str, Any], Voices]]:
    """Each point's replay: on all cores while no session runs, else one after the other within the share."""
    points: list[Point] = list(maker.task["points"].items())
    between = _between(maker)
    cores = os.cpu_count() or 1
    if maker.share is None and cores > 1 and len(points) > 1:
        forked = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(min(cores, len(points)), forked, initializer=end_with_parent) as pool:
            yield from pool.map(_point, points, [folder] * len(points), [between] * len(points))
        return
    for point in points:
        yield _point(point, folder, between)
        maker.pause()


def _point(point: Point, folder: Path, between: tuple[int, int] | None) -> tuple[dict[str, Any], Voices]:
    participant, journals = point
    voices = Voices()
    made = asdict(make_replay([Path(path) for path in journals], folder, participant, between, voices))
    return {**made, "participant": participant}, voices


if __name__ == "__main__":
    sys.exit(main())
