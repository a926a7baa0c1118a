"""The make-up of a file: taking out, moving, joining, the second person, rights on it, and who has looked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rooms import people
from rooms.actor import SYSTEM
from rooms.models import ReceptionSession
from rooms.words import Role, SessionState
from tests.support.pages import PASSWORD, Browser, Pages, pages_at, register


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_at(tmp_path_factory.mktemp("hub")) as made:
        now = made.hub.now()
        with made.hub.database.write() as db:
            for login, role in (("dora", Role.COMPETENT), ("ivan", Role.INSPECTOR)):
                user = people.add_user(db, SYSTEM, login, f"Người {login}", now, password=PASSWORD)
                people.add_membership(db, SYSTEM, user.id, made.sites["Tỉnh Bắc Giang"], role, now)
        yield made


@pytest.fixture
def alice(pages: Pages) -> Browser:
    return pages.browser("alice")


def filed(browser: Browser, content: str) -> tuple[str, str, str]:
    """A registered visit, the address of its file, and the file's number."""
    visit = register(browser, content=content)
    path = "/cases/" + browser.get(f"/visits/{visit}").text.split('href="/cases/')[1].split('"')[0]
    return visit, path, browser.get(path).text.split("<title>")[1].split(" ")[0]


def link_of(browser: Browser, path: str) -> str:
    return browser.get(path).text.split(f'action="{path}/links/')[1].split('"')[0]


def lock(pages: Pages, visit: str) -> None:
    """As if a session of the visit had been held and locked."""
    with pages.hub.database.write() as db:
        session = ReceptionSession(visit_id=visit, site_id=pages.sites["Lục Ngạn"], state=SessionState.LOCKED)
        session.created_at = session.closed_at = pages.hub.now()
        session.title = "Lục Ngạn"
        db.add(session)


def test_a_visit_moves_to_another_file_and_both_show_it(alice: Browser) -> None:
    _, path, _ = filed(alice, "Nội dung đi nhầm")
    _, other, number = filed(alice, "Hồ sơ đúng")
    link = link_of(alice, path)
    assert "Ghi lý do." in alice.post(f"{path}/links/{link}", target=number).text
    wrong = alice.post(f"{path}/links/{link}", target="99.XX.0001", link_reason="Nhầm")
    assert "Không thấy hồ sơ có số này" in wrong.text and 'value="Nhầm"' in wrong.text
    page = alice.follow(alice.post(f"{path}/links/{link}", target=number, link_reason="Nối nhầm vụ việc")).text
    assert "Đã chuyển sang hồ sơ này" in page and "Nội dung đi nhầm" in page and "Nối nhầm vụ việc" in page
    assert "Gỡ khỏi hồ sơ" in alice.get(path).text and "Nối nhầm vụ việc" in alice.get(path).text


def test_once_locked_a_second_person_confirms(alice: Browser, pages: Pages) -> None:
    visit, path, _ = filed(alice, "Đã khóa bản ghi")
    lock(pages, visit)
    link = link_of(alice, path)
    asked = alice.follow(alice.post(f"{path}/links/{link}", link_reason="Khác vụ việc")).text
    assert "Đề nghị gỡ khỏi hồ sơ này" in asked and "cần một người khác xác nhận" in asked
    assert f"{path}/links/{link}/confirm" not in asked
    alice.post(f"{path}/links/{link}/confirm")
    assert "Đề nghị gỡ khỏi hồ sơ này" in alice.get(path).text, "nobody confirms alone"
    rita = pages.browser("rita")
    assert f"{path}/links/{link}/confirm" in rita.get(path).text
    page = rita.follow(rita.post(f"{path}/links/{link}/confirm")).text
    assert "Đề nghị gỡ" not in page.split("<aside")[0] and "Người rita xác nhận" in page


def test_a_locked_record_moves_in_one_step_when_a_second_person_agrees(alice: Browser, pages: Pages) -> None:
    visit, path, number = filed(alice, "Bản ghi để nhầm hồ sơ")
    _, other, into = filed(alice, "Hồ sơ đúng của bản ghi")
    lock(pages, visit)
    link = link_of(alice, path)
    asked = alice.follow(alice.post(f"{path}/links/{link}", target=into, link_reason="Để nhầm")).text
    assert "Đã ghi đề nghị" in asked and f"chuyển sang Hồ sơ {into}" in asked and "Rút đề nghị" in asked
    assert f"chuyển từ Hồ sơ {number}" in alice.get(other).text
    rita = pages.browser("rita")
    assert "Ghi lý do." in rita.post(f"{path}/links/{link}/reject").text
    again = rita.follow(rita.post(f"{path}/links/{link}/reject", reject_reason="Vẫn đúng chỗ"))
    assert "mọi thứ như trước" in again.text and "Đề nghị gỡ khỏi" not in again.text
    alice.post(f"{path}/links/{link}", target=into, link_reason="Để nhầm thật")
    rita.post(f"{path}/links/{link}/confirm")
    assert "Bản ghi để nhầm hồ sơ" in alice.get(other).text and "Để nhầm thật" in alice.get(path).text


def test_files_with_a_locked_record_are_joined_by_two(alice: Browser, pages: Pages) -> None:
    visit, path, number = filed(alice, "Ghép có bản ghi khóa")
    _, other, into = filed(alice, "Hồ sơ chính")
    lock(pages, visit)
    asked = alice.follow(alice.post(f"{path}/merge", into=into, merge_reason="Cùng một việc")).text
    assert "Đề nghị ghép hồ sơ" in asked and "Đang theo dõi" in asked
    rita = pages.browser("rita")
    link = rita.get(other).text.split(f'action="{other}/links/')[1].split("/")[0]
    rita.post(f"{other}/links/{link}/confirm")
    assert "Đã ghép vào hồ sơ" in alice.get(path).text and number in alice.get(other).text


def test_files_are_joined_and_taken_apart_with_a_reason(alice: Browser) -> None:
    _, path, number = filed(alice, "Vụ việc thứ nhất")
    _, other, into = filed(alice, "Vụ việc thứ hai")
    assert "Ghi lý do." in alice.post(f"{path}/merge", into=into).text
    page = alice.follow(alice.post(f"{path}/merge", into=into, merge_reason="Cùng một việc")).text
    assert "Vụ việc thứ nhất" in page and "Cùng một việc" in page and number in page
    joined = alice.get(path).text
    assert "Đã ghép vào hồ sơ" in joined and into in joined and "Sửa thông tin" not in joined
    apart = alice.follow(alice.post(f"{path}/unmerge", unmerge_reason="Hai việc khác nhau")).text
    assert "Đang theo dõi" in apart and "Hai việc khác nhau" in apart
    assert "Hai việc khác nhau" in alice.get(other).text


def test_a_file_is_read_from_its_beginning_and_can_be_turned_round(alice: Browser) -> None:
    _, path, _ = filed(alice, "Đọc từ đầu")
    alice.post(f"{path}/petitions", petition_kind="complaint", petition_content="Đơn đến sau")
    first, last = alice.get(path).text, alice.get(path, order="newest").text
    assert first.index("Mở lượt tiếp") < first.index("Đơn đến sau") and "Mới nhất" in first
    assert last.index("Đơn đến sau") < last.index("Mở lượt tiếp")


def test_an_inspector_sees_a_file_by_a_grant_until_it_is_revoked(alice: Browser, pages: Pages) -> None:
    _, path, _ = filed(alice, "Cho thanh tra xem")
    ivan, dora = pages.browser("ivan"), pages.browser("dora")
    grants = path.replace("/cases/", "/grants/case/")
    assert ivan.get(path).status_code == 404 and alice.get(grants).status_code == 403
    user = dora.get(grants).text.split(", ivan<")[0].split('value="')[-1].split('"')[0]
    refused = dora.post(grants, user=user, right="replay", expires="hôm nào", reason="")
    assert "Ngày không hợp lệ" in refused.text and "Ghi lý do cấp quyền." in refused.text
    past = dora.post(grants, user=user, right="replay", expires="01/01/2020", reason="Quyết định 12")
    assert "Ngày hết hạn phải ở phía trước." in past.text
    given = dora.follow(dora.post(grants, user=user, right="replay", expires="01/01/2050", reason="Quyết định 12")).text
    assert "Người ivan" in given and "01/01/2050" in given and "Đang có hiệu lực" in given
    assert ivan.get(path).status_code == 200 and "Cho thanh tra xem" in ivan.get("/cases").text
    assert "Quyết định 12" in ivan.get("/grants").text
    row = given.split('action="/grants/')[1].split("/revoke")[0]
    assert ivan.post(f"/grants/{row}/revoke").status_code == 404
    assert "Đã thu hồi" in dora.follow(dora.post(f"/grants/{row}/revoke")).text
    assert ivan.get(path).status_code == 404


def test_who_has_looked_is_shown_to_who_answers_for_the_file(alice: Browser, pages: Pages) -> None:
    _, path, _ = filed(alice, "Ai đã xem hồ sơ này")
    rita = pages.browser("rita")
    alice.get(path)
    rita.get(path)
    assert alice.get(f"{path}/looks").status_code == 403
    page = rita.get(f"{path}/looks").text
    assert "Người alice" in page and "Xem hồ sơ" in page and "Mở hồ sơ" not in page.split("<tbody>")[1]
    assert "Mở hồ sơ" in rita.get(f"{path}/looks", all=1).text.split("<tbody>")[1]


def test_the_list_of_files_is_filtered(alice: Browser, pages: Pages) -> None:
    filed(alice, "Lọc theo loại")
    assert "Lọc theo loại" in alice.get("/cases", kind="complaint").text
    none = alice.get("/cases", kind="proposal").text
    assert "Lọc theo loại" not in none and "Không có hồ sơ nào như đã lọc" in none
    assert "Lọc theo loại" not in alice.get("/cases", site=pages.sites["Yên Thế"]).text


def test_a_duty_place_is_opened_to_somebody_for_a_time(alice: Browser, pages: Pages) -> None:
    dora, ivan = pages.browser("dora"), pages.browser("ivan")
    _, path, _ = filed(alice, "Trực thay ở Lục Ngạn")
    site = pages.sites["Lục Ngạn"]
    assert f"site:{site}" in dora.get("/grants").text and "site:" not in alice.get("/grants").text
    grants = dora.get("/grants/place", of=f"site:{site}").headers["location"]
    user = dora.get(grants).text.split(", ivan<")[0].split('value="')[-1].split('"')[0]
    page = dora.follow(dora.post(grants, user=user, right="read", expires="01/01/2050", reason="Trực thay")).text
    assert ivan.get(path).status_code == 200
    row = page.split('action="/grants/')[1].split("/revoke")[0]
    dora.post(f"/grants/{row}/revoke")
    assert ivan.get(path).status_code == 404
    assert dora.get("/grants/place", of="user:x").status_code == 404
