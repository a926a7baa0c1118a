"""The process that makes composed files: ``python -m web.makecomposed`` (see web/makers.py).

Task: ``{"kind": "composed" | "sound", "plan": ..., "target": file, "fonts": [file, ...]}``; the last line is what was
made. It knows files only: no database, no configuration, no keys.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

from media.composer import compose, compose_sound
from media.composition import read_plan
from web.makers import Maker


def main() -> int:
    """Make what the task names."""
    maker = Maker()
    plan, target = read_plan(maker.task["plan"]), Path(maker.task["target"])
    if maker.task["kind"] == "sound":
        made = compose_sound(plan, target, maker.told)
    else:
        made = compose(plan, target, [Path(font) for font in maker.task["fonts"]], maker.told)
    maker.say({"made": asdict(made)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
