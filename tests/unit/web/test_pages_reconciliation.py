"""Đối chiếu hằng đêm: the page, the table for a spreadsheet, the share on board and health page, who may see it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from rooms import sessions
from rooms.actor import SYSTEM
from rooms.models import Job, Reconciliation
from rooms.words import JobState, SessionState
from tests.support.pages import Pages, pages_at
from web import jobs, nightly

NOW = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_at(tmp_path_factory.mktemp("hub")) as made:
        yield made


def test_before_the_first_night_the_page_says_how_reports_come(pages: Pages) -> None:
    page = pages.browser("rita").get("/reconciliation")
    assert page.status_code == 200 and "Chưa đối chiếu lần nào" in page.text and "Đối chiếu ngay" in page.text
    assert "bản ghi đầy đủ" not in pages.browser("oscar").get("/board").text


def test_one_is_asked_for_stopped_and_carried_out(pages: Pages) -> None:
    rita = pages.browser("rita")
    page = rita.follow(rita.post("/reconciliation/run"))
    assert "Đang đối chiếu: 0 %" in page.text and "Dừng đối chiếu" in page.text
    assert "Đối chiếu ngay" not in page.text
    assert "Đang đối chiếu" not in rita.follow(rita.post("/reconciliation/cancel")).text
    with pages.hub.database.write() as db:
        session = sessions.open_plain(db, SYSTEM, "Thử", NOW - timedelta(days=1))
        sessions.set_state(db, session.id, 0, SessionState.CLOSED, NOW - timedelta(days=1))
    rita.post("/reconciliation/run")
    with pages.hub.database.read() as db:
        job = db.scalars(select(Job).where(Job.kind == "reconcile", Job.state == JobState.QUEUED)).one()
    jobs.execute(pages.hub, job.id)
    page = rita.get("/reconciliation").text
    assert "1 sai lệch khác thuộc các phiên bạn không có quyền xem" in page and session.id not in page
    assert "0 %" in pages.browser("adam").get("/admin/health").text
    board = pages.browser("oscar").get("/board").text
    assert "bản ghi đầy đủ" in board and "0,0 %" in board


def test_the_table_names_session_and_file_of_who_may_see_them(pages: Pages) -> None:
    finding = {"code": "hash_changed", "kind": "paper", "session": "", "path": "papers/ab/x"}
    with pages.hub.database.write() as db:
        row = Reconciliation(
            began_at=NOW + timedelta(days=3650), ended_at=NOW, sessions=3, complete=2, files=9, sampled=4
        )
        row.findings = [finding]
        db.add(row)
    rita = pages.browser("rita")
    page = rita.get("/reconciliation").text
    assert "nội dung tệp đã đổi" in page and "papers/ab/x" in page and "66,6 %" in page and "Các lần trước" in page
    table = rita.get(f"/reconciliation/{row.id}.csv")
    assert table.headers["content-type"].startswith("text/csv") and "papers/ab/x" in table.text
    assert rita.get("/reconciliation/nothing.csv").status_code == 404
    assert rita.get("/reconciliation", report="nothing").status_code == 404


@pytest.mark.parametrize("login", ["alice", "nobody"])
def test_others_have_no_such_page(pages: Pages, login: str) -> None:
    browser = pages.browser(login)
    assert browser.get("/reconciliation").status_code == 403
    assert browser.post("/reconciliation/run").status_code == 403
    assert "/reconciliation" not in browser.get("/sittings").text


def test_a_night_is_due_once_and_only_after_the_first_record(pages: Pages) -> None:
    with pages.hub.database.write() as db:
        for job in db.scalars(select(Job)):
            db.delete(job)
        db.flush()
        assert not nightly.due(db, NOW)
        job = Job(kind="reconcile", run_after=NOW, created_at=datetime(2026, 11, 29, 19, 30, tzinfo=UTC))  # 02:30
        db.add(job)
        db.flush()
        assert not nightly.due(db, datetime(2026, 11, 30, 18, 59, tzinfo=UTC))
        assert nightly.due(db, datetime(2026, 11, 30, 19, 1, tzinfo=UTC))  # 02:01 of the next night
