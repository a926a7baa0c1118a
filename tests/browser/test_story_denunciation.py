"""Tố cáo: chosen at the desk, and in the middle of a recorded session (design 7)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from tests.browser.looks import counts, hears, last_frame, sees_moving, watch
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
from tests.browser.story import CENTRE, DISTRICT, World, register, screens, world_in
from tests.browser.support import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

NAME = "Nguyễn Văn Thử"
AT_ONCE_S = 1.5
"""From the key to the last picture that another point shows, on two busy cores."""
PSEUDONYM = re.compile(r"TC-\S+")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One hub for the stories of this module."""
    with world_in(tmp_path_factory.mktemp("denunciation") / "data") as found:
        yield found


@pytest.mark.long
async def test_chosen_at_the_desk(world: World) -> None:
    async with screens(world, "denunciation-desk") as all_screens:
        officer = await all_screens.sit(DISTRICT)
        page = officer.page
        await officer.push("Tiếp nhận công dân", "main")
        await officer.write("Họ và tên", NAME)
        await officer.push("Tiếp: việc gì")
        await officer.choose("Tố cáo")
        await officer.sees("Không dùng hình ảnh trực tuyến")
        await officer.write("Nội dung tóm tắt", "Thu tiền sai quy định")
        await officer.push("Tiếp: gặp ai")
        await officer.sees("Tố cáo được tiếp trực tiếp tại đây")
        assert await page.get_by_role("radio", name=re.compile("Trực tuyến")).count() == 0
        await officer.push("Vào sổ và tiếp")
        await officer.sees("Chế độ hạn chế truy cập")
        assert await page.get_by_role("button", name="Đưa vào danh sách chờ trực tuyến").count() == 0
        assert NAME not in await page.content()
        visit = page.url.split("?")[0]

        # lists show the pseudonym, other points nothing
        for path in ("/", "/register", "/cases"):
            await page.goto(f"{world.hub.url}{path}")
            assert NAME not in await page.content(), path
        await page.goto(f"{world.hub.url}/")
        shown = await page.locator("section:has(#visits)").inner_text()
        assert PSEUDONYM.search(shown), shown
        operator = await all_screens.sit(CENTRE)
        answer = await operator.page.goto(visit)
        assert answer is not None and answer.status == 404

        # the vault opens with a reason, once
        await page.goto(visit)
        await page.get_by_text("Mở danh tính người tố cáo").press("Enter")
        await officer.push(re.compile("^Mở danh tính$"))
        await officer.sees(re.compile("lý do", re.IGNORECASE), '[role="alert"]')
        assert NAME not in await page.content()
        await officer.write("Lý do", "Ghi biên bản xác minh")
        await officer.push(re.compile("^Mở danh tính$"))
        await officer.sees(NAME)
        await page.goto(visit)
        assert NAME not in await page.content()


@pytest.mark.long
async def test_turned_to_in_a_session(world: World) -> None:
    async with screens(world, "denunciation-session") as all_screens:
        operator, officer = await admitted(all_screens, "Khiếu nại việc thu hồi đất")
        third = await ring_in(all_screens, operator)
        await inside(third)
        await start(operator)
        await record_says(third, "ĐANG GHI HÌNH")
        await sees_moving(third, others(OPERATOR, POINT))
        await hears(third, {OPERATOR, POINT})
        session = operator.page.url.rsplit("/", 1)[-1]

        await officer.hit("to-denunciation")
        await watch(third, POINT)
        pressed = time.monotonic()
        await officer.hit("denunciation-now")
        await officer.page.get_by_test_id("overlay-denunciation").wait_for()

        # for all others the point is gone: picture, sound, name; what was recorded is closed; the rest go on
        for person, left in ((third, OPERATOR), (operator, THIRD)):
            await sees_moving(person, others(left), within=5)
            await hears(person, {left}, within=5)
            await record_says(person, "KHÔNG GHI HÌNH")
        assert await last_frame(third) - pressed < AT_ONCE_S
        assert await counts(officer) == {}
        await hears(officer, set(), within=5)

        async def nothing_arrives() -> bool:
            return (await officer.rates(1.0))["received_bps"] < 1000

        await until(nothing_arrives, 8, "cut off")
        await close(operator)
        await third.page.get_by_test_id("overlay-closed").wait_for()
        world.hub.run("session", "close", session, "--lock")

        # the record exists for the receiving officer alone; for all others as if it did not
        records = await all_screens.sit("hoso.tinh")
        for person in (records, operator, third):
            for path in (f"/replay/{session}", f"/room/{session}"):
                answer = await person.page.goto(f"{world.hub.url}{path}")
                assert answer is not None and answer.status == 404, (path, answer.status)
        answer = await officer.page.goto(f"{world.hub.url}/replay/{session}")
        assert answer is not None and answer.status == 200
        await officer.page.goto(f"{world.hub.url}/")
        assert NAME not in await officer.page.content()


@pytest.mark.long
async def test_a_denouncer_is_not_found_by_name(world: World) -> None:
    async with screens(world, "denunciation-search") as all_screens:
        officer = await all_screens.sit(DISTRICT)
        for kind, name in (("Tố cáo", "Lường Thị Kín"), ("Phản ánh", "Lường Thị Tỏ")):
            await officer.page.goto(f"{world.hub.url}/")
            await register(officer, "Hỏi thủ tục", kind=kind, name=name)
            await officer.sees("Nội dung trong sổ")
        await officer.push("Tra cứu", "header.top")
        for words, answer in (("luong thi to", "1 kết quả"), ("luong thi kin", "Không tìm thấy")):
            await officer.write("Tên, số hồ sơ", words)
            await officer.page.keyboard.press("Enter")
            await officer.sees(answer)
