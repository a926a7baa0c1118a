"""Lines as operators see them: figures of every point and way, in the room and on the board, renewed by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.browser.access import findings
from tests.browser.receptions import OPERATOR, admitted
from tests.browser.story import OUTPUT, Person, World, screens, world_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SIZES = ((1366, 768), (1920, 1080), (390, 844))
RATE = re.compile(r"\d kbit/s")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One hub for the stories of this module."""
    with world_in(tmp_path_factory.mktemp("lines") / "data", "--no-worker") as found:
        yield found


async def pictures_of(person: Person, name: str) -> None:
    """The screen at three sizes, for whoever looks at it."""
    OUTPUT.mkdir(exist_ok=True)
    for width, height in SIZES:
        await person.page.set_viewport_size({"width": width, "height": height})
        await person.page.screenshot(path=OUTPUT / f"{name}-{width}.png")
    await person.page.set_viewport_size({"width": 1366, "height": 768})


@pytest.mark.long
async def test_the_operator_finds_the_figures_of_all_lines(world: World) -> None:
    async with screens(world, "lines") as all_screens:
        operator, officer = await admitted(all_screens, "Hỏi chế độ")
        assert await officer.page.get_by_test_id("tab-lines").is_hidden(), "figures are the operators' business"
        await operator.hit("tab-lines")
        point = operator.page.get_by_test_id("line-point").filter(has_text="Lục Ngạn")
        for way in ("line-up", "line-down"):
            await point.get_by_test_id(way).get_by_text(RATE).wait_for(timeout=30_000)
        assert re.search(r"Mất gói\s*[\d,]+ %", await point.get_by_test_id("line-down").inner_text())
        await pictures_of(operator, "lines-operator")
        assert await findings(operator) == []

        board = await operator.context.new_page()
        await board.goto(f"{world.hub.url}/board")
        shown = board.locator("details.figures")
        await shown.locator("summary").press("Enter")
        await shown.get_by_text(RATE).first.wait_for()
        looking = Person(board, operator.context, OPERATOR)
        await pictures_of(looking, "lines-board")
        assert await findings(looking) == []
