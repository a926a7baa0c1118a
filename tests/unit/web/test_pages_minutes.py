"""Minutes written at the desk for a visit without a session; petitions entered at a visit and into the book."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.pages import Browser, Pages, pages_at, register


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_at(tmp_path_factory.mktemp("hub")) as made:
        yield made


@pytest.fixture
def alice(pages: Pages) -> Browser:
    return pages.browser("alice")


def typed(page: str) -> dict[str, str]:
    """The sections of the form with their versions."""
    names = dict(re.findall(r'name="([a-z_]+)-version" value="(\d+)"', page))
    return {f"{name}-version": version for name, version in names.items()}


def test_minutes_are_written_corrected_frozen_and_printed(alice: Browser) -> None:
    visit = register(alice, name="Trần Văn Thử", content="Xin cấp lại giấy chứng nhận")
    path = f"/visits/{visit}/minutes/edit"
    page = alice.get(path).text
    assert "Trần Văn Thử" in page and "Xin cấp lại giấy chứng nhận" in page, "filled in beforehand"
    fields = typed(page)
    page = alice.follow(alice.post(path, **fields, conclusion="Hẹn trả lời trong 10 ngày", go="save")).text
    assert "Hẹn trả lời trong 10 ngày" in page
    page = alice.follow(alice.post(f"/visits/{visit}/minutes/lines", speaker="Công dân", text="Tôi chờ ba tháng")).text
    line = page.split('name="line" value="')[1].split('"')[0]
    page = alice.follow(alice.post(f"/visits/{visit}/minutes/lines", line=line, text="Tôi chờ bốn tháng")).text
    assert "Tôi chờ bốn tháng" in page and "<s>Tôi chờ ba tháng</s>" in page
    assert "Dòng này còn trống." in alice.post(f"/visits/{visit}/minutes/lines", text=" ").text
    page = alice.follow(alice.post(path, **typed(page), go="freeze")).text
    assert "Đã đọc lại và chốt" in page and "Lưu biên bản" not in page
    refused = alice.post(path, **fields, conclusion="Sửa sau khi chốt", go="save")
    assert refused.status_code == 422 and "Biên bản đã chốt." in refused.text
    printed = alice.get(f"/visits/{visit}/minutes").text
    assert "Hẹn trả lời trong 10 ngày" in printed and "BẢN NHÁP" not in printed and "Mã băm SHA-256" in printed


def test_an_older_form_overwrites_nothing_and_loses_nothing(alice: Browser, pages: Pages) -> None:
    visit = register(alice)
    path = f"/visits/{visit}/minutes/edit"
    fields = typed(alice.get(path).text)
    alice.follow(alice.post(path, **fields, demand="Bản thứ nhất", go="save"))
    refused = alice.post(path, **fields, demand="Bản thứ hai", go="save")
    assert refused.status_code == 422 and "Đồng nghiệp vừa sửa mục này" in refused.text
    assert "Bản thứ hai" in refused.text, "what was typed stays on the screen"


def test_one_writer_at_a_time_and_the_pen_is_taken_over(alice: Browser, pages: Pages) -> None:
    visit = register(alice)
    path = f"/visits/{visit}/minutes/edit"
    alice.follow(alice.post(path, **typed(alice.get(path).text), demand="Alice viết", go="save"))
    bob = pages.browser("bob")
    page = bob.get(path).text
    assert "Người alice đang ghi biên bản này." in page and "Lưu biên bản" not in page and "Alice viết" in page
    page = bob.follow(bob.post(f"/visits/{visit}/minutes/take")).text
    assert "Bạn đang giữ quyền ghi biên bản." in page and "Lưu biên bản" in page
    assert "Người khác đang ghi biên bản" in alice.post(f"/visits/{visit}/minutes/lines", text="Muộn").text


def test_minutes_of_another_point_do_not_exist(alice: Browser, pages: Pages) -> None:
    visit = register(alice)
    charlie = pages.browser("charlie")
    assert charlie.get(f"/visits/{visit}/minutes/edit").status_code == 404
    assert charlie.post(f"/visits/{visit}/minutes/take").status_code == 404


def test_a_petition_handed_in_at_a_visit_goes_into_book_and_file(alice: Browser) -> None:
    visit = register(alice, content="Vụ việc có đơn")
    path = f"/visits/{visit}/petitions"
    refused = alice.post(path, petition_kind="complaint", petition_content="", petition_dated="mai", petitioner="Giữ")
    assert "Ghi nội dung đơn." in refused.text and "Ngày không hợp lệ" in refused.text and "Giữ" in refused.text
    page = alice.follow(
        alice.post(
            path, petition_kind="complaint", petition_source="reception", petition_content="Đơn viết tay 3 trang"
        )
    ).text
    assert "Đơn viết tay 3 trang" in page and "Nộp trực tiếp" in page
    book = alice.get("/petitions").text
    assert "Đơn viết tay 3 trang" in book and "Nộp trực tiếp" in book
    file = page.split('href="/cases/')[1].split('"')[0]
    assert "Đơn viết tay 3 trang" in alice.get(f"/cases/{file}").text


def test_a_petition_by_post_is_entered_and_found_by_its_source(alice: Browser, pages: Pages) -> None:
    site = pages.sites["Lục Ngạn"]
    fields = {"petition_kind": "feedback", "petition_source": "post", "petition_content": "Đơn gửi bưu điện"}
    page = alice.follow(alice.post("/petitions", site=site, petitioner="Lê Thị Gửi", **fields)).text
    assert "Đơn gửi bưu điện" in page and "Lê Thị Gửi" in page
    assert "Đơn gửi bưu điện" not in alice.get("/petitions", source="handed").text
    assert "Đơn gửi bưu điện" not in alice.get("/petitions", since="01/01/2020", until="31/01/2020").text
    assert "không quá một năm" in alice.get("/petitions", since="01/01/2020", until="01/01/2022").text


def test_a_denunciation_in_the_book_shows_its_code_only(alice: Browser, pages: Pages) -> None:
    site = pages.sites["Lục Ngạn"]
    fields = {"petition_kind": "denunciation", "petition_content": "Tố cáo của Người Giấu Tên"}
    page = alice.follow(alice.post("/petitions", site=site, petitioner="Người Giấu Tên", **fields)).text
    assert "Người Giấu Tên" not in page


def test_the_book_of_another_point_is_not_written(alice: Browser, pages: Pages) -> None:
    site = pages.sites["Yên Thế"]
    assert "Vào sổ đơn mới" not in alice.get("/petitions", site=site).text
    assert alice.post("/petitions", site=site, petition_content="Chen vào").status_code in (403, 404)
