"""A point loses the hub in the middle of a recorded session, its PC dies, and a colleague hands in what it recorded:
from the citizen's camera to the signed package, every picture at its moment."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import pytest
from playwright.async_api import async_playwright

from rooms.verifier import keys_of, verify
from tests.browser.receptions import OPERATOR, POINT, let_in, queued, record_says, start
from tests.browser.story import CENTRE, COLLEAGUE, DISTRICT, OUTPUT, Person, screens, small_camera, world_in
from tests.browser.support import ARGUMENTS, CHROMIUM, until
from tests.support.fake_app import free_port
from tests.support.hub import StartedHub

pytestmark = [pytest.mark.browser, pytest.mark.alone, pytest.mark.timeout(400)]

ALIGNED_S = 0.25
"""So far a picture of the take may stand from when it was drawn. Seen: 0.08, median 0.02, on a busy machine."""
BEFORE_S = 4.0
"""Of the time before the loss was noticed at least so much is there, too."""
LOST_S = 6.0
"""A dead PC costs the piece that was being recorded: 4 s, and the machine's slowness."""


@contextlib.asynccontextmanager
async def desk(profile: Path, ident: int = POINT) -> AsyncIterator[Person]:
    """A browser with a profile on disk, as at a desk."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            str(profile), executable_path=CHROMIUM, args=list(ARGUMENTS), locale="vi-VN",
            viewport={"width": 1366, "height": 768}, permissions=["camera", "microphone"],
        )  # fmt: skip
        context.set_default_timeout(30_000)
        await context.add_init_script(small_camera(ident, 12))
        try:
            yield Person(context.pages[0], context, ident)
        finally:
            with contextlib.suppress(Exception):  # it may have been killed
                await asyncio.wait_for(context.close(), 5)


def kill_browser(profile: Path) -> None:
    """As when somebody pulls the plug: the processes of this profile, at once."""
    for place in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if f"--user-data-dir={profile}".encode() in (place / "cmdline").read_bytes():
                os.kill(int(place.name), signal.SIGKILL)


def kill_hub(hub: StartedHub) -> None:
    """App and relay, without a word."""
    relay = hub.relay_pid()
    hub.stop(signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(relay, signal.SIGKILL)


async def pictures_of(person: Person, name: str) -> None:
    """The screen at three sizes, for whoever wants to look (OUTAGE_PICTURES=1)."""
    if not os.environ.get("OUTAGE_PICTURES"):
        return
    OUTPUT.mkdir(exist_ok=True)
    for width, height in ((1366, 768), (1920, 1080), (390, 844)):
        await person.page.set_viewport_size({"width": width, "height": height})
        await asyncio.sleep(0.5)
        await person.page.screenshot(path=OUTPUT / f"{name}-{width}.png")
    await person.page.set_viewport_size({"width": 1366, "height": 768})


def rows(hub: StartedHub, query: str, *values: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{hub.folder / 'hub.db'}?mode=ro", uri=True)) as db:
        return db.execute(query, values).fetchall()


def counts(path: Path) -> list[tuple[float, int]]:
    """Time in the file and burnt-in number of every whole picture (camera.js)."""
    found = []
    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            plane, cell = frame.planes[0], frame.width / 16

            def row(y: float, plane: Any = plane, cell: float = cell) -> int:
                bits = [
                    memoryview(plane)[int(y) * plane.line_size + int((bit + 0.5) * cell)] > 127 for bit in range(16)
                ]
                return int("".join("1" if bit else "0" for bit in bits), 2)

            if row(cell / 2) ^ row(1.5 * cell) == 0xFFFF:
                found.append((float(frame.time or 0), row(cell / 2)))
    return found


@pytest.mark.long
async def test_a_point_that_loses_the_hub_records_by_itself_and_a_colleague_hands_it_in(tmp_path: Path) -> None:
    options = ("--port", str(free_port()), "--media-port", str(free_port()))
    profile = tmp_path / "profile"
    with world_in(tmp_path / "data", *options) as world:
        hub = world.hub
        (session,) = queued(world, "Mất liên lạc giữa phiên", opened=True)
        async with screens(world, "outage") as all_screens:
            operator = await all_screens.sit(CENTRE, OPERATOR)
            async with desk(profile) as officer:
                await officer.log_in(hub.url, DISTRICT, world.passwords[DISTRICT])
                await let_in(operator, officer, session=session, url=hub.url)
                await start(operator)
                await record_says(officer, "ĐANG GHI HÌNH", 30)
                await asyncio.sleep(10)
                kill_hub(hub)
                lost = time.time()
                await record_says(officer, "ĐANG GHI TẠM TẠI ĐIỂM CẦU", 30)
                await officer.page.get_by_test_id("act-take").wait_for()
                await pictures_of(officer, "outage-room")
                await asyncio.sleep(9)
                drawn = {count: at / 1000 for count, at in await officer.page.evaluate("window.__drawn")}
                died = time.time()
                kill_browser(profile)
        hub.start()
        hub.until_ready()
        async with desk(profile) as colleague:
            await colleague.context.clear_cookies()
            await colleague.log_in(hub.url, COLLEAGUE, world.passwords[COLLEAGUE])
            await colleague.sees("Đã nộp bản ghi tạm")
            await pictures_of(colleague, "outage-done")
            await colleague.page.reload()
            await colleague.page.get_by_test_id("take-bar").wait_for(state="detached")
        check_take(hub, session, drawn, lost, died)
        await check_replay(hub, session, drawn)


def check_take(hub: StartedHub, session: str, drawn: dict[int, float], lost: float, died: float) -> None:
    """Filed in the colleague's name, with its event; nothing was cut, nothing is missing but the end."""
    ((take, state, pieces, cut, missing, ended, by),) = rows(
        hub,
        "select take.id, take.state, pieces, cut, missing, ended, user.login from take"
        " join user on user.id = handed_in_by where session_id = ?",
        session,
    )
    assert (state, cut, missing, ended, by) == ("filed", 0, 0, "", COLLEAGUE)
    ((body,),) = rows(hub, "select body from session_event where session_id = ? and kind = 'take.filed'", session)
    assert (json.loads(body)["take"], json.loads(body)["pieces"]) == (take, pieces)
    spans = rows(hub, "select start_us, end_us from take_piece where take_id = ? order by number", take)
    assert all(end - start <= 5_000_000 for start, end in spans), "pieces of at most five seconds"
    assert spans[0][0] / 1e6 < lost - BEFORE_S, "what was said before the loss was noticed"
    assert spans[-1][1] / 1e6 > died - LOST_S


async def check_replay(hub: StartedHub, session: str, drawn: dict[int, float]) -> None:
    """Closed and locked: the verifier knows the take, and each of its pictures stands where it was drawn."""
    hub.ask("session", "close", session, "--lock")

    async def made() -> Any:
        query = "select path, start_utc from replay_file where session_id = ? and kind = 'take'"
        return rows(hub, query, session) if rows(hub, "select 1 from package where session_id = ?", session) else None

    (only,) = await until(made, 90, "locked and replayable")
    off = [only[1] + at - drawn[count] for at, count in counts(hub.folder / "files" / only[0]) if count in drawn]
    assert len(off) > 60, "ten pictures a second, and some seconds"
    print(f"pictures {len(off)}, off by {min(off):+.3f} .. {max(off):+.3f} s, median {statistics.median(off):+.3f}")  # noqa: T201
    assert max(abs(one) for one in off) < ALIGNED_S
    ((package,),) = rows(hub, "select path from package where session_id = ?", session)
    keys = [key for pem in (hub.folder / "keys").glob("*.pem") for key in keys_of(pem.read_text())]
    result = verify(str(hub.folder / "files" / package), keys)
    assert (result["result"], result["checked"]["takes"]) == ("intact", 1), result["problems"]
