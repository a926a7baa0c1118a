"""The desk, by keyboard and screen: register, scan, correct, conclude, print, close; then the register and search."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.browser.story import COLLEAGUE, DISTRICT, World, register, screens, world_in
from tests.support.factories import PDF

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One hub for the stories of this module."""
    with world_in(tmp_path_factory.mktemp("desk") / "data", "--no-worker") as found:
        yield found


async def test_a_visit_is_received_at_the_desk_without_video(world: World) -> None:
    async with screens(world, "desk-visit") as all_screens:
        officer = await all_screens.sit(DISTRICT)
        page = officer.page
        await officer.push("Tiếp nhận công dân", "main")
        await officer.write("Họ và tên", "Nguyễn Thị Đào")
        await officer.write("Địa chỉ", "Thôn Mẫu, xã Ví Dụ")
        await officer.push("Tiếp: việc gì")

        # step 2: what was typed is kept by itself, over a reload and for a colleague
        await officer.choose("Kiến nghị")
        await officer.write("Nội dung tóm tắt", "Mở rộng đường vào thôn Đồng Mẫu")
        await officer.sees("Đã lưu nháp")
        await page.reload()
        assert await page.get_by_label("Nội dung tóm tắt").input_value() == "Mở rộng đường vào thôn Đồng Mẫu"
        assert await page.get_by_role("radio", name="Kiến nghị").is_checked()
        colleague = await all_screens.sit(COLLEAGUE)
        await colleague.sees("Nguyễn Thị Đào", "section:has(#drafts)")
        await colleague.push("Nhập tiếp")
        await colleague.push(re.compile("^2. Việc gì"))
        assert await colleague.page.get_by_label("Nội dung tóm tắt").input_value() == "Mở rộng đường vào thôn Đồng Mẫu"
        await colleague.write("Yêu cầu, đề nghị", "Khảo sát trong tháng")
        await colleague.sees("Đã lưu nháp")

        # papers: the good one is attached; the wrong and the cut one are refused with a sentence
        scan = page.locator("#papers input[type=file]")
        await scan.set_input_files({"name": "don.pdf", "mimeType": "application/pdf", "buffer": PDF})
        await officer.sees("don.pdf", "[data-papers]")
        await scan.set_input_files({"name": "anh.png", "mimeType": "image/png", "buffer": b"MZ not a picture"})
        await officer.sees("anh.png:", "[data-paper-error]")
        await scan.set_input_files({"name": "cut.pdf", "mimeType": "application/pdf", "buffer": PDF[:20]})
        await officer.sees("cut.pdf:", "[data-paper-error]")
        assert await page.locator("[data-papers] .paper").count() == 1
        assert await page.get_by_label("Nội dung tóm tắt").input_value() == "Mở rộng đường vào thôn Đồng Mẫu"

        # what the colleague wrote meanwhile is not overwritten: the officer is told, sees it and goes on
        await officer.push("Tiếp: gặp ai")
        await officer.sees("Đồng nghiệp vừa sửa lượt tiếp này")
        assert await page.get_by_label("Yêu cầu, đề nghị").input_value() == "Khảo sát trong tháng"
        await officer.push("Tiếp: gặp ai")
        assert await page.get_by_role("radio", name="Tiếp tại bàn").is_checked()
        await officer.push("Vào sổ và tiếp")
        await officer.sees("Nguyễn Thị Đào", "h1")
        await officer.sees("don.pdf", "#papers")

        # correct an entry of the register
        await officer.push("Sửa")
        await officer.push(re.compile("^2. Việc gì"))
        await officer.write("Nội dung tóm tắt", "Mở rộng đường vào thôn Đồng Mẫu, đoạn qua cầu")
        await officer.push("Tiếp: gặp ai")
        await officer.push("Vào sổ và tiếp")
        await officer.sees("đoạn qua cầu", "section:has(#entry)")

        # conclude, print, close
        await officer.choose("Hướng dẫn, giải thích")
        await officer.write("Nội dung trả lời, kết luận", "Đã hướng dẫn gửi kiến nghị tới xã")
        await officer.push("Ghi kết luận")
        await officer.sees("Đã có kết luận")
        await officer.push("Giấy biên nhận")
        await officer.sees("GIẤY BIÊN NHẬN")
        await officer.sees("don.pdf")
        await page.emulate_media(media="print")
        assert await page.locator("header.top").is_hidden()
        assert await page.get_by_role("heading", name="GIẤY BIÊN NHẬN").is_visible()
        await page.emulate_media(media="screen")
        await page.go_back()
        await officer.push("Biên bản tiếp công dân", "aside")
        await officer.sees("BIÊN BẢN", "h1")
        await officer.sees("Đã hướng dẫn gửi kiến nghị tới xã")
        await page.go_back()
        await officer.push("Đóng lượt tiếp")
        await officer.confirm()
        await officer.sees("Đã đóng")
        assert await page.get_by_role("button", name="Ghi kết luận").count() == 0
        assert await officer.button("Thêm trực tuyến").count() == 0

        # it stands in the register, and is found without diacritics
        await officer.push("Sổ tiếp công dân", "header.top")
        row = page.locator("table.register tbody tr", has_text="Nguyễn Thị Đào")
        assert "đoạn qua cầu" in await row.inner_text()
        await officer.push("Tra cứu", "header.top")
        await officer.write("Tên, số hồ sơ", "nguyen thi dao dong mau")
        await page.keyboard.press("Enter")
        await officer.sees("1 kết quả")
        await officer.sees("Mở rộng đường vào thôn Đồng Mẫu", "article")


@pytest.mark.long
async def test_a_citizen_without_identity_paper_is_registered(world: World) -> None:
    async with screens(world, "desk-no-paper") as all_screens:
        officer = await all_screens.sit(DISTRICT)
        await officer.push("Tiếp nhận công dân", "main")
        await officer.push("Tiếp: việc gì")
        await officer.sees("Ghi họ tên, hoặc chọn Không cung cấp.")
        await officer.page.goto(f"{world.hub.url}/")
        await register(officer, "Hỏi về chế độ người có công", kind="Phản ánh")
        await officer.sees("Không cung cấp", "section:has(#entry)")
        await officer.page.goto(f"{world.hub.url}/register")
        await officer.sees("Không cung cấp", "table.register")
