"""The same reception on other screens: in English, and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from rooms.db import open_database
from rooms.models import Case, DutyEntry, ReceptionSession, Site, Sitting, User, Visit
from tests.browser.looks import hears, sees_moving
from tests.browser.receptions import OPERATOR, POINT, admitted, let_in, others, queued, start
from tests.browser.story import CENTRE, DISTRICT, Person, World, screens, world_in
from tests.browser.support import shows

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

VIETNAMESE = re.compile(r"[ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ]", re.IGNORECASE)
PHONE = (390, 844)

WORDS = """() => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (element.closest('script, style, [lang=vi]') || !element.checkVisibility()) continue;
        found.push(walker.currentNode.data.trim());
    }
    for (const element of document.querySelectorAll('[aria-label], [title], [placeholder], [alt]')) {
        if (element.closest('[lang=vi]')) continue;
        for (const name of ['aria-label', 'title', 'placeholder', 'alt']) found.push(element.getAttribute(name) ?? '');
    }
    return [document.title, ...found].filter(Boolean);
}"""
"""Every text that the page shows, or has read out."""

COVERED = """() => {
    const bad = [];
    const width = document.documentElement.scrollWidth;
    if (width > innerWidth) bad.push(`the page is ${width} wide`);
    const open = document.querySelector('dialog[open]') ?? document;
    for (const one of open.querySelectorAll('button, a[href], input, select, summary, #record')) {
        if (!one.checkVisibility({ visibilityProperty: true }) || one.closest('[inert]')) continue;
        one.scrollIntoView({ block: 'nearest' });
        const box = one.getBoundingClientRect();
        if (!box.width) continue;
        const name = one.dataset.testid || one.id || one.textContent.trim();
        if (one.scrollWidth > one.clientWidth + 1 && one.matches('button, a')) bad.push(`${name} is cut`);
        if (box.left < 0 || box.right > innerWidth + 0.5) bad.push(`${name} stands out`);
        const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
        if (!top || !(one.contains(top) || top.contains(one))) bad.push(`${name} is under ${top?.outerHTML}`);
    }
    return bad;
}"""
"""What cannot be seen or pressed at this width."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One hub for the stories of this module."""
    with world_in(tmp_path_factory.mktemp("screens") / "data") as found:
        yield found


def names_in(world: World) -> list[str]:
    """Names and words of citizens and places, as they were entered; the longest first."""
    database = open_database(f"sqlite:///{world.hub.folder}/hub.db")
    columns: tuple[Any, ...] = (
        Site.name, Site.short_name, User.name, Visit.content, Case.title, Sitting.subject, Sitting.chair_name,
        Sitting.chair_title, ReceptionSession.title, ReceptionSession.chair, DutyEntry.name,
    )  # fmt: skip
    try:
        with database.read() as db:
            found = {name for column in columns for name in db.scalars(sa.select(column)) if name}
    finally:
        database.dispose()
    found |= {re.sub(r"\b(Trụ sở|Ban) [Tt]iếp công dân ", "", name) for name in found}
    found |= {name.removeprefix("Điểm cầu ") for name in found}
    return sorted(found | {"Nguyễn Văn Thử", "Thôn Mẫu, xã Ví Dụ", "Điểm Cầu"}, key=len, reverse=True)


async def vietnamese(person: Person, names: list[str]) -> list[str]:
    """Texts on the screen that are not in English, names aside."""
    left = []
    for text in await person.page.evaluate(WORDS):
        rest = text
        for name in names:
            rest = rest.replace(name, "")
        if VIETNAMESE.search(rest):
            left.append(text)
    return left


@pytest.mark.long
async def test_the_screens_speak_english(world: World) -> None:
    (session,) = queued(world, "Bồi thường đất", opened=True)
    async with screens(world, "english") as all_screens:
        operator = await all_screens.sit(CENTRE, OPERATOR)
        officer = await all_screens.screen(DISTRICT, POINT)
        await officer.page.goto(f"{world.hub.url}/login")
        await officer.push("English")
        await officer.sees("Log in")
        names, found = names_in(world), {}
        found["login"] = await vietnamese(officer, names)
        await officer.log_in(world.hub.url, DISTRICT, world.passwords[DISTRICT])
        found["day"] = await vietnamese(officer, names)
        await officer.push("Receive a citizen", "main")
        await officer.write("Full name", "Nguyễn Văn Thử")
        found["desk"] = await vietnamese(officer, names)
        await let_in(operator, officer, session=session, url=world.hub.url)
        await start(operator)
        await officer.sees("RECORDING")
        await sees_moving(officer, others(OPERATOR))
        names = names_in(world)
        found["room"] = await vietnamese(officer, names)
        await officer.hit("minutes-take")
        await officer.hit("share")
        found["room, sharing"] = await vietnamese(officer, names)
        await officer.page.keyboard.press("Escape")
        await officer.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        assert await officer.page.evaluate(COVERED) == []
        await officer.page.goto(f"{world.hub.url}/cases")
        found["cases"] = await vietnamese(officer, names)
        await officer.page.locator("a.cover").first.press("Enter")
        await officer.page.wait_for_url(re.compile("/cases/"))
        found["case"] = await vietnamese(officer, names)
        assert {name: one for name, one in found.items() if one} == {}


@pytest.mark.long
async def test_a_phone_is_enough(world: World) -> None:
    async with screens(world, "phone") as all_screens:
        operator, officer = await admitted(all_screens, "Hỏi chế độ", size=PHONE)
        page = officer.page
        await sees_moving(officer, others(OPERATOR))
        await shows(officer, OPERATOR)  # large
        assert await page.evaluate(COVERED) == []
        await hears(operator, {POINT})
        await officer.push("Tắt micro", "#controls")
        await officer.sees("Bật micro", "#controls")
        await hears(operator, set())
        await officer.push("Bật micro", "#controls")
        await hears(operator, {POINT})
        await start(operator)
        await officer.sees("ĐANG GHI HÌNH")
        assert await page.evaluate(COVERED) == []
        await officer.hit("panel-toggle")
        await officer.sees("Nhận quyền ghi")
        assert await page.evaluate(COVERED) == []
        await officer.hit("panel-toggle")
        await officer.hit("leave")
        assert await page.evaluate(COVERED) == []
        await officer.hit("confirm-yes")
        await officer.sees("Bạn đã rời phiên")
        assert await page.evaluate(COVERED) == []
        await operator.sees("Chưa có điểm cầu nào khác trong phiên")
