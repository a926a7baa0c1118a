"""Two hours of replay: after each seek the right picture of every point stands within a second, in both browsers."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

import pytest

from rooms.db import open_database
from rooms.files import FileStore
from tests.browser.replaying import seek_script
from tests.browser.story import CENTRE, screens, world_in
from tests.support.firefox import firefox
from tests.support.replayable import Point, Story, stage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
LENGTH = 7200
STORY = Story(
    points=[Point(name, [(0, LENGTH)], [(60, 600)]) for name in ("Điểm cầu Lục Ngạn", "Trung ương", "Tỉnh Bắc Giang")],
    lines=[(at, "Công dân", f"Dòng {at}") for at in range(30, LENGTH, 60)],
    one_clip=True,
    clip_s=400,  # 4,000 pictures: the counter tells every one of them apart
)
SEEKS = 20


async def test_two_hours(tmp_path: Path) -> None:
    with world_in(tmp_path / "data") as world:
        database = open_database(f"sqlite:///{world.hub.folder}/hub.db")
        session = await asyncio.to_thread(stage, database, FileStore(world.hub.folder / "files"), STORY, "Trung ương")
        database.dispose()
        script = seek_script(STORY.rate, STORY.rate * STORY.clip_s)
        chance = random.Random(1)
        moments = [chance.uniform(0, LENGTH - 1) // 0.1 / 10 + 0.05 for _ in range(SEEKS)]
        address = f"{world.hub.url}/replay/{session}"
        took: dict[str, list[float]] = {}
        async with screens(world, "replay-long", whole=True) as all_screens:
            person = await all_screens.sit(CENTRE)
            await person.page.goto(address)
            await person.page.get_by_test_id("replay-tile").first.wait_for()
            took["Chromium"] = [await person.page.evaluate(script, at) for at in moments]
        async with firefox(tmp_path) as page:
            await page.log_in(world.hub.url, CENTRE, world.passwords[CENTRE])
            await page.goto(address)
            await page.sees("replay-tile")
            took["Firefox"] = [await page.run(script, at) for at in moments]
    for browser, times in took.items():
        ordered = sorted(times)
        middle = ordered[len(ordered) // 2]
        said = f"{middle:.0f} ms in the middle, {ordered[-1]:.0f} at worst"
        sys.stdout.write(f"\n{browser}: {SEEKS} seeks in 2 h of {len(STORY.points)} points: {said}\n")
        assert ordered[-1] < 1000, (browser, times)
