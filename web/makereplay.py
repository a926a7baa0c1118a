"""The process that makes replay files: ``python -m web.makereplay``, a JSON task on standard input, JSON lines out.

A process of its own with low priority, so that a long recording neither slows the worker's other jobs nor takes it
down. It knows files only: no database, no configuration, no keys.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from media.replay import make_replay
from media.takes import Piece, make_take

NICENESS = 10


def main() -> int:
    """Make what the task names: ``{"folder": ..., "points": {participant: [journal, ...]}}``, one line per point; with
    ``"between": [from, to]`` (UTC microseconds) only what lies between these moments; and ``takes``: ``{take: [[piece,
    start_us], ...]}``, one line per take."""
    os.nice(NICENESS)
    task = json.load(sys.stdin)
    between = tuple(task["between"]) if task.get("between") else None
    for participant, journals in task["points"].items():
        made = asdict(make_replay([Path(path) for path in journals], Path(task["folder"]), participant, between))
        line: dict[str, Any] = {**made, "participant": participant}
        sys.stdout.write(json.dumps(line, default=str) + "\n")
        sys.stdout.flush()
    for take, pieces in task.get("takes", {}).items():
        found = [Piece(Path(path), start_us) for path, start_us in pieces]
        line = {**asdict(make_take(found, Path(task["folder"]), take)), "take": take}
        sys.stdout.write(json.dumps(line, default=str) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
