"""Tiếp nhận: three steps, the draft, scans, similar cases, denunciations."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from tests.support.pages import Browser, Pages, pages_at, register

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
JSON = "application/json"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_at(tmp_path_factory.mktemp("hub")) as made:
        yield made


@pytest.fixture
def alice(pages: Pages) -> Browser:
    return pages.browser("alice")


def new(browser: Browser) -> str:
    location: str = browser.post("/desk").headers["location"]
    return location


def test_it_works(alice: Browser) -> None:
    visit = register(alice)
    page = alice.get(f"/visits/{visit}")
    assert "Nguyễn Thị Mẫu" in page.text and "Đã vào sổ" in page.text
    assert "Nguyễn Thị Mẫu" in alice.get("/register").text


def test_without_a_name_it_says_what_to_choose_and_keeps_the_rest(alice: Browser) -> None:
    answer = alice.post(new(alice), step="1", go="2", name__0="", address__0="Thôn Hạ", people_count="1")
    assert answer.status_code == 422
    assert "Ghi họ tên, hoặc chọn Không cung cấp." in answer.text and "Thôn Hạ" in answer.text


def test_a_name_may_be_withheld(alice: Browser) -> None:
    path = new(alice)
    answer = alice.post(path, step="1", go="2", name__0="", withheld__0="1", people_count="1")
    assert answer.headers["location"] == f"{path}?step=2"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("people_count", "rất nhiều", "Số người là một số"),
        ("birth_year__0", "mới sinh", "Năm sinh gồm bốn chữ số"),
    ],
)
def test_wrong_numbers_are_refused_beside_their_field(alice: Browser, field: str, value: str, sentence: str) -> None:
    answer = alice.post(new(alice), **{"step": "1", "go": "2", "name__0": "Trần Mẫu", field: value})
    assert answer.status_code == 422 and sentence in answer.text and "Trần Mẫu" in answer.text


def test_kind_and_content_are_mandatory(alice: Browser) -> None:
    path = new(alice)
    alice.post(path, step="1", go="2", name__0="Trần Mẫu", people_count="1")
    answer = alice.post(path, step="2", go="3", content="")
    assert "Chọn loại việc." in answer.text and "Ghi nội dung tóm tắt." in answer.text


def test_registering_an_unfinished_draft_leads_back_to_what_is_missing(alice: Browser) -> None:
    answer = alice.post(new(alice), step="3", go="register", where="desk", case="none")
    assert answer.status_code == 422 and "Ghi họ tên" in answer.text and 'name="name-0"' in answer.text


def test_the_draft_is_kept_and_a_colleague_goes_on(alice: Browser, pages: Pages) -> None:
    path = new(alice)
    saved = alice.post(f"{path}/draft", accept=JSON, step="1", name__0="Lê Nháp", version="1")
    assert saved.json()["version"] == 2
    bob = pages.browser("bob")
    assert "Lê Nháp" in bob.get("/").text
    assert "Lê Nháp" in bob.get(path, step=1).text


def test_two_colleagues_do_not_overwrite_each_other(alice: Browser) -> None:
    path = new(alice)
    alice.post(f"{path}/draft", accept=JSON, step="1", name__0="Một", version="1")
    late = alice.post(f"{path}/draft", accept=JSON, step="1", name__0="Hai", version="1")
    assert late.status_code == 409 and late.json()["error"] == "visit.changed"
    assert "Một" in alice.get(path, step=1).text


def test_a_draft_of_another_point_does_not_exist(alice: Browser, pages: Pages) -> None:
    path = new(alice)
    assert pages.browser("charlie").get(path).status_code == 404


def test_a_draft_can_be_thrown_away(alice: Browser) -> None:
    path = new(alice)
    assert "Đã bỏ bản nháp" in alice.follow(alice.post(f"{path}/discard")).text
    assert alice.get(path).status_code == 404


def test_people_are_added_and_dropped(alice: Browser) -> None:
    path = new(alice)
    added = alice.follow(alice.post(path, step="1", go="add", name__0="Một", people_count="2"))
    assert 'name="name-1"' in added.text
    dropped = alice.follow(alice.post(path, step="1", go="drop", name__0="Một", name__1="Hai", people_count="2"))
    assert 'name="name-1"' not in dropped.text


def test_scans_are_taken_by_content_and_each_refusal_names_its_file(alice: Browser) -> None:
    path = new(alice)
    files = [("file", ("don.pdf", b"khong phai PDF", "application/pdf")), ("file", ("giay.png", PNG, "image/png"))]
    answer = alice.post(f"{path}/papers", files=files, accept=JSON)
    body = answer.json()
    assert [one["title"] for one in body["papers"]] == ["giay.png"]
    assert body["refused"][0]["title"] == "don.pdf" and body["refused"][0]["code"] == "paper.wrong_type"
    assert "PDF, JPEG" in body["refused"][0]["message"]


def test_without_a_script_a_refused_scan_is_a_page(alice: Browser) -> None:
    answer = alice.post(f"{new(alice)}/papers", files=[("file", ("a.txt", b"xin chao", "text/plain"))])
    assert answer.status_code == 415 and "Chỉ nhận tệp PDF, JPEG hoặc PNG" in answer.text


def test_a_similar_case_is_proposed_while_typing_and_can_be_linked(alice: Browser) -> None:
    words = "Khiếu nại bồi thường thu hồi đất trồng cây ăn quả"
    register(alice, content=words)
    path = new(alice)
    alice.post(path, step="1", go="2", name__0="Người Khác", people_count="1")
    alice.post(f"{path}/draft", accept=JSON, step="2", kind="complaint", content=words)
    proposed = alice.get(f"{path}/similar").text
    assert "Có thể là vụ việc cũ" in proposed
    case = proposed.split('name="link" value="')[1].split('"')[0]
    alice.follow(alice.post(path, step="2", kind="complaint", content=words, link=case))
    alice.follow(alice.post(path, step="3", go="register", where="desk", case=case))
    file = alice.get(f"/cases/{case}").text
    assert "Người Khác" in file and "2 lượt tiếp" in file


def test_a_denunciation_shows_its_pseudonym_only(alice: Browser) -> None:
    visit = register(alice, kind="denunciation", name="Kín Thị Danh")
    page = alice.get(f"/visits/{visit}")
    assert "Kín Thị Danh" not in page.text and "Chế độ hạn chế truy cập" in page.text
    assert "Thêm trực tuyến" not in page.text
    for path in ("/", "/register", "/cases", f"/visits/{visit}/receipt"):
        assert "Kín Thị Danh" not in alice.get(path).text


def test_a_denunciation_is_not_sent_online(alice: Browser) -> None:
    path = new(alice)
    alice.post(path, step="1", go="2", name__0="Kín", people_count="1")
    page = alice.follow(alice.post(path, step="2", go="3", kind="denunciation", content="Tố cáo"))
    assert "Tố cáo được tiếp trực tiếp tại đây" in page.text


def test_a_closed_sitting_is_refused(alice: Browser) -> None:
    path = new(alice)
    alice.post(path, step="1", go="2", name__0="Ai", people_count="1")
    alice.post(path, step="2", go="3", kind="feedback", content="Phản ánh")
    answer = alice.post(path, step="3", go="register", where="aaaaaaaaaaaaaaaaaaaaaaaa", case="none")
    assert answer.status_code == 404


def test_correcting_an_entry_keeps_its_number(alice: Browser) -> None:
    visit = register(alice, name="Tên Sai")
    alice.follow(alice.post(f"/desk/{visit}", step="1", go="2", name__0="Tên Đúng", people_count="1"))
    page = alice.follow(alice.post(f"/desk/{visit}", step="3", go="register", where="desk", case="none"))
    assert "Tên Đúng" in page.text and "Tên Sai" not in page.text


def test_who_has_no_point_has_no_desk(pages: Pages) -> None:
    rita = pages.browser("rita")
    assert rita.get("/").headers["location"] == "/cases"
    assert rita.post("/desk").status_code in (403, 404)
