"""A reception as far as a story needs it: registered at the district, admitted by the centre, others rung in."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from functools import partial

import sqlalchemy as sa
from playwright.async_api import Browser, Locator

from rooms import cases, people, sessions, visits
from rooms.actor import Actor
from rooms.db import open_database
from rooms.models import Sitting, User
from rooms.vault import Vault
from tests.browser.story import CENTRE, DISTRICT, PROVINCE, Person, Screens, World, register
from tests.browser.support import until
from tests.support.factories import form

OPERATOR, POINT, THIRD = 1, 2, 3
"""The cameras of the centre, the district and the province."""

PLACES = {OPERATOR: "Trung ương", POINT: "Lục Ngạn", THIRD: "tỉnh Bắc Giang"}


def others(*idents: int) -> dict[int, str]:
    """Cameras with the places they stand at."""
    return {ident: PLACES[ident] for ident in idents}


async def admitted(
    screens: Screens, content: str, *, survivors: Browser | None = None, size: tuple[int, int] = (1366, 768)
) -> tuple[Person, Person]:
    """Operator and district officer, in one room: from log-in over desk, queue and board.

    ``survivors``: another browser for all but the operator. ``size``: of the officer's screen.
    """
    operator = await screens.sit(CENTRE, OPERATOR)
    await operator.page.goto(f"{screens.world.hub.url}/board")
    screens.browser = survivors or screens.browser
    officer = await screens.sit(DISTRICT, POINT, size=size)
    await register(officer, content, name="Nguyễn Văn Thử", where=re.compile("^Trực tuyến"))
    await officer.sees("Trước đó còn")
    waiting = operator.page.locator('[data-part="queue"] article')
    await waiting.filter(has_text="Lục Ngạn").wait_for()
    await waiting.get_by_role("button", name="Mời vào phiên").first.press("Enter")
    await operator.page.wait_for_url(re.compile("/room/"))
    await officer.page.wait_for_url(re.compile("/room/"))
    await inside(officer)
    return operator, officer


def queued(world: World, *contents: str, opened: bool = False) -> list[str]:
    """Visits of the district that wait online at today's sitting, entered without screens; with ``opened``, their
    sessions, each visit with its file."""
    now, found = dt.datetime.now(dt.UTC), []
    database = open_database(f"sqlite:///{world.hub.folder}/hub.db")
    vault = Vault.at(world.hub.folder / "keys" / "vault.key")

    def actor(login: str) -> Actor:
        return people.actor_of(db, db.scalars(sa.select(User.id).where(User.login == login)).one(), now)

    try:
        with database.write() as db:
            officer, operator = actor(DISTRICT), actor(CENTRE)
            sitting = db.scalars(sa.select(Sitting.id)).one()
            for content in contents:
                visit = visits.start(db, officer, officer.memberships[0].site_id, now, sitting_id=sitting)
                visits.register(db, officer, visit.id, form(content=content), vault, now)
                visits.queue_online(db, officer, visit.id, now)
                if opened:
                    cases.open_case(db, officer, visit.site_id, content, now, visit_id=visit.id)
                session = sessions.open_for_visit(db, operator, visit.id, now) if opened else None
                found.append(session.id if session else visit.id)
    finally:
        database.dispose()
    return found


async def let_in(operator: Person, *points: Person, session: str, url: str) -> None:
    """All open the room, the operator lets the points in."""
    for person in (operator, *points):
        await person.page.goto(f"{url}/room/{session}")
    await operator.hit("admit")
    waiting = operator.page.get_by_test_id("admit-one")
    await waiting.nth(len(points) - 1).wait_for()
    for left in reversed(range(len(points))):
        await waiting.first.press("Enter")
        await waiting.nth(left).wait_for(state="detached")
    for person in points:
        await inside(person)
    await operator.page.keyboard.press("Escape")


async def inside(person: Person) -> None:
    """Wait until nothing covers the stage: the person is in the session."""
    await person.page.locator("#overlay").wait_for(state="hidden", timeout=15_000)


async def ring_in(screens: Screens, operator: Person) -> Person:
    """The operator rings the province from the room; its officer answers on the page that happens to be open."""
    third = await screens.sit(PROVINCE, THIRD)
    await operator.hit("more")
    await operator.hit("more-ring")
    await operator.page.keyboard.type("tinh bac giang")
    row = operator.page.get_by_test_id("dialog-ring").locator("li", has_text="Trụ sở Tiếp công dân tỉnh Bắc Giang")
    await row.get_by_test_id("ring-one").press("Enter")
    await third.page.get_by_test_id("ring").get_by_role("button", name="Nhận và vào phiên").press("Enter")
    await third.page.wait_for_url(re.compile("/room/"))
    await operator.page.keyboard.press("Escape")
    return third


async def record_says(person: Person, words: str, within: float = 10.0) -> None:
    """Wait until the record's state on this screen reads so."""

    async def says() -> bool:
        return words in await person.page.get_by_test_id("record").inner_text()

    await until(says, within, f"reading {words}")


async def pressed(box: Locator) -> bool:
    """Press the space bar on it, once more where the dialog was drawn anew under the key; whether it is ticked."""
    await box.press(" ")
    for _ in range(10):
        if await box.is_checked():
            return True
        await asyncio.sleep(0.05)
    return False


async def start(operator: Person, *, objecting: str = "", choice: str = "record-full") -> None:
    """Read the notice, take the answers by keyboard (the named place objects), choose how to record, start."""
    await operator.hit("start")
    await operator.hit("notice-read")
    dialog = operator.page.get_by_test_id("dialog-start")
    answers = dialog.locator("fieldset.answer")
    await dialog.locator('[data-testid="answer-heard"]:not([disabled])').first.wait_for(state="attached")
    for index in range(await answers.count()):
        one = answers.nth(index)
        objects = objecting and objecting in await one.locator("legend").inner_text()
        box = one.get_by_test_id("answer-objects" if objects else "answer-heard")
        await until(partial(pressed, box), 10, "answered")
    if objecting:
        await operator.sees("Có người phản đối", '[data-testid="dialog-start"]')
        await dialog.get_by_test_id(choice).press(" ")
    await operator.hit("start-now")


async def close(operator: Person) -> None:
    """End the session, and say yes."""
    await operator.hit("end")
    await operator.hit("confirm-yes")
