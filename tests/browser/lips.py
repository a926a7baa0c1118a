"""Whether lips and voice stay together, measured on the media: by how much each beep comes after its flash.

Measured where the clock is the media's own, because a page that paints or listens on a busy machine is late by any
amount (a plain loop between two Chromium pages scattered from -28 to 327 ms). What a camera of ``camera.js`` gives is
itself up to a frame apart; so the page's own recording of it stands beside as the control.
"""

from __future__ import annotations

import base64
import io
import statistics
from typing import Any

import av
import numpy

from tests.browser.story import Person
from tests.browser.support import HERE
from tests.support.replayed import beep_starts, offsets

LIPS = (HERE / "lips.js").read_text()
MOST = 8


async def keep_own(person: Person) -> None:
    """From now on the page records its own camera and microphone."""
    await person.page.evaluate(f"() => {LIPS}.keep()")


async def kept_own(person: Person) -> list[float]:
    """Milliseconds by which each beep comes after its flash in what the page recorded of itself."""
    recorded = base64.b64decode(await person.page.evaluate(f"() => {LIPS}.kept()"))
    with av.open(io.BytesIO(recorded), "r") as container:
        pictures = [(float(frame.time or 0), white(frame)) for frame in container.decode(video=0)]
    with av.open(io.BytesIO(recorded), "r") as container:
        beeped = list(beep_starts((float(frame.time or 0), frame) for frame in container.decode(audio=0)))
    flashed = [at for (_, before), (at, now) in zip(pictures, pictures[1:], strict=False) if now and not before]
    return [1000 * one for one in offsets(flashed, beeped) if abs(one) < 0.4]


def white(frame: Any) -> bool:
    """Whether the field below the counter is white."""
    picture = frame.to_ndarray(format="gray")
    return bool(numpy.mean(picture[int(0.8 * picture.shape[0]) :, :]) > 128)


async def replayed(person: Person, place: str) -> list[float]:
    """The same in the replay that the page has open, of the point at ``place``: as this browser decodes the file."""
    tile = person.page.get_by_test_id("replay-tile").filter(has_text=place)
    url = await tile.locator("video").evaluate("video => video.currentSrc")
    found: list[float] = await person.page.evaluate(f"([url, most]) => {LIPS}.offsets(url, most)", [url, MOST])
    return found


def apart(offsets: list[float]) -> float:
    """The middle of them."""
    assert len(offsets) >= 3, offsets
    return statistics.median(offsets)
