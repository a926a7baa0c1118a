"""The replay page as a records officer uses it: points in step, time line, keys, gaps, volume, files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from rooms.db import open_database
from rooms.files import FileStore
from tests.browser.access import findings, tab_to
from tests.browser.replaying import LOOK, seek_script
from tests.browser.story import CENTRE, Person, World, screens, world_in
from tests.browser.support import until
from tests.support.replayable import Point, Story, stage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
STORY = Story(
    points=[
        Point("Điểm cầu Lục Ngạn", [(0, 40)], [(1, 9), (28, 39)]),
        Point("Trung ương", [(0.5, 14), (26, 40)], [(10, 13)]),
        Point("Tỉnh Bắc Giang", [(0.5, 40)]),
    ],
    lines=[(3, "Công dân", "Trình bày về mốc giới."), (30.5, "Chủ trì", "Kết luận."), (34, "", "Nộp bản sao")],
    events=[(15, "session.paused"), (26, "session.resumed"), (40, "session.closed")],
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("replay") / "data") as found:
        yield found


async def look(person: Person) -> dict[str, Any]:
    found: dict[str, Any] = await person.page.evaluate(LOOK)
    return found


def apart(seen: dict[str, Any]) -> list[float]:
    """How far each picture is from the page's clock, in seconds."""
    return [behind(one["count"], seen["at"]) for one in seen["shown"] if one.get("count") is not None]


def behind(count: int, at: float) -> float:
    """Seconds between a picture and a moment; the counter starts over with the clip."""
    half = STORY.clip_s / 2
    return (count / STORY.rate - at + half) % STORY.clip_s - half


@pytest.mark.timeout(180)
async def test_a_session_is_replayed(world: World) -> None:
    database = open_database(f"sqlite:///{world.hub.folder}/hub.db")
    session = stage(database, FileStore(world.hub.folder / "files"), STORY, "Trung ương")
    database.dispose()
    async with screens(world, "replay-page") as all_screens:
        person = await all_screens.sit(CENTRE)
        page = person.page
        await found_by_what_was_said(person, world.hub.url)
        await page.goto(f"{world.hub.url}/replay/{session}#t=00:05")
        await until(lambda: at_moment(person, 5.0), 20, "the deep link's picture")
        seen = await look(person)
        assert seen["wall"] == "23/11/2026 14:24:29"
        assert [one["main"] for one in seen["shown"]] == [True, False, False], "who speaks is large"
        assert await findings(person) == []

        # a line of the minutes leads to its moment
        await page.get_by_test_id("replay-line").nth(1).press("Enter")
        await until(lambda: at_moment(person, 30.5), 20, "the line's picture")
        await page.keyboard.press("[")
        await until(lambda: at_moment(person, 26.0), 20, "the mark before")

        # faster, without a change of pitch, and still in step
        await page.evaluate(seek_script(STORY.rate, STORY.rate * STORY.clip_s), 27.0)
        await page.get_by_test_id("speed").select_option("2")
        await page.get_by_test_id("play").press("Enter")
        await asyncio.sleep(2)
        await until(lambda: in_step(person), 20, "all points in step at double speed")
        seen = await look(person)
        assert all(abs(one["rate"] - 2) < 0.2 and one["pitch"] for one in seen["shown"])
        await page.get_by_test_id("play").press("Enter")

        # keys: a point, its sound, and back with the speaker
        await page.locator("body").press("2")
        await page.locator("body").press("m")
        seen = await look(person)
        assert [one["main"] for one in seen["shown"]] == [False, True, False]
        assert [one["muted"] for one in seen["shown"]] == [False, True, False]
        level = page.get_by_test_id("replay-volume").nth(0)
        await level.focus()
        await level.fill("40")
        assert (await look(person))["shown"][0]["volume"] == pytest.approx(0.4)

        # in a pause the page says so, and offers to skip it
        await page.evaluate("() => { location.hash = 't=00:16'; }")
        await person.sees("Tạm dừng, không ghi")
        assert {one["words"] for one in (await look(person))["shown"]} == {"Tạm dừng, không ghi"}
        await page.get_by_test_id("skip-gap").press("Enter")
        await until(lambda: at_moment(person, 26.0), 20, "the end of the pause")
        assert await findings(person) == []

        await taken_along(person)


async def found_by_what_was_said(person: Person, url: str) -> None:
    """Lookup, by keyboard: words of the minutes without diacritics, a filter, and the recording at their second."""
    page = person.page
    await page.goto(f"{url}/search")
    await page.locator("#q:focus").wait_for()
    await page.keyboard.type("moc gioi khong co")
    await page.keyboard.press("Enter")
    await person.sees("Không tìm thấy")
    assert await findings(person) == []
    await page.keyboard.press("/")
    await page.keyboard.type("cong dan moc gioi")
    await tab_to(person, "type")
    await page.keyboard.type("Phi")
    await tab_to(person, "Lọc")
    await page.keyboard.press("Enter")
    await person.sees("1 kết quả")
    assert await page.locator("#results mark").all_text_contents() == ["Công dân", "mốc giới"]
    assert await findings(person) == []
    await page.keyboard.press("/")
    await tab_to(person, "nghe lúc")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/replay/**")
    await until(lambda: at_moment(person, 3.0), 20, "the moment at which it was said")


async def at_moment(person: Person, at: float) -> bool:
    seen = await look(person)
    there = [one.get("count") is not None and abs(behind(one["count"], at)) <= 0.21 for one in seen["shown"]]
    return abs(seen["at"] - at) < 0.06 and bool(there) and all(there)


async def in_step(person: Person) -> bool:
    off = apart(await look(person))
    return len(off) == 3 and all(abs(one) < 0.35 for one in off)


async def taken_along(person: Person) -> None:
    """A file is asked for, given up, and another one fetched."""
    await person.hit("composed-make")
    await person.hit("composed-cancel")
    await person.sees("Đã hủy.", '[data-testid="made-composed"]')
    await person.hit("sound-make")
    link = person.page.get_by_test_id("sound-download")
    await link.wait_for(timeout=60_000)
    async with person.page.expect_download() as waiting:
        await link.press("Enter")
    fetched = await waiting.value
    assert fetched.suggested_filename.endswith(".m4a")
    path = await fetched.path()
    assert path.stat().st_size > 10_000
