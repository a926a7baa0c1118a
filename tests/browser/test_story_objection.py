"""A citizen objects to being filmed; the chair chooses sound only. No picture of anybody is kept."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.looks import REPLAYED, counts, hears, sees_moving
from tests.browser.receptions import OPERATOR, POINT, admitted, close, others, record_says, start
from tests.browser.story import World, screens, world_in
from tests.browser.support import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One hub for the story of this module."""
    with world_in(tmp_path_factory.mktemp("objection") / "data") as found:
        yield found


@pytest.mark.long
async def test_sound_only_on_objection(world: World, tmp_path: Path) -> None:
    async with screens(world, "objection") as all_screens:
        operator, officer = await admitted(all_screens, "Hỗ trợ tái định cư")
        await start(operator, objecting="Lục Ngạn", choice="record-sound")
        for person in (operator, officer):
            await record_says(person, "CHỈ GHI ÂM")
        # they go on seeing each other; only the record has no picture
        await sees_moving(operator, others(POINT))
        await sees_moving(officer, others(OPERATOR))
        await hears(operator, {POINT})
        await officer.page.get_by_test_id("tab-people").press("Enter")
        await officer.sees("Về ghi âm, ghi hình: Phản đối")
        await close(operator)
        await officer.page.get_by_test_id("overlay-closed").wait_for()
        session = operator.page.url.rsplit("/", 1)[-1]
        world.hub.run("session", "close", session, "--lock")
        await operator.sees("Bản ghi đã được khóa và ký số.")

        file = tmp_path / "package.zip"
        world.hub.run("export", session, "-o", str(file))
        with zipfile.ZipFile(file) as package:
            manifest = json.loads(package.read("manifest.json"))
            tracks = [track for track in manifest["tracks"]]
            assert len(tracks) >= 2
            assert {track["source"] for track in tracks} == {"mic"}, tracks

        # the replay sounds and shows nobody
        await operator.page.goto(f"{world.hub.url}/replay/{session}")

        async def made() -> bool:
            if await operator.page.get_by_test_id("replay-tile").count():
                return True
            await operator.page.reload()
            return False

        await until(made, 30, "replayable")
        await operator.page.keyboard.press(" ")
        await operator.sees("Chỉ ghi âm", '[data-testid="videos"]')
        await hears(operator, {OPERATOR, POINT}, f"{REPLAYED} video")
        assert await counts(operator, REPLAYED) == {}
        assert await operator.page.locator(f"{REPLAYED} video:visible").count() == 0
