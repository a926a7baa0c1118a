"""The reception room in real Chromium, over a started hub and its relay."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rooms import people, sessions, visits
from rooms.db import open_database
from rooms.models import User
from rooms.vault import Vault
from tests.browser.support import Seat, chromium, shows, sit_down, until
from tests.support.factories import form
from tests.support.hub import StartedHub, started

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PRESET = "Bắc Giang 2024"
OPERATOR, POINT = 1, 2


@dataclass
class World:
    """A hub with an operator in Hà Nội and an officer in Lục Ngạn."""

    hub: StartedHub
    passwords: dict[str, str]

    def open_session(self) -> str:
        """A session of a fresh visit at Lục Ngạn; its id."""
        now = dt.datetime.now(dt.UTC)
        database = open_database(f"sqlite:///{self.hub.folder}/hub.db")
        vault = Vault.at(self.hub.folder / "keys" / "vault.key")
        with database.write() as db:
            ids = {user.login: user.id for user in db.query(User)}
            officer = people.actor_of(db, ids["officer"], now)
            visit = visits.start(db, officer, officer.memberships[0].site_id, now)
            visits.register(db, officer, visit.id, form(), vault, now)
            visits.queue_online(db, officer, visit.id, now)
            operator = people.actor_of(db, ids["operator"], now)
            session = sessions.open_for_visit(db, operator, visit.id, now, chair="Nguyễn Văn Thử")
            return session.id


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One hub for all tests of this module."""
    with world_in(tmp_path_factory.mktemp("room") / "data") as world:
        yield world


@contextlib.contextmanager
def world_in(folder: Path) -> Iterator[World]:
    """A started hub with the preset and two people."""
    with started(folder, "--http", "--relays", "1") as hub:
        hub.ask("sites", "import", PRESET)
        sites = {
            line.split("  ", 1)[1].strip(): line.split()[0] for line in hub.run("sites", "list").stdout.splitlines()
        }
        centre = next(found for name, found in sites.items() if "Trung ương" in name)
        district = next(found for name, found in sites.items() if "Lục Ngạn" in name)
        passwords = {
            "operator": hub.add_user("operator", f"operator@{centre}"),
            "officer": hub.add_user("officer", f"site_officer@{district}"),
        }
        hub.until_ready()
        yield World(hub, passwords)


async def enter(world: World, operator: Seat, officer: Seat, session: str) -> None:
    """Both log in and open the room; the operator lets the point in."""
    for seat, login in ((operator, "operator"), (officer, "officer")):
        await seat.log_in(world.hub.url, login, world.passwords[login])
        await seat.page.goto(f"{world.hub.url}/room/{session}")
    await officer.page.get_by_test_id("overlay-waiting").wait_for()
    await operator.press("admit")
    await operator.press("admit-one")
    await operator.page.keyboard.press("Escape")


async def start(operator: Seat) -> None:
    """Read the notice, note that all have heard it, start with picture and sound recorded."""
    await operator.press("start")
    await operator.press("notice-read")
    answers = operator.page.locator('[data-testid="answer-heard"]:not([disabled])')
    await answers.first.wait_for(state="attached")
    for index in range(await answers.count()):
        await answers.nth(index).locator("..").click()
        await until(lambda index=index: answers.nth(index).is_checked(), 5, "answered")
    await operator.press("start-now")
    await until(lambda: says(operator, "ĐANG GHI HÌNH"), 25, "recording")


async def says(seat: Seat, words: str) -> bool:
    """Whether the record's state reads so."""
    return words in await seat.page.get_by_test_id("record").inner_text()


@pytest.mark.alone
async def test_two_points_see_and_hear_each_other_and_are_recorded(world: World) -> None:
    session = world.open_session()
    async with chromium() as browser:
        operator, officer = await sit_down(browser, OPERATOR), await sit_down(browser, POINT)
        await enter(world, operator, officer, session)
        assert await shows(operator, POINT) < 5
        await shows(officer, OPERATOR)
        assert await says(officer, "KHÔNG GHI HÌNH")
        await start(operator)
        await until(lambda: says(officer, "ĐANG GHI HÌNH"), 5, "told at the point")
        rates = await officer.rates()
        assert rates["received_bps"] > 100_000 and rates["energy"] > 0 and rates["concealed"] < 0.1, rates
        await until(lambda: in_step(operator), 15, "flash and beep in step")
        await operator.press("minutes-take")
        await operator.page.get_by_test_id("minutes-text").fill("Công dân trình bày.")
        await operator.page.keyboard.press("Control+Enter")
        await officer.page.get_by_text("Công dân trình bày.").wait_for()
        await operator.press("end")
        await operator.press("confirm-yes")
        await officer.page.get_by_test_id("overlay-closed").wait_for()
        assert operator.errors == [] and officer.errors == []


async def in_step(seat: Seat) -> bool:
    """Whether picture and sound are played within 60 ms of each other."""
    skew = await seat.playout_skew()
    return skew is not None and abs(skew) <= 60


@pytest.mark.long
@pytest.mark.alone
async def test_a_killed_relay_costs_a_few_seconds(world: World) -> None:
    session = world.open_session()
    async with chromium() as browser:
        operator, officer = await sit_down(browser, OPERATOR), await sit_down(browser, POINT)
        await enter(world, operator, officer, session)
        await shows(operator, POINT)
        await start(operator)
        os.kill(world.hub.relay_pid(), signal.SIGKILL)
        dimmed = officer.page.locator('[data-testid="tile"].main.dimmed')
        await dimmed.wait_for()
        await until(lambda: gone(dimmed), 10, "back")
        await shows(officer, OPERATOR)
        await shows(operator, POINT)


async def gone(locator: object) -> bool:
    """Whether nothing matches any more."""
    return await locator.count() == 0  # type: ignore[attr-defined,no-any-return]


@pytest.mark.long
async def test_troubles_have_a_sentence_and_a_way_on(world: World) -> None:
    session = world.open_session()
    async with chromium() as browser:
        operator, officer = await sit_down(browser, OPERATOR), await sit_down(browser, POINT)
        await officer.page.add_init_script("window.__trouble.video = 'NotAllowedError'")
        await enter(world, operator, officer, session)
        await officer.page.get_by_test_id("note-device-camera").wait_for()
        await shows(officer, OPERATOR)
        await officer.trouble("video", "")
        await officer.press("act-device-camera")
        await shows(operator, POINT)
        second = await officer.context.new_page()
        await second.goto(f"{world.hub.url}/room/{session}")
        await officer.page.get_by_test_id("overlay-over").wait_for()
        await second.locator('[data-testid="tile"].main').wait_for()


async def test_a_denunciation_cuts_the_point_off_at_once(world: World) -> None:
    session = world.open_session()
    async with chromium() as browser:
        operator, officer = await sit_down(browser, OPERATOR), await sit_down(browser, POINT)
        await enter(world, operator, officer, session)
        await shows(operator, POINT)
        await start(operator)
        await officer.press("to-denunciation")
        await officer.press("denunciation-now")
        await officer.page.get_by_test_id("overlay-denunciation").wait_for()
        others = operator.page.locator('[data-testid="tile"]:not(.own)')
        await until(lambda: gone(others), 5, "cut off")
        assert await operator.page.get_by_test_id("sound").count() == 0
        assert await says(operator, "KHÔNG GHI HÌNH")
