"""The kept inputs of the fuzz targets: ``tests/data/fuzz/<target>.txt``, one input a line in hexadecimal."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "fuzz"
OFFERS = Path(__file__).parents[1] / "data" / "sdp"
MAX_KEPT = 250
MAX_KEPT_BYTES = 40_000  # of one target, before hexadecimal


def kept(target: str) -> list[bytes]:
    """The inputs of a target; for descriptions also the browsers' offers."""
    path = FOLDER / f"{target}.txt"
    found = [bytes.fromhex(line) for line in path.read_text().split()] if path.exists() else []
    if target == "sdp":
        found += [offer.read_bytes() for offer in sorted(OFFERS.glob("*.sdp"))]
    return found


def keep(target: str, inputs: Iterable[bytes]) -> int:
    """Write the inputs, the shortest first, as many as may be kept; how many."""
    chosen: list[bytes] = []
    room = MAX_KEPT_BYTES
    for data in sorted(set(inputs), key=lambda data: (len(data), data)):
        if data and len(data) <= room and len(chosen) < MAX_KEPT:
            chosen.append(data)
            room -= len(data)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{target}.txt").write_text("".join(f"{data.hex()}\n" for data in chosen))
    return len(chosen)
