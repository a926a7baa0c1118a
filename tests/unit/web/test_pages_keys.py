"""Khóa ký số: keys and daily heads for everybody, statements for who keeps records, a new key by an administrator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from rooms import heads
from tests.support.pages import Pages, pages_at

DAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_at(tmp_path_factory.mktemp("hub")) as made:
        yield made


def test_a_new_key_signs_and_the_old_one_stays_published(pages: Pages) -> None:
    before = pages.hub.signer.key_id
    adam = pages.browser("adam")
    assert "Chưa có ngày nào trọn vẹn" in adam.get("/keys").text and "Tạo khóa mới" in adam.get("/keys").text
    page = adam.follow(adam.post("/keys/new")).text
    after = pages.hub.signer.key_id
    assert after != before and page.index(after) < page.index(before) and "Đã tạo khóa mới" in page
    assert pages.browser().get("/keys.pem").text.count("BEGIN PUBLIC KEY") == 2


@pytest.mark.parametrize("login", ["rita", "alice"])
def test_others_make_no_key(pages: Pages, login: str) -> None:
    before = pages.hub.signer.key_id
    browser = pages.browser(login)
    assert "Tạo khóa mới" not in browser.get("/keys").text
    assert browser.post("/keys/new").status_code == 403 and pages.hub.signer.key_id == before


def test_heads_are_shown_to_all_and_statements_to_who_keeps_records(pages: Pages) -> None:
    with pages.hub.database.write() as db:
        row = heads.daily_head(db, DAY, pages.hub.now() + timedelta(days=9999))
        heads.note(db, DAY, "folder", pages.hub.now())
        heads.note(db, DAY, "mail", pages.hub.now(), error="publish.mail")
        heads.note(db, DAY, "rfc3161", pages.hub.now(), proof=b"stamp")
    everybody = pages.browser().get("/keys").text
    assert row.head in everybody and "20/11/2026" in everybody and "thư điện tử: chưa gửi được" in everybody
    assert f"/keys/heads/{DAY}.json" not in everybody
    rita = pages.browser("rita")
    assert f"/keys/heads/{DAY}.json" in rita.get("/keys").text
    assert rita.get(f"/keys/heads/{DAY}.json").json()["head"] == row.head
    assert len(rita.get(f"/keys/heads/{DAY}.sig").content) == 64
    assert rita.get(f"/keys/heads/{DAY}.tsr").content == b"stamp"
    for name in ("2026-11-19.json", "nothing.json", f"{DAY}.exe"):
        assert rita.get(f"/keys/heads/{name}").status_code == 404
    assert pages.browser("alice").get(f"/keys/heads/{DAY}.json").status_code == 403
