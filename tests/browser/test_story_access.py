"""Everybody can use the pages: no serious finding of axe on any of them, and the keyboard alone is enough."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.browser.access import findings, focused, tab_to
from tests.browser.receptions import OPERATOR, POINT, admitted, close, inside, start
from tests.browser.story import CENTRE, DISTRICT, World, register, screens, world_in

pytestmark = pytest.mark.browser

OFFICER_PAGES = (
    "/", "/sittings", "/cases", "/search", "/register", "/check", "/account", "/public", "/public/notice",
)  # fmt: skip
ADMIN_PAGES = ("/admin/sites", "/admin/people", "/admin/duty", "/admin/rules", "/admin/health", "/keys")

CLOSED_AND_OPENED = """() => {
    document.querySelector('[data-testid="dialog-start"]').close();
    document.querySelector('[data-testid="start"]').click();
}"""
"""Quick fingers on a busy machine: the browser tells of the first dialog's end when the second is open already."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One hub for the stories of this module."""
    with world_in(tmp_path_factory.mktemp("access") / "data", "--no-worker") as found:
        yield found


@pytest.mark.long
async def test_no_serious_findings_at_the_desk(world: World) -> None:
    async with screens(world, "axe-desk") as all_screens:
        officer = await all_screens.sit(DISTRICT)
        page, found = officer.page, {}
        await register(officer, "Cấp sổ đỏ", name="Nguyễn Văn Thử")
        await officer.sees("Nội dung trong sổ")
        found["visit"] = await findings(officer)
        for name in ("receipt", "minutes"):
            await page.goto(f"{page.url.split('?')[0].removesuffix('/receipt')}/{name}")
            found[name] = await findings(officer)
        for path in OFFICER_PAGES:
            answer = await page.goto(f"{world.hub.url}{path}")
            assert answer is not None and answer.status == 200, path
            found[path] = await findings(officer)
        await page.goto(f"{world.hub.url}/")
        await officer.push("Tiếp nhận công dân", "main")
        await officer.push("Tiếp: việc gì")
        await officer.sees("Ghi họ tên")
        found["desk, refused"] = await findings(officer)
        await officer.choose("Không cung cấp")
        await officer.push("Tiếp: việc gì")
        await officer.sees("Nội dung tóm tắt")
        found["desk, what"] = await findings(officer)
        await officer.choose("Khiếu nại")
        await officer.write("Nội dung tóm tắt", "Cấp sổ đỏ chậm")
        await officer.push("Tiếp: gặp ai")
        await officer.sees("Công dân gặp ai")
        found["desk, where"] = await findings(officer)
        await officer.page.goto(f"{world.hub.url}/visits/none")
        found["error"] = await findings(officer)
        assert {name: one for name, one in found.items() if one} == {}


@pytest.mark.long
async def test_no_serious_findings_for_the_administrator(world: World) -> None:
    async with screens(world, "axe-admin") as all_screens:
        admin = await all_screens.sit("quantri")
        found = {}
        for path in ADMIN_PAGES:
            answer = await admin.page.goto(f"{world.hub.url}{path}")
            assert answer is not None and answer.status == 200, path
            found[path] = await findings(admin)
        await admin.page.context.clear_cookies()
        await admin.page.goto(f"{world.hub.url}/login")
        found["login"] = await findings(admin)
        assert {name: one for name, one in found.items() if one} == {}


@pytest.mark.long
async def test_no_serious_findings_in_the_room(world: World) -> None:
    async with screens(world, "axe-room") as all_screens:
        found = {}
        operator = await all_screens.sit(CENTRE, OPERATOR)
        await operator.page.goto(f"{world.hub.url}/board")
        found["board, empty"] = await findings(operator)
        officer = await all_screens.sit(DISTRICT, POINT)
        await register(officer, "Hỏi đền bù", name="Nguyễn Văn Thử", where=re.compile("^Trực tuyến"))
        await officer.sees("Trước đó còn")
        found["waiting"] = await findings(officer)
        queue = operator.page.locator('[data-part="queue"] article')
        await queue.first.wait_for()
        found["board"] = await findings(operator)
        await queue.get_by_role("button", name="Mời vào phiên").first.press("Enter")
        await officer.page.wait_for_url(re.compile("/room/"))
        await inside(officer)
        await operator.page.get_by_test_id("tile").nth(1).wait_for()
        for hook in ("more", "start"):
            await operator.hit(hook)
            found[f"room, {hook}"] = await findings(operator)
            await operator.page.keyboard.press("Escape")
        await start(operator)
        await officer.hit("minutes-take")
        await officer.page.locator('[data-testid="minutes-text"]:focus').wait_for()
        found["room, writing"] = await findings(officer)
        found["room, running"] = await findings(operator)
        await close(operator)
        await officer.page.get_by_test_id("overlay-closed").wait_for()
        found["room, closed"] = await findings(officer)
        assert {name: one for name, one in found.items() if one} == {}


@pytest.mark.long
async def test_a_visit_by_keyboard_alone(world: World) -> None:
    async with screens(world, "keyboard-desk") as all_screens:
        officer = await all_screens.sit(DISTRICT)
        page, keys = officer.page, officer.page.keyboard
        await keys.press("Tab")
        skip = await focused(officer)
        assert skip is not None and skip["label"] == "Đến nội dung chính"
        await keys.press("Enter")
        await tab_to(officer, "Tiếp nhận công dân")
        await keys.press("Enter")
        await page.locator("#name-0:focus").wait_for()  # the first field has the focus already
        await keys.type("Nguyễn Văn Thử")
        await keys.press("Enter")  # the next step, as in any form
        await officer.sees("Nội dung tóm tắt")
        await tab_to(officer, "Khiếu nại")
        await keys.press("ArrowRight")
        await keys.press("ArrowRight")
        await tab_to(officer, "Nội dung tóm tắt")
        await keys.type("Sửa kênh mương")
        await tab_to(officer, "Tiếp: gặp ai")
        await keys.press("Enter")
        await officer.sees("Công dân gặp ai")
        await tab_to(officer, "Vào sổ và tiếp")
        await keys.press("Enter")
        await officer.sees("Nội dung trong sổ")
        await officer.sees("Kiến nghị", ".head")
        await tab_to(officer, "Thụ lý để giải quyết")
        await keys.press(" ")
        await tab_to(officer, "Ghi kết luận")
        await keys.press("Enter")
        await officer.sees("Đã có kết luận")
        await tab_to(officer, "Đóng lượt tiếp")
        await keys.press("Enter")
        await page.get_by_test_id("confirm").wait_for()
        await keys.press("Escape")  # thought better of it: nothing happens
        await page.get_by_test_id("confirm").wait_for(state="detached")
        assert await page.get_by_role("button", name="Đóng lượt tiếp").count() == 1
        back = await focused(officer)
        assert back is not None and back["label"] == "Đóng lượt tiếp"
        await keys.press("Enter")
        await page.get_by_test_id("confirm").wait_for()
        await tab_to(officer, "Đồng ý")
        await keys.press("Enter")
        await officer.sees("Đã đóng")


@pytest.mark.long
async def test_a_room_by_keyboard_alone(world: World) -> None:
    async with screens(world, "keyboard-room") as all_screens:
        operator, officer = await admitted(all_screens, "Hỏi chế độ")
        keys = operator.page.keyboard
        await officer.page.keyboard.press("m")
        await officer.sees("Bật micro", "#controls")
        await officer.page.keyboard.press("m")
        await officer.sees("Tắt micro", "#controls")
        await tab_to(operator, "pin")
        await keys.press("Enter")
        await operator.sees("Bỏ ghim")
        await tab_to(operator, "start")
        await keys.press("Enter")
        await operator.page.evaluate(CLOSED_AND_OPENED)
        await tab_to(operator, "notice-read")
        await keys.press("Enter")
        await operator.sees("Đã đọc thông báo")
        await tab_to(operator, "answer-heard")
        await keys.press(" ")
        await tab_to(operator, "record-full")
        await tab_to(operator, "start-now")
        await keys.press("Enter")
        await officer.sees("ĐANG GHI HÌNH")
        await tab_to(operator, "more")
        await keys.press("Enter")
        await operator.page.get_by_test_id("dialog-more").wait_for()
        await keys.press("Escape")
        back = await focused(operator)
        assert back is not None and back["hook"] == "more"
        await tab_to(operator, "end")
        await keys.press("Enter")
        await tab_to(operator, "confirm-yes")
        await keys.press("Enter")
        await officer.page.get_by_test_id("overlay-closed").wait_for()
