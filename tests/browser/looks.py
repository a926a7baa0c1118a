"""What a person at a screen sees and hears: which camera each picture shows and that it moves, whose tone sounds.

Cameras and microphones are those of ``camera.js``: a counter and a number in the picture, a tone of
300 + 60 * number Hz in the sound. Nothing of the page's own state is trusted.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.browser.story import Person
from tests.browser.support import READER, until

TILES = '[data-testid="tile"]:not(.own)'
REPLAYED = '[data-testid="replay-tile"]'
TONE_FLOOR = -60.0
"""dB of the analyser; a tone played at -26 dBFS stands far above, the noise of coding far below."""

SPECTRUM = """async ([selector, idents]) => {
    const found = {};
    for (const element of document.querySelectorAll(selector)) {
        const stream = element.srcObject ?? element.captureStream();
        if (!stream.getAudioTracks().length) continue;
        const context = (window.__ears ??= new AudioContext());
        await context.resume();
        const source = context.createMediaStreamSource(stream);
        const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
        source.connect(analyser);
        await new Promise((done) => setTimeout(done, 400));
        const bins = new Float32Array(analyser.frequencyBinCount);
        analyser.getFloatFrequencyData(bins);
        const width = context.sampleRate / analyser.fftSize;
        for (const ident of idents) {
            const at = Math.round((300 + 60 * ident) / width);
            const level = Math.max(...bins.slice(at - 1, at + 2));
            found[ident] = Math.max(found[ident] ?? -200, level);
        }
        source.disconnect();
    }
    return found;
}"""


async def pictures(person: Person, tiles: str = TILES) -> list[dict[str, Any]]:
    """Every visible picture of the tiles: ``name`` of the place and ``seen`` (count, ident, valid), None for none."""
    script = f"""selector => [...document.querySelectorAll(selector)].map((tile) => {{
        const video = tile.querySelector('video');
        const label = tile.querySelector('.label, .name');
        return {{
            name: label.title || tile.title || label.textContent, participant: tile.dataset.participant,
            seen: video && !video.hidden ? {READER}.read(video) : null,
        }};
    }})"""
    found: list[dict[str, Any]] = await person.page.evaluate(script, tiles)
    return found


async def counts(person: Person, tiles: str = TILES) -> dict[int, int]:
    """The frame counter of each camera that is readable now, by its number."""
    seen = [one["seen"] for one in await pictures(person, tiles)]
    return {one["ident"]: one["count"] for one in seen if one and one["valid"]}


async def sees_moving(person: Person, places: dict[int, str], tiles: str = TILES, within: float = 15.0) -> None:
    """Wait until exactly these cameras are shown, each under the name of its place, and each counter advances.

    Frozen pictures do not advance; swapped pictures stand under another name.
    """

    async def all_there() -> bool:
        return set(await counts(person, tiles)) == set(places)

    await until(all_there, within, f"showing cameras {sorted(places)}")
    for one in await pictures(person, tiles):
        if one["seen"] and one["seen"]["valid"]:
            assert places[one["seen"]["ident"]] in one["name"], one
    first = await counts(person, tiles)

    async def advanced() -> bool:
        now = await counts(person, tiles)
        return all(0 < (now.get(ident, count) - count) & 0xFFFF < 300 for ident, count in first.items())

    await until(advanced, 5.0, f"moving on from {first}")


async def heard(person: Person, selector: str = "#sounds audio") -> set[int]:
    """The numbers (1..6) of the microphones whose tones sound now."""
    levels: dict[str, float] = await person.page.evaluate(SPECTRUM, [selector, [1, 2, 3, 4, 5, 6]])
    return {int(ident) for ident, level in levels.items() if level > TONE_FLOOR}


async def hears(person: Person, idents: set[int], selector: str = "#sounds audio", within: float = 10.0) -> None:
    """Wait until exactly these microphones are heard."""

    async def right() -> bool:
        return await heard(person, selector) == idents

    await until(right, within, f"hearing {sorted(idents)}")


async def stands_still(person: Person, seconds: float = 1.5) -> None:
    """Nothing received is decoded for some seconds, by the browser's own count of frames."""

    async def decoded() -> int:
        return sum(int(one.get("framesDecoded", 0)) for one in await person.stats() if one["type"] == "inbound-rtp")

    before = await decoded()
    await asyncio.sleep(seconds)
    assert await decoded() == before


WATCH = """([selector, ident]) => {
    const video = [...document.querySelectorAll(selector)].find((one) => READER.read(one)?.ident === ident);
    const seen = (window.__watched = { frames: 0, longest: 0, last: performance.now() });
    const look = (now) => {
        seen.frames += 1;
        seen.longest = Math.max(seen.longest, now - seen.last);
        seen.last = now;
        video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
}"""


async def watch(person: Person, ident: int) -> None:
    """From now on count the pictures of this camera and note the longest time between two."""
    await person.page.evaluate(WATCH.replace("READER", READER), [f"{TILES} video", ident])


async def watched(person: Person) -> tuple[int, float]:
    """Pictures since ``watch`` and the longest time between two of them, the time since the last included, seconds."""
    script = "() => [__watched.frames, Math.max(__watched.longest, performance.now() - __watched.last) / 1000]"
    frames, longest = await person.page.evaluate(script)
    return int(frames), float(longest)


async def last_frame(person: Person) -> float:
    """When ``watch`` saw its last picture, on the clock of ``time.monotonic``."""
    age = await person.page.evaluate("() => (performance.now() - __watched.last) / 1000")
    return time.monotonic() - float(age)
