"""A record after its lock, in Chromium with the real worker: an extract that plays, a citizen's copy that opens from a
stick without the hub, hold and disposal; usable by keyboard and without findings of axe."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.access import findings, tab_to
from tests.browser.keeping import COUNTER, RATE, recorded, wall
from tests.browser.story import Person, World, screens, world_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

KEEPER = "hoso.tinh"
PLAYS = """async (video) => {
  video.muted = true;
  await video.play();
  await new Promise((done, fail) => {
    setTimeout(() => fail(new Error(`stands at ${video.currentTime}`)), 20000);
    video.onerror = () => fail(new Error(video.error.message));
    const look = () => (video.currentTime > 1 ? done() : setTimeout(look, 20));
    look();
  });
  video.pause();
  video.currentTime = 2.05;
  await new Promise((done) => { video.onseeked = done; });
}"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One hub for the stories of this module."""
    with world_in(tmp_path_factory.mktemp("custody") / "data") as found:
        yield found


async def order(person: Person) -> None:
    """The paper under which something is taken out."""
    await person.write("Người ra văn bản hoặc đồng ý", "Chủ tịch UBND tỉnh")
    await person.write("Số văn bản", "12/QĐ-TCD")
    await person.write("Ngày văn bản", "20/11/2025")
    await person.write("Mục đích", "Phục vụ giải quyết khiếu nại")


async def made(person: Person, words: str) -> None:
    """The page follows the worker and loads itself again when the work is over."""
    await person.page.get_by_text(words).first.wait_for(timeout=90_000)


async def second_shown(person: Person, selector: str = "video") -> float:
    """Play a little, seek to 2 s, and say which second of the record the picture is from."""
    video = await person.page.query_selector(selector)
    assert video is not None
    await video.evaluate(PLAYS)
    return float(await video.evaluate(COUNTER)) / RATE


@pytest.mark.long
async def test_an_extract_is_asked_for_made_and_played(world: World, tmp_path: Path) -> None:
    session = recorded(world, tmp_path / "record", "Bồi thường đất")
    async with screens(world, "extract") as all_screens:
        keeper = await all_screens.sit(KEEPER)
        page = keeper.page
        await page.goto(f"{world.hub.url}/custody/session/{session}")
        await tab_to(keeper, "Trích xuất")
        await page.keyboard.press("Enter")
        await keeper.sees("Từ lúc nào đến lúc nào")
        await keeper.push("Lập trích xuất")
        await keeper.sees("Ghi giờ, phút, giây")
        assert await findings(keeper) == []
        await keeper.write("Từ lúc", wall(5))
        await keeper.write("Đến lúc", wall(12))
        await order(keeper)
        await keeper.push("Lập trích xuất")
        await made(keeper, "Có trong tệp")
        assert await findings(keeper) == []
        assert 6.9 <= await second_shown(keeper) <= 7.2, "two seconds after the fifth"
        await marked_in_the_replay(keeper, f"{world.hub.url}/replay/{session}")


async def marked_in_the_replay(keeper: Person, url: str) -> None:
    """The time line shows what was cut out, leads to its beginning, and to the extract itself."""
    page = keeper.page
    extract = page.url
    await page.goto(url)
    cut = page.get_by_test_id("cut")
    await cut.wait_for(timeout=90_000)
    assert wall(5) in str(await cut.get_attribute("aria-label"))
    await cut.press("Enter")
    await page.get_by_test_id("position").get_by_text(re.compile(r"^00:0[45]$")).wait_for()
    assert await findings(keeper) == []
    await page.get_by_role("link", name=re.compile("Đã trích xuất")).press("Enter")
    await page.wait_for_url(extract)


@pytest.mark.long
async def test_a_copy_opens_from_a_stick_and_is_handed_over(world: World, tmp_path: Path) -> None:
    session = recorded(world, tmp_path / "record", "Hỏi chế độ")
    async with screens(world, "copy") as all_screens:
        keeper = await all_screens.sit(KEEPER)
        page = keeper.page
        await page.goto(f"{world.hub.url}/sessions/{session}/copy")
        await order(keeper)
        await keeper.push("Lập bản sao")
        await made(keeper, "Chép ra phương tiện")
        assert await findings(keeper) == []
        async with page.expect_download() as waiting:
            await keeper.hit("zip")
        with zipfile.ZipFile(await (await waiting.value).path()) as archive:
            archive.extractall(tmp_path / "usb")
        await keeper.write("Người nhận", "Nguyễn Văn Thử")
        await keeper.choose("USB")
        await keeper.push("Ghi đã bàn giao")
        await keeper.sees("Đã ghi việc bàn giao.")
        await page.goto(f"{world.hub.url}/sessions/{session}/looks")
        await keeper.sees("Tải bản sao, gói bàn giao")
        stick = await all_screens.screen("stick")
        await stick.page.goto((tmp_path / "usb" / "index.html").as_uri())
        await stick.sees("Kiểm tra tính nguyên vẹn")
        video = await stick.page.query_selector("video")
        assert video is not None
        await video.evaluate(PLAYS)  # without the hub; a page of files may not read its own pictures
        assert await video.evaluate("(one) => [one.videoWidth, one.currentTime > 2]") == [320, True]
        assert await findings(stick) == []


@pytest.mark.long
async def test_hold_and_what_stands_against_disposal(world: World, tmp_path: Path) -> None:
    session = recorded(world, tmp_path / "record", "Cấp sổ đỏ")
    async with screens(world, "hold") as all_screens:
        keeper = await all_screens.sit(KEEPER, size=(390, 844))
        page = keeper.page
        await page.goto(f"{world.hub.url}/custody/session/{session}")
        await keeper.sees("Hiện không tiêu hủy được:")
        await page.get_by_role("group").filter(has_text="Giữ lại").locator("summary").last.press("Enter")
        await keeper.write("Văn bản yêu cầu", "CV 5/TA")
        await page.locator("#hold_reason").fill("Tòa án yêu cầu giữ")
        await page.locator("#hold_reason").press("Enter")
        await keeper.sees("Đang được giữ lại, không tiêu hủy.")
        assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        assert await findings(keeper) == []
        await page.goto(f"{world.hub.url}/custody")
        await keeper.sees(re.compile("không phải trích dẫn pháp luật"))
        assert await findings(keeper) == []
