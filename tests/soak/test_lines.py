"""Lines of different kinds (engineering.md 5.2) between Chromium and Chromium, one sender and one viewer at 720p, the
camera in one size: what a camera in layers does is played by test_squeezed_room.py and tests/browser/test_layers.py.

Each line has its bar; the table of all that was seen is printed (``make soak``, or ``pytest -s``). LINES_S: seconds
that are looked at for each line. Blackouts, rebinding and blocked UDP are played by other tests.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser.impaired import LARGE, SMALL, Call, Got, impaired_call
from tests.support.impair import Profile

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SECONDS = float(os.environ.get("LINES_S", "60"))
SIZE = SMALL if os.environ.get("LINES_SIZE") == "small" else LARGE
LEARNT_S = 10.0
FREE = Profile()


@dataclass(frozen=True)
class Kind:
    """A kind of line. ``bars``: what must hold, in words, of what the viewer got."""

    name: str
    up: Profile
    down: Profile
    bars: dict[str, Callable[[Got], bool]]


def both(name: str, profile: Profile, **bars: Callable[[Got], bool]) -> Kind:
    """The same in both directions of both clients."""
    return Kind(name, profile, profile, bars)


def frozen(share: float) -> Callable[[Got], bool]:
    return lambda got: got.frozen < share


def concealed(share: float) -> Callable[[Got], bool]:
    return lambda got: got.concealed < share


KINDS = (
    both("clean", Profile(delay_s=0.02), frozen=frozen(0.01), concealed=concealed(0.005)),
    both("wifi", Profile(loss=0.02, delay_s=0.02, jitter_s=0.02), frozen=frozen(0.05), concealed=concealed(0.02)),
    both("lossy", Profile(loss=0.05, delay_s=0.05), fps=lambda got: got.fps >= 15, concealed=concealed(0.05)),
    both(
        "burst", Profile(delay_s=0.02, to_bad=0.01, to_good=0.3),
        frozen=lambda got: got.frozen * 60 < 2, concealed=concealed(0.10),
    ),
    both("very lossy", Profile(loss=0.10, delay_s=0.1), frozen=frozen(0.05), concealed=concealed(0.03)),
    both(
        "3G", Profile(rate_bps=500_000, queue_s=0.2, delay_s=0.1),
        concealed=concealed(0.02), rtt=lambda got: got.rtt < 0.6,
    ),
    Kind(
        "asymmetric", Profile(rate_bps=300_000, queue_s=0.3, delay_s=0.02), Profile(delay_s=0.02),
        {"concealed": concealed(0.02), "fps": lambda got: got.fps >= 5},
    ),
    both(
        "bufferbloat", Profile(rate_bps=1_000_000, queue_s=1.0, delay_s=0.02),
        rtt=lambda got: got.rtt < 0.6, concealed=concealed(0.02),
    ),
    both(
        "high RTT", Profile(loss=0.01, delay_s=0.15),
        concealed=concealed(0.02), keys=lambda got: got.key_frames_asked <= 2 * got.seconds,
    ),
    Kind(
        "narrow down", FREE, Profile(rate_bps=200_000, queue_s=0.3, delay_s=0.02), {"concealed": concealed(0.02)},
    ),
)  # fmt: skip


async def looked_at(call: Call) -> Got:
    """What the viewer gets once the line is known."""
    await asyncio.sleep(LEARNT_S)
    return await call.over("binh", SECONDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_a_kind_of_line(kind: Kind, tmp_path: Path) -> None:
    async with impaired_call(tmp_path, {"an": (kind.up, FREE), "binh": (kind.up, kind.down)}, size=SIZE) as call:
        if kind.up == kind.down:
            call.lines["an"].change(down=kind.down)
        got = await looked_at(call)
    missed = [what for what, holds in kind.bars.items() if not holds(got)]
    verdict = f"MISSED: {', '.join(missed)}" if missed else "holds"
    sys.stdout.write(f"\n{kind.name:12} load {os.getloadavg()[0]:3.0f}  {got}  {verdict}\n")
    assert not missed, got


async def test_a_collapse_is_followed_and_forgotten(tmp_path: Path) -> None:
    """Unlimited, then 500 kbit/s for 30 s, then unlimited: the picture, of which this camera sends one size only, at
    2 Mbit/s, stops and the sound goes on; the rate is back within 30 s."""
    free, narrow = Profile(delay_s=0.02), Profile(rate_bps=500_000, queue_s=0.3, delay_s=0.02)
    async with impaired_call(tmp_path, {"an": (free, free), "binh": (free, free)}, size=SIZE) as call:
        await asyncio.sleep(LEARNT_S)
        before = await call.over("binh", 5)
        call.lines["binh"].change(down=narrow)
        await asyncio.sleep(10)
        during = await call.over("binh", 20)
        call.lines["binh"].change(down=free)
        back = 0
        while (after := await call.over("binh", 2)).kbps < 0.7 * before.kbps:
            back += 2
            assert back < 30, (before, after)
    sys.stdout.write(f"\ncollapse before  {before}\n         during  {during}\n         {back:3} s   {after}\n")
    assert during.concealed < 0.02 and during.rtt < 0.6, during
