"""Training keeps apart from what is real; signatures and supplements of a session."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from rooms import minutes
from rooms.actor import SYSTEM
from rooms.models import ReceptionSession, Visit
from rooms.words import SessionState
from tests.support.pages import Browser, Pages, pages_at, register

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\n"
    b"IDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82"
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_at(tmp_path_factory.mktemp("hub")) as made:
        yield made


@pytest.fixture
def alice(pages: Pages) -> Browser:
    return pages.browser("alice")


def trial(browser: Browser) -> str:
    """A test visit through the desk, as a real one."""
    visit = browser.post("/training/visits").headers["location"].split("/")[-1]
    path = f"/desk/{visit}"
    assert "Phiên thử / tập huấn: không tính vào số liệu" in browser.get(path).text
    browser.follow(
        browser.post(path, step="1", go="2", name__0="Người Thử Việc", address__0="Thôn Bịa", people_count="1")
    )
    browser.follow(browser.post(path, step="2", go="3", kind="complaint", content="Việc bịa để tập"))
    browser.follow(browser.post(path, step="3", go="register", where="desk"))
    return visit


def test_a_test_visit_is_listed_apart_and_has_no_number(alice: Browser, pages: Pages) -> None:
    visit = trial(alice)
    assert "Người Thử Việc" in alice.get("/training").text
    for page in ("/", "/register", "/cases"):
        assert "Người Thử Việc" not in alice.get(page).text and "Việc bịa để tập" not in alice.get(page).text
    assert "Việc bịa để tập" not in alice.follow(alice.post("/search", q="viec bia de tap")).text
    with pages.hub.database.read() as db:
        assert db.scalars(select(Visit).where(Visit.id == visit)).one().number is None


def test_a_test_sitting_takes_test_visits_only(alice: Browser, pages: Pages) -> None:
    oscar = pages.browser("oscar")
    site, invited = pages.sites["Trung ương"], pages.sites["Lục Ngạn"]
    page = oscar.follow(oscar.post("/training/sittings", site=site, chair_name="Người Chủ Trì Thử", invite=[invited]))
    assert "Người Chủ Trì Thử" in page.text
    sitting = page.text.split("/training/sittings/")[1].split("/")[0]
    assert "Người Chủ Trì Thử" not in oscar.get("/sittings").text + pages.browser().get("/public").text
    real = register(alice)
    assert "Người Chủ Trì Thử" not in alice.get(f"/visits/{real}").text
    assert alice.post(f"/visits/{real}/queue", sitting=sitting).status_code == 404
    test = trial(alice)
    assert "Người Chủ Trì Thử" in alice.get(f"/visits/{test}").text
    assert alice.post(f"/visits/{test}/queue", sitting=sitting).headers["location"] == f"/waiting/{test}"
    closed = oscar.follow(oscar.post(f"/training/sittings/{sitting}/close")).text
    assert f"/training/sittings/{sitting}/close" not in closed


def test_training_is_for_who_works_at_a_point(pages: Pages) -> None:
    assert pages.browser("rita").get("/training").status_code == 403


def held(pages: Pages, visit: str) -> str:
    """A closed session of a visit with frozen minutes."""
    now = pages.hub.now()
    with pages.hub.database.write() as db:
        session = ReceptionSession(visit_id=visit, site_id=pages.sites["Lục Ngạn"], state=SessionState.CLOSED)
        session.created_at = session.closed_at = now
        session.chair = "Người Chủ Trì"
        db.add(session)
        db.flush()
        minutes.freeze(db, SYSTEM, minutes.prefill(db, SYSTEM, now, session_id=session.id).id, now)
        return session.id


def test_unsigned_is_a_state_and_signing_is_noted_with_its_scan(alice: Browser, pages: Pages) -> None:
    visit = register(alice, name="Người Sẽ Ký")
    path = f"/sessions/{held(pages, visit)}/signed"
    page = alice.get(path).text
    assert "Chưa ký" in page and "Người Sẽ Ký" in page and "không phải lỗi" in page
    assert "Chọn tệp cần bổ sung." in alice.post(path).text
    scan = {"file": ("ky.png", io.BytesIO(PNG), "image/png")}
    page = alice.follow(alice.post(path, files=scan, party="citizen", how="fingerprint", title="Trang ký")).text
    assert "Đã điểm chỉ" in page and "Trang ký" in page
    wrong = alice.post(path, files={"file": ("a.png", io.BytesIO(b"no picture"), "image/png")}, title="Giữ tên này")
    assert wrong.status_code == 422 and "Giữ tên này" in wrong.text


def test_who_signed_at_another_point_does_not_exist(alice: Browser, pages: Pages) -> None:
    path = f"/sessions/{held(pages, register(alice))}/signed"
    charlie = pages.browser("charlie")
    assert charlie.get(path).status_code == 404
    assert charlie.post(path, party="citizen", how="paper").status_code == 404
