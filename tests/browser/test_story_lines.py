"""Lines as people see them: a picture that rests says whose line it is, and the operator finds the figures."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.browser.access import findings
from tests.browser.looks import hears
from tests.browser.receptions import OPERATOR, THIRD, admitted, inside, ring_in
from tests.browser.story import OUTPUT, Person, World, screens, world_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]

SIZES = ((1366, 768), (1920, 1080), (390, 844))
TOO_LITTLE = {"HUB_MEDIA_MAX_VIEWER_BPS": "100000"}
"""With two others a viewer gets their sound and no picture, as over a line that carries no more."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A hub whose viewers get little."""
    with world_in(tmp_path_factory.mktemp("lines") / "data", environ=TOO_LITTLE) as found:
        yield found


async def pictures_of(person: Person, name: str) -> None:
    """The screen at three sizes, for whoever looks at it."""
    OUTPUT.mkdir(exist_ok=True)
    for width, height in SIZES:
        await person.page.set_viewport_size({"width": width, "height": height})
        await person.page.wait_for_timeout(300)
        await person.page.screenshot(path=OUTPUT / f"{name}-{width}.png")
    await person.page.set_viewport_size({"width": 1366, "height": 768})


async def test_a_resting_picture_and_the_figures_of_all_lines(world: World) -> None:
    async with screens(world, "lines") as all_screens:
        operator, officer = await admitted(all_screens, "Hỏi chế độ")
        third = await ring_in(all_screens, operator)
        await inside(third)
        rest = officer.page.get_by_test_id("rest").filter(has_text="Đường truyền ở đây yếu", visible=True)
        await rest.first.wait_for(timeout=40_000)
        assert "Tiếng vẫn tiếp tục" in await rest.first.inner_text()
        await hears(officer, {OPERATOR, THIRD})
        await pictures_of(officer, "lines-officer")
        assert await findings(officer) == []
        assert await officer.page.get_by_test_id("tab-lines").is_hidden(), "figures are the operators' business"

        await operator.hit("tab-lines")
        point = operator.page.get_by_test_id("line-point").filter(has_text="Lục Ngạn")
        down = point.get_by_test_id("line-down")
        await down.filter(has_text="không đủ cho hình").wait_for(timeout=25_000)
        assert re.search(r"Mất gói\s*[\d,]+ %", await down.inner_text())
        await point.get_by_test_id("line-up").get_by_text(re.compile(r"\d kbit/s")).wait_for(timeout=15_000)
        await pictures_of(operator, "lines-operator")
        assert await findings(operator) == []

        board = await operator.context.new_page()
        await board.goto(f"{world.hub.url}/board")
        shown = board.locator("details.figures")
        await shown.locator("summary").press("Enter")
        await shown.get_by_text(re.compile(r"\d kbit/s")).first.wait_for()
        looking = Person(board, operator.context, OPERATOR)
        await pictures_of(looking, "lines-board")
        assert await findings(looking) == []
        await board.wait_for_timeout(16_000)  # it is taken anew every 15 s
        assert await shown.get_attribute("open") is not None
