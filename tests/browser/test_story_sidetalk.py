"""A side talk and a protected point as three screens show them, by keyboard and screen only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.looks import hears, sees_moving
from tests.browser.receptions import OPERATOR, POINT, THIRD, admitted, inside, others, record_says, ring_in, start
from tests.browser.story import Person, World, screens, world_in
from tests.browser.support import until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One hub for the story of this module."""
    with world_in(tmp_path_factory.mktemp("sidetalk") / "data", "--no-worker") as found:
        yield found


async def pictures(person: Person) -> int:
    """Pictures of others that this screen shows."""
    return await person.page.locator('.tile:not(.own) [data-testid="tile-video"]:visible').count()


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_outsiders_are_told_and_see_no_frozen_picture(world: World) -> None:
    async with screens(world, "sidetalk") as all_screens:
        operator, officer = await admitted(all_screens, "Bồi thường đất")
        third = await ring_in(all_screens, operator)
        await inside(third)
        await sees_moving(officer, others(OPERATOR, THIRD))
        await start(operator)
        for person in (operator, officer, third):
            await record_says(person, "ĐANG GHI HÌNH")

        await operator.hit("side-talk")
        dialog = operator.page.get_by_test_id("dialog-side-talk")
        await dialog.locator("label", has_text="tỉnh Bắc Giang").get_by_test_id("side-talk-one").press(" ")
        await operator.hit("side-talk-go")
        await officer.sees("Chủ trì đang hội ý riêng", '[data-testid="note-side-talk"]')
        await third.sees("Đang hội ý với", '[data-testid="note-side-talk"]')
        for person in (operator, third):
            await record_says(person, "HỘI Ý, KHÔNG GHI")
        await record_says(officer, "ĐANG GHI HÌNH")  # who is outside is recorded on
        await until(lambda: none_shown(officer), 5, "without the others' pictures")
        await officer.sees("Đang hội ý riêng", "#stage")
        await hears(officer, set())
        await hears(third, {OPERATOR})
        assert await pictures(officer) == 0

        await operator.hit("side-talk")
        await officer.page.get_by_test_id("note-side-talk").wait_for(state="detached")
        await sees_moving(officer, others(OPERATOR, THIRD))
        await hears(officer, {OPERATOR, THIRD})
        for person in (operator, officer, third):
            await record_says(person, "ĐANG GHI HÌNH")

        # the district's picture and sound are not recorded from now on; everybody goes on seeing and hearing it
        await operator.hit("more")
        await operator.hit("more-people")
        row = operator.page.get_by_test_id("dialog-admit").locator("li.person", has_text="Lục Ngạn")
        await row.get_by_test_id("protect-one").press("Enter")
        await operator.hit("confirm-yes")
        await record_says(officer, "KHÔNG GHI ĐIỂM CẦU NÀY")
        await third.sees("không ghi điểm cầu này", "#stage")
        await record_says(third, "ĐANG GHI HÌNH")
        await sees_moving(third, others(OPERATOR, POINT))
        await hears(third, {OPERATOR, POINT})


async def none_shown(person: Person) -> bool:
    """Whether no picture of another point is shown."""
    return await pictures(person) == 0
