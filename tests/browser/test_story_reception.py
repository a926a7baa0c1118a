"""A whole reception: the central operator and two points, from log-in to the replay in the case's file."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.browser.access import findings
from tests.browser.looks import REPLAYED, counts, heard, hears, sees_moving, stands_still
from tests.browser.receptions import (
    OPERATOR,
    POINT,
    THIRD,
    admitted,
    close,
    inside,
    others,
    record_says,
    ring_in,
    start,
)  # fmt: skip
from tests.browser.story import Person, World, screens, world_in
from tests.browser.support import until

pytestmark = pytest.mark.browser

RECORDS = "hoso.tinh"
CONTENT = "Bồi thường đất làm đường liên thôn"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One hub for the story of this module."""
    with world_in(tmp_path_factory.mktemp("reception") / "data") as found:
        yield found


@pytest.mark.timeout(240)
async def test_from_log_in_to_replay(world: World) -> None:
    async with screens(world, "reception") as all_screens:
        operator, officer = await admitted(all_screens, CONTENT)
        third = await ring_in(all_screens, operator)
        await inside(third)
        await sees_moving(operator, others(POINT, THIRD))
        await sees_moving(officer, others(OPERATOR, THIRD))
        await sees_moving(third, others(OPERATOR, POINT))
        await hears(third, {OPERATOR, POINT})
        await hears(officer, {OPERATOR, THIRD})

        await record_says(officer, "KHÔNG GHI HÌNH")
        await start(operator)
        for person in (operator, officer, third):
            await record_says(person, "ĐANG GHI HÌNH")

        # minutes with a bookmark, written at the district; everybody reads along
        await officer.hit("minutes-take")
        await officer.page.locator('[data-testid="minutes-text"]:focus').wait_for()
        await officer.page.keyboard.type("Công dân trình bày về mốc giới.")
        await officer.page.keyboard.press("Control+Enter")
        await third.sees("Công dân trình bày về mốc giới.")
        marked = (await counts(operator))[POINT]
        await officer.page.keyboard.press("Control+b")
        await operator.sees("Đánh dấu", '[data-testid="minutes-lines"]')

        # the operator mutes the district, and lets it speak again
        await operator.hit("more")
        await operator.hit("more-people")
        row = operator.page.get_by_test_id("dialog-admit").locator("li.person", has_text="Lục Ngạn")
        await row.get_by_test_id("mute-one").press("Enter")
        await officer.page.get_by_test_id("note-held").wait_for()
        await hears(third, {OPERATOR})
        await row.get_by_text("Bỏ tắt micro").press("Enter")
        await hears(third, {OPERATOR, POINT})
        await operator.page.keyboard.press("Escape")

        # pause: nobody sees, hears or records; then on
        await operator.hit("pause")
        for person in (operator, officer, third):
            await record_says(person, "TẠM DỪNG, KHÔNG GHI")
        await stands_still(third)
        assert await counts(third) == {}
        await operator.hit("resume")
        await record_says(third, "ĐANG GHI HÌNH")
        await sees_moving(third, others(OPERATOR, POINT))
        await sees_moving(operator, others(POINT, THIRD))

        await officer.hit("minutes-freeze")
        await officer.hit("confirm-yes")
        await operator.sees("Đã chốt, không sửa được nữa")
        await close(operator)
        for person in (operator, officer, third):
            await person.page.get_by_test_id("overlay-closed").wait_for()
        session = operator.page.url.rsplit("/", 1)[-1]
        world.hub.run("session", "close", session, "--lock")
        await operator.sees("Bản ghi đã được khóa và ký số.")
        for person in (operator, officer, third):
            await person.page.close()
        await looked_up(await all_screens.sit(RECORDS), marked)


async def looked_up(records: Person, marked: int) -> None:
    """The records officer finds the case without diacritics and replays the session. ``marked``: the frame of the
    district's camera at the bookmark."""
    page = records.page
    await records.push("Tra cứu", "header.top")
    await page.locator("#q:focus").wait_for()
    await page.keyboard.type("boi thuong dat lam duong")
    await page.keyboard.press("Enter")
    await page.locator("article.card h3 a").first.press("Enter")
    await page.wait_for_url(re.compile("/cases/"))

    async def listed() -> bool:
        if await page.get_by_role("link", name="Xem lại").count():
            return True
        await page.reload()
        return False

    await until(listed, 30, "the replay in the file")
    assert await findings(records) == []
    await records.push("Xem lại")
    await page.wait_for_url(re.compile("/replay/"))
    await page.get_by_test_id("replay-tile").nth(2).wait_for(timeout=15_000)
    assert await findings(records) == []
    await page.keyboard.press(" ")
    await sees_moving(records, others(OPERATOR, POINT, THIRD), REPLAYED)
    await hears(records, {OPERATOR, POINT, THIRD}, f"{REPLAYED} video")

    # the bookmark leads to its moment: the same frame of the same camera, within the delay of the line
    await page.locator('[data-testid="replay-line"].bm').press("Enter")
    await page.get_by_test_id("play").press("Enter")

    async def there() -> bool:
        shown = (await counts(records, REPLAYED)).get(POINT)
        return shown is not None and abs(((shown - marked + 0x8000) & 0xFFFF) - 0x8000) <= 18

    await until(there, 10, f"showing frame {marked}")
    assert await heard(records, f"{REPLAYED} video") == set()
