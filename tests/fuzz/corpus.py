"""The kept inputs of the fuzz targets: ``tests/data/fuzz/<target>.txt``, one input a line in hexadecimal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

FOLDER = Path(__file__).parents[1] / "data" / "fuzz"
OFFERS = Path(__file__).parents[1] / "data" / "sdp"
MAX_KEPT = 250
MAX_KEPT_BYTES = 40_000  # of one target, before hexadecimal


def kept(target: str) -> list[bytes]:
    """The inputs of a target; for descriptions also the browsers' offers."""
    path = FOLDER / f"{target}.txt"
    found = [bytes.fromhex(line) for line in path.read_text().split()] if path.exists() else []
    return found + _offers(target)


def _offers(target: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(OFFERS.glob("*.sdp"))] if target == "sdp" else []


def reaching(target: Callable[[bytes], None], inputs: Iterable[bytes]) -> list[bytes]:
    """Of these inputs the shortest that together make the parsers go every step from line to line that all make."""
    known: set[tuple[str, int, int]] = set()
    chosen = []
    for data in sorted(set(inputs), key=lambda data: (len(data), data)):
        steps = _steps(target, data)
        if not steps <= known:
            known |= steps
            chosen.append(data)
    return chosen


def _steps(target: Callable[[bytes], None], data: bytes) -> set[tuple[str, int, int]]:
    steps: set[tuple[str, int, int]] = set()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        name = frame.f_code.co_filename
        if not any(part in name for part in ("/media/", "/signaling/", "/aioice/")):
            return None
        before = 0

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal before
            steps.add((name, before, frame.f_lineno))
            before = frame.f_lineno
            return line

        return line

    sys.settrace(trace)
    try:
        target(data)
    finally:
        sys.settrace(None)
    return steps


def keep(target: str, inputs: Iterable[bytes]) -> int:
    """Write the inputs, the shortest first, as many as may be kept; how many."""
    chosen: list[bytes] = []
    room = MAX_KEPT_BYTES
    for data in sorted(set(inputs) - set(_offers(target)), key=lambda data: (len(data), data)):
        if data and len(data) <= room and len(chosen) < MAX_KEPT:
            chosen.append(data)
            room -= len(data)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{target}.txt").write_text("".join(f"{data.hex()}\n" for data in chosen))
    return len(chosen)
