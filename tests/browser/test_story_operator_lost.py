"""The operator's browser dies in the middle of a session; another operator takes over; the points never notice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.browser.looks import TILES, hears, sees_moving, watch, watched
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
)
from tests.browser.story import SECOND, World, screens, world_in
from tests.browser.support import chromium

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SECONDS = 4
"""The second operator's camera."""

STILL_THERE = f"{TILES}:not(.dimmed)"
"""Tiles but those that say that their point is lost, over its last picture."""

LONGEST_STILL_S = 2.0
"""Twelve pictures a second on two busy cores: longer between two of them means that the stream had stopped."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One hub for the story of this module."""
    with world_in(tmp_path_factory.mktemp("operator") / "data", "--no-worker") as found:
        yield found


@pytest.mark.long
async def test_another_operator_takes_over(world: World) -> None:
    async with screens(world, "operator-lost") as all_screens, chromium() as doomed:
        survivors = all_screens.browser
        all_screens.browser = doomed
        operator, officer = await admitted(all_screens, "Giải quyết chế độ", survivors=survivors)
        third = await ring_in(all_screens, operator)
        await inside(third)
        await start(operator)
        await record_says(officer, "ĐANG GHI HÌNH")
        await sees_moving(third, others(OPERATOR, POINT))
        await sees_moving(officer, others(OPERATOR, THIRD))
        await watch(third, POINT)
        await watch(officer, THIRD)

        address = operator.page.url
        with contextlib.suppress(Exception):  # the answer dies with the browser
            await (await doomed.new_browser_cdp_session()).send("Browser.crash")
        await officer.sees("mất kết nối")

        second = await all_screens.sit(SECOND, SECONDS)
        await second.push("Bảng điều hành", "header.top")
        await second.button("Vào phiên", '[data-part="running"]').press("Enter")
        await second.page.wait_for_url(address)
        await second.hit("take-over")
        await second.page.get_by_test_id("end").wait_for()
        await sees_moving(second, others(POINT, THIRD))
        await hears(second, {POINT, THIRD})
        await sees_moving(officer, {SECONDS: "Trung ương", **others(THIRD)}, STILL_THERE)

        # the session and its record went on; between the points no picture was missing
        for person in (officer, third, second):
            await record_says(person, "ĐANG GHI HÌNH")
        for person in (officer, third):
            seen, longest = await watched(person)
            assert seen > 30 and longest < LONGEST_STILL_S, (seen, longest)
        await close(second)
        await officer.page.get_by_test_id("overlay-closed").wait_for()


@pytest.mark.long
async def test_the_session_is_handed_over(world: World) -> None:
    async with screens(world, "handed-over") as all_screens:
        operator, officer = await admitted(all_screens, "Hỏi về thủ tục thừa kế")
        second = await all_screens.sit(SECOND, SECONDS)
        await second.page.goto(operator.page.url)
        await inside(second)
        await sees_moving(officer, {OPERATOR: "Trung ương", SECONDS: "Trung ương"})
        await second.hit("take-over")
        await second.page.get_by_test_id("end").wait_for()
        # the first one keeps the seat, without the buttons, and may take them back
        await operator.page.get_by_test_id("take-over").wait_for()
        assert await operator.page.get_by_test_id("end").count() == 0
        await sees_moving(officer, {OPERATOR: "Trung ương", SECONDS: "Trung ương"})
        await close(second)
        await officer.page.get_by_test_id("overlay-closed").wait_for()
