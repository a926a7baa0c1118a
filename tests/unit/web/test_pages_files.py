"""Files, lookup, register, and the administrator's pages."""

from __future__ import annotations

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


def case_of(browser: Browser, visit: str) -> str:
    return browser.get(f"/visits/{visit}").text.split('href="/cases/')[1].split('"')[0]


def test_a_file_shows_its_visits_on_a_time_line(alice: Browser) -> None:
    visit = register(alice, content="Tranh chấp ranh giới thửa đất")
    page = alice.get(f"/cases/{case_of(alice, visit)}").text
    assert "Tranh chấp ranh giới thửa đất" in page and "Mở lượt tiếp" in page and "1 lượt tiếp" in page


def test_what_is_said_about_a_matter_is_changed_and_refused_beside_its_field(alice: Browser) -> None:
    path = f"/cases/{case_of(alice, register(alice))}"
    refused = alice.post(path, title="", next_date="hôm nào đó", summary="giữ lại")
    assert refused.status_code == 422 and "Ghi tên vụ việc." in refused.text and "giữ lại" in refused.text
    assert "Ngày không hợp lệ" in refused.text
    page = alice.follow(alice.post(path, title="Tên mới", leader="Phó Chủ tịch", next_date="30/11/2030", crowded="1"))
    assert "Tên mới" in page.text and "30/11/2030" in page.text and "Tập trung đông người" in page.text
    assert "Tên mới" in alice.get("/cases", tab="crowded").text


def test_a_petition_is_entered_and_needs_content(alice: Browser) -> None:
    path = f"/cases/{case_of(alice, register(alice))}/petitions"
    assert "Ghi nội dung đơn." in alice.post(path, petition_kind="complaint", petition_content="").text
    page = alice.follow(alice.post(path, petition_kind="proposal", petition_source="post", petition_content="Đơn số 7"))
    assert "Đơn số 7" in page.text


def test_lookup_ignores_diacritics_and_says_why(alice: Browser) -> None:
    register(alice, name="Đặng Thị Lụa", content="Xin hỗ trợ giống lúa")
    page = alice.follow(alice.post("/search", q="dang thi lua"))
    assert "Xin hỗ trợ giống lúa" in page.text and "họ tên, địa chỉ" in page.text
    assert "dang" not in str(page.url), "words may be names and stay out of addresses"


def test_lookup_finds_nothing_of_another_point(alice: Browser, pages: Pages) -> None:
    register(alice, name="Chỉ Một Nơi")
    charlie = pages.browser("charlie")
    assert "Không tìm thấy" in charlie.follow(charlie.post("/search", q="chi mot noi")).text


def test_a_wrong_date_in_lookup_is_refused_beside_its_field(alice: Browser) -> None:
    assert "Ngày không hợp lệ" in alice.follow(alice.post("/search", q="", since="hôm qua")).text


def test_the_register_of_a_time(alice: Browser) -> None:
    register(alice, name="Người Trong Sổ")
    assert "Người Trong Sổ" in alice.get("/register").text
    assert "Người Trong Sổ" not in alice.get("/register", since="01/01/2020", until="31/01/2020").text
    assert "không quá một năm" in alice.get("/register", since="01/01/2020", until="01/01/2022").text


def test_the_register_of_another_point_does_not_exist(alice: Browser, pages: Pages) -> None:
    answer = alice.get("/register", site=pages.sites["Yên Thế"])
    assert answer.status_code in (403, 404) or "Nguyễn Thị" not in answer.text


@pytest.mark.parametrize("page", ["sites", "people", "duty", "health", "rules"])
def test_administration_is_for_administrators(alice: Browser, pages: Pages, page: str) -> None:
    assert alice.get(f"/admin/{page}").status_code == 403
    assert pages.browser("adam").get(f"/admin/{page}").status_code == 200


def test_a_new_person_logs_in_with_the_password_shown_once(pages: Pages) -> None:
    adam = pages.browser("adam")
    page = adam.post("/admin/people", login="moi.vao", name="Người Mới")
    password = page.text.split('class="secret">')[1].split("<")[0]
    assert password not in adam.get("/admin/people").text
    answer = pages.browser().post("/login", login="moi.vao", password=password)
    assert answer.headers["location"].startswith("/account"), "the password must be changed at once"


def test_refusals_of_the_administrators_forms(pages: Pages) -> None:
    adam = pages.browser("adam")
    assert "Ghi họ và tên." in adam.post("/admin/people", login="ai.do", name="").text
    assert "đã có người dùng" in adam.post("/admin/people", login="alice", name="Trùng").text
    assert "Ghi tên điểm cầu." in adam.post("/admin/sites", name="", valid_from="01/01/2025").text
    assert "Ngày không hợp lệ" in adam.post("/admin/sites", name="Mới", valid_from="mai").text
    assert "Ghi tên phòng." in adam.post("/admin/rooms", site=pages.sites["Lục Ngạn"], room_name="").text
    duty = adam.post("/admin/duty", site=pages.sites["Lục Ngạn"], name="Trực", phone="", starts_on="01/01/2026")
    assert "Ghi số điện thoại" in duty.text
    late = adam.post(
        "/admin/duty",
        site=pages.sites["Lục Ngạn"],
        name="Trực",
        phone="1",
        starts_on="02/01/2026",
        ends_on="01/01/2026",
    )
    assert "trước ngày bắt đầu" in late.text


def test_duty_roles_rooms_and_devices_are_kept(pages: Pages) -> None:
    adam = pages.browser("adam")
    site = pages.sites["Lục Ngạn"]
    assert "Phòng số 2" in adam.follow(adam.post("/admin/rooms", site=site, room_name="Phòng số 2")).text
    page = adam.follow(
        adam.post("/admin/duty", site=site, rank="0", name="Người Trực Mới", phone="0900 1", starts_on="01/01/2026")
    )
    assert "Người Trực Mới" in page.text
    room = adam.get("/admin/sites").text.split('name="room"')[1].split('<option value="')[1].split('"')[0]
    answer = adam.post("/admin/devices", room=room, device_kind="desk", device_name="Máy bàn 1")
    assert "device=" in answer.headers["set-cookie"]
    assert "Máy bàn 1" in adam.follow(answer).text
