"""What the stories share: a started hub with its people, seats that log in, words and buttons found as a person finds
them, and pictures of all screens when a story fails (tests/output, not in the repository)."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Locator

from rooms import people
from rooms.actor import SYSTEM
from rooms.db import open_database
from rooms.words import Role
from tests.browser.support import HERE, Seat, chromium
from tests.support.hub import StartedHub, started
from tests.support.migrated import migrated
from web.demo.cast import prepare

OUTPUT = HERE.parent / "output"
CENTRE, DISTRICT, PROVINCE = "dieuhanh.tw", "tiepdan.lucngan", "dieuhanh.tinh"
COLLEAGUE, SECOND = "dongnghiep.lucngan", "dieuhanh2.tw"
EXTRA = (
    (COLLEAGUE, "Giáp Thị Lan", "Lục Ngạn", Role.SITE_OFFICER),
    (SECOND, "Đặng Văn Quý", "Trung ương", Role.OPERATOR),
)
"""People the demo does not have: a colleague at the desk, a second operator."""


DRAWN = "drawn"
COUNT_PEERS = """(() => {
    const peers = (window.__peers = []);
    const Original = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Original {
        constructor(...args) {
            super(...args);
            peers.push(this);
        }
    };
})();"""
"""What ``Seat.stats`` needs where ``camera.js`` is not."""


def small_camera(ident: int, fps: int) -> str:
    """``camera.js`` at 320x180."""
    return (HERE / "camera.js").read_text().replace("__SETTINGS__", json.dumps([ident, fps, 320, 180]))


@dataclass
class World:
    """A started hub; passwords by log-in."""

    hub: StartedHub
    passwords: dict[str, str]


@contextlib.contextmanager
def world_in(folder: Path, *options: str, environ: Mapping[str, str] | None = None) -> Iterator[World]:
    """A hub with the preset, the demo's people and an open sitting of the central office. ``options``: of ``serve``."""
    url, now = f"sqlite:///{folder}/hub.db", dt.datetime.now(dt.UTC)
    migrated(folder / "hub.db")
    stage = prepare(url, now)
    database = open_database(url)
    passwords = dict(stage.passwords)
    try:
        with database.write() as db:
            for login, name, place, role in EXTRA:
                passwords[login] = f"mat-khau-{login}"
                user = people.add_user(db, SYSTEM, login, name, now, password=passwords[login])
                user.must_change_password = False
                people.add_membership(db, SYSTEM, user.id, stage.sites[place], role, now)
    finally:
        database.dispose()
    with started(folder, "--http", "--relays", "1", *options, environ=environ) as hub:
        hub.until_ready()
        yield World(hub, passwords)


class Person(Seat):
    """A seat that is looked at and typed on as by a person."""

    def button(self, words: str | re.Pattern[str], within: str = "") -> Locator:
        """The visible button or link that reads so."""
        scope = self.page.locator(within) if within else self.page
        return scope.get_by_role("button", name=words).or_(scope.get_by_role("link", name=words)).first

    async def push(self, words: str | re.Pattern[str], within: str = "") -> None:
        """Put the focus on the button or link and press Enter."""
        await self.button(words, within).press("Enter")

    async def hit(self, hook: str) -> None:
        """The same for a stable hook."""
        await self.page.get_by_test_id(hook).first.press("Enter")

    async def write(self, label: str, text: str) -> None:
        """Type into the field with this label, as a person does."""
        field = self.page.get_by_label(label).first
        await field.focus()
        await self.page.keyboard.press("Control+a")
        await self.page.keyboard.type(text)

    async def choose(self, label: str | re.Pattern[str]) -> None:
        """Put the focus on the radio button or tick box and press space."""
        box = self.page.get_by_role("radio", name=label).or_(self.page.get_by_role("checkbox", name=label)).first
        await box.press(" ")

    async def sees(self, text: str | re.Pattern[str], within: str = "") -> None:
        """Wait until the words are on the screen."""
        scope = self.page.locator(within) if within else self.page.locator("body")
        await scope.get_by_text(text).filter(visible=True).first.wait_for()

    async def confirm(self) -> None:
        """Answer the page's question with yes."""
        await self.page.get_by_test_id("confirm").get_by_role("button", name="Đồng ý").press("Enter")


class Screens:
    """Seats in one browser; each has its own profile."""

    def __init__(self, world: World, browser: Browser, name: str) -> None:
        self.world = world
        self.browser = browser
        self.name = name
        self.seats: list[tuple[str, Person]] = []

    async def sit(self, login: str, ident: int = 15, **screen: Any) -> Person:
        """Log in at a new screen (see ``screen``); ends on the first page."""
        person = await self.screen(login, ident, **screen)
        await person.log_in(self.world.hub.url, login, self.world.passwords[login])
        return person

    async def screen(
        self, login: str, ident: int = 15, *, fps: int = 12, size: tuple[int, int] = (1366, 768), allowed: str = DRAWN
    ) -> Person:
        """An empty page of a fresh profile whose small camera (320x180) shows ``ident``. ``login`` names it only.

        ``allowed``: the browser's own devices instead, those of them that the page may use.
        """
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            permissions=["camera", "microphone"] if allowed == DRAWN else allowed.split(),
            locale="vi-VN",
        )
        context.set_default_timeout(30_000)
        await context.add_init_script(small_camera(ident, fps) if allowed == DRAWN else COUNT_PEERS)
        page = await context.new_page()
        person = Person(page, context, ident)
        page.on("pageerror", lambda error: person.errors.append(str(error)))
        self.seats.append((login, person))
        return person

    async def leave_pictures(self) -> None:
        """Take a picture of every screen, for the one who mends."""
        OUTPUT.mkdir(exist_ok=True)
        for login, person in self.seats:
            with contextlib.suppress(Exception):
                await person.page.screenshot(path=OUTPUT / f"{self.name}-{login}.png")


@contextlib.asynccontextmanager
async def screens(world: World, name: str, *, whole: bool = False) -> AsyncIterator[Screens]:
    """A browser for one story. Script errors on any page fail it. ``whole``: see ``chromium``."""
    async with chromium(whole=whole) as browser:
        found = Screens(world, browser, name)
        try:
            yield found
            errors = [one for _, person in found.seats for one in person.errors]
            assert errors == [], errors
        except BaseException:
            await found.leave_pictures()
            raise


async def register(
    person: Person, content: str, *, name: str = "", kind: str = "Khiếu nại", where: str | re.Pattern[str] = ""
) -> None:
    """The three steps of the desk; without a name the citizen gives none. ``where`` begins with the choice's words."""
    await person.push("Tiếp nhận công dân", "main")
    if name:
        await person.write("Họ và tên", name)
    else:
        await person.choose("Không cung cấp")
    await person.push("Tiếp: việc gì")
    await person.choose(kind)
    await person.write("Nội dung tóm tắt", content)
    await person.push("Tiếp: gặp ai")
    if where:
        await person.choose(where)
    await person.push("Vào sổ và tiếp")
