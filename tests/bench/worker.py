"""How a load process is told what to do: one JSON object a line on its standard input, answers on its output.

When the input ends, so does the process: a bench that was killed leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


class Commands:
    """Standard input, read without waiting."""

    def __init__(self) -> None:
        os.set_blocking(0, False)
        self._rest = b""

    def poll(self) -> list[dict[str, Any]]:
        """What came since the last call. Raises SystemExit when nobody is left who could say anything."""
        try:
            data = os.read(0, 1 << 20)
        except BlockingIOError:
            return []
        if not data:
            raise SystemExit(0)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines if line]


def say(**fields: Any) -> None:
    """One answer."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def pin(core: int) -> None:
    """Stay on one core, where there is more than one."""
    if core < (os.cpu_count() or 1):
        os.sched_setaffinity(0, {core})


def used() -> dict[str, float]:
    """What this process has used so far: for whoever asks whether the load was the bottleneck."""
    return {"cpu_s": time.process_time(), "at": time.monotonic()}
