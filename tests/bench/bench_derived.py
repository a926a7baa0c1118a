"""How fast derived media are made: ``python -m tests.bench.bench_derived [SECONDS]`` prints one line of JSON.

A session of four points at 720p (the clip of the benchmarks: a panning picture with grain, 30 pictures a second,
1.5 Mbit/s, and sound): journals to replay files, those to one MP4 and to the sound alone. ``times_real``: seconds of
session per second of clock; ``cpu_s``: CPU seconds of all threads per second of session, which other work on the
machine changes less. ``at_two_cores``: what that CPU allows at best on two cores. ``remux_by_worker``: replay files by
the worker's own maker process with its start (a point per core, lowest priority), by the clock: long sessions count.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from media.composer import compose, compose_sound
from media.composition import Feed, Piece, Plan
from media.replay import make_replay
from media.types import Source
from tests.bench import clip, machine
from tests.support.journals import OPUS, VP8, Sender
from web import makers

POINTS = ("an", "binh", "chi", "dung")
FONTS = Path(__file__).parents[2] / "web" / "static" / "vendor" / "be-vietnam-pro"
US = 1_000_000


def measured(seconds: float, work: Callable[[], object]) -> dict[str, float]:
    """Run it; how fast it was."""
    began, cpu = time.monotonic(), time.process_time()
    work()
    took, used = time.monotonic() - began, time.process_time() - cpu
    return {
        "times_real": round(seconds / took, 2),
        "cpu_s": round(used / seconds, 4),
        "at_two_cores": round(2 * seconds / used, 1),
    }


def journals(folder: Path, point: str, seconds: int) -> list[Path]:
    """What a relay would have written of one point."""
    found = clip.load()
    made = []
    for source in ("mic", "camera"):
        sender = Sender(OPUS if source == "mic" else VP8, cast(Source, source), participant=point)
        if source == "mic":
            sender.sounds(found.sounds, 0, seconds)
        else:
            frames = found.layers[-1]
            for index in range(seconds * found.rate):
                sender.send(index / found.rate, frames[index % len(frames)])
        made.append(sender.journal(folder))
    return made


def main() -> None:
    """Measure all three."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = {point: journals(folder, point, seconds) for point in POINTS}
        made: dict[str, Any] = {}

        def remux() -> None:
            made.update({point: make_replay(paths, folder, point).segments for point, paths in written.items()})

        result: dict[str, Any] = {"seconds": seconds, "points": len(POINTS), "load": os.getloadavg()[0]}
        result["remux"] = measured(seconds, remux)
        (folder / "again").mkdir()
        points = {point: [str(path) for path in paths] for point, paths in written.items()}
        task = {"folder": str(folder / "again"), "points": points}
        took = measured(seconds, lambda: list(makers.run("web.makereplay", task, lambda: None)))
        result["remux_by_worker"] = {"times_real": took["times_real"]}
        feeds = tuple(
            Feed(point, f"Điểm cầu {point}", (Piece(segments[0].file, 0, seconds * US, True),))
            for point, segments in made.items()
        )
        speakers = tuple((at * US, POINTS[at // 7 % len(POINTS)]) for at in range(0, seconds, 7))
        plan = Plan(round(time.time() * US), seconds * US, feeds, speakers, utc_offset_s=7 * 3600)
        fonts = sorted(FONTS.glob("*-500-normal.woff2"))
        target = folder / "made.mp4"
        result["compose"] = measured(seconds, lambda: compose(plan, target, fonts, lambda done: None))
        result["compose"]["kbit_s"] = round(target.stat().st_size * 8 / seconds / 1000)
        result["sound"] = measured(seconds, lambda: compose_sound(plan, folder / "made.m4a", lambda done: None))
    print(json.dumps({**result, **machine.describe()}))  # noqa: T201


if __name__ == "__main__":
    main()
