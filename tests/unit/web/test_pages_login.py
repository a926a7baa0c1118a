"""Log-in, language, own password, and the pages anyone may read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rooms import people
from rooms.models import User
from tests.support.pages import PASSWORD, Pages, pages_at


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_at(tmp_path_factory.mktemp("hub")) as made:
        yield made


def test_it_works(pages: Pages) -> None:
    alice = pages.browser("alice")
    answer = alice.get("/")
    assert answer.status_code == 200
    assert "Tiếp nhận công dân" in answer.text and "Người alice" in answer.text


def test_a_wrong_password_keeps_the_name_and_says_so(pages: Pages) -> None:
    answer = pages.browser().post("/login", login="alice", password="khong-phai")
    assert answer.status_code == 401
    assert "Tên đăng nhập hoặc mật khẩu không đúng." in answer.text and 'value="alice"' in answer.text


def test_log_in_leaves_the_writer_to_others_while_the_password_is_checked(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """argon2 takes its time on purpose; a desk that saves meanwhile does not wait for it."""
    real, wrote = people._fits, []

    def slow(stored: str, password: str) -> bool:
        with pages.hub.database.write() as db:
            wrote.append(db.get(User, "x" * 24))
        return real(stored, password)

    monkeypatch.setattr(people, "_fits", slow)
    alice = pages.browser("alice")
    page = alice.post("/account", current="sai", password="mot-cau-khac-02", again="mot-cau-khac-02")
    assert "Mật khẩu hiện tại không đúng." in page.text
    assert wrote == [None, None]


def test_an_unknown_name_gets_the_same_answer(pages: Pages) -> None:
    assert "Tên đăng nhập hoặc mật khẩu không đúng." in pages.browser().post("/login", login="ai", password="x").text


@pytest.mark.parametrize("address", ["https://example.com/", "//example.com", "/\\example.com", "javascript:alert(1)"])
def test_log_in_never_leads_elsewhere(pages: Pages, address: str) -> None:
    answer = pages.browser().post("/login", login="alice", password=PASSWORD, next=address)
    assert answer.headers["location"] == "/"


def test_log_in_leads_on_to_the_page_that_was_asked_for(pages: Pages) -> None:
    browser = pages.browser()
    asked = browser.get("/cases")
    assert asked.headers["location"] == "/login?next=/cases"
    answer = browser.post("/login", login="alice", password=PASSWORD, next="/cases")
    assert answer.headers["location"] == "/cases"


def test_a_form_without_its_token_is_refused_and_says_what_to_do(pages: Pages) -> None:
    alice = pages.browser("alice")
    alice.token = "none"
    answer = alice.post("/desk")
    assert answer.status_code == 403
    assert "tải lại trang" in answer.text


def test_log_out_ends_the_session(pages: Pages) -> None:
    alice = pages.browser("alice")
    assert alice.follow(alice.post("/logout")).status_code == 200
    assert alice.get("/").headers["location"].startswith("/login")


def test_english_by_a_switch(pages: Pages) -> None:
    alice = pages.browser("alice")
    alice.follow(alice.post("/language", language="en", back="/"))
    answer = alice.get("/")
    assert '<html lang="en"' in answer.text and "Receive a citizen" in answer.text


def test_an_unknown_language_changes_nothing(pages: Pages) -> None:
    alice = pages.browser("alice")
    alice.follow(alice.post("/language", language="xx", back="/"))
    assert '<html lang="vi"' in alice.get("/").text


def test_the_own_password_is_changed_only_with_the_present_one(pages: Pages) -> None:
    browser = pages.browser("nobody")
    wrong = browser.post("/account", current="x", password="mot-cau-dai-hon-nua", again="mot-cau-dai-hon-nua")
    assert wrong.status_code == 422 and "Mật khẩu hiện tại không đúng." in wrong.text
    short = browser.post("/account", current=PASSWORD, password="ngan", again="ngan")
    assert "ít nhất 12 ký tự" in short.text
    differ = browser.post("/account", current=PASSWORD, password="mot-cau-dai-hon-nua", again="mot-cau-khac-han-the")
    assert "không giống nhau" in differ.text
    browser.follow(browser.post("/account", current=PASSWORD, password=PASSWORD + "2", again=PASSWORD + "2"))
    assert pages.browser().post("/login", login="nobody", password=PASSWORD).status_code == 401


def test_schedule_notice_and_keys_are_public(pages: Pages) -> None:
    browser = pages.browser()
    for path in ("/public", "/public/notice", "/keys"):
        assert browser.get(path).status_code == 200
    assert "BEGIN PUBLIC KEY" in browser.get("/keys.pem").text


def test_what_does_not_exist_and_what_one_may_not_see_look_the_same(pages: Pages) -> None:
    alice = pages.browser("alice")
    missing = alice.get("/cases/aaaaaaaaaaaaaaaaaaaaaaaa")
    assert missing.status_code == 404 and "Không tìm thấy" in missing.text and "Tra cứu" in missing.text
