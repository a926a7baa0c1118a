"""A visit from the register to its end, at the desk and online; the board that admits it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from httpx import Response

from rooms.models import ReceptionSession
from tests.support.pages import Browser, Pages, pages_at, register


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_at(tmp_path_factory.mktemp("hub")) as made:
        made.browser(live=True)
        yield made


@pytest.fixture
def alice(pages: Pages) -> Browser:
    return pages.browser("alice")


@pytest.fixture
def sitting(pages: Pages) -> str:
    """An open sitting at the central office to which alice's point is invited."""
    oscar = pages.browser("oscar")
    central = pages.sites["Trung ương"]
    page = oscar.follow(
        oscar.post("/sittings", site=central, chair_name="Người Chủ Trì", invite=[pages.sites["Lục Ngạn"]])
    )
    return page.text.split("/sittings/")[1].split("/")[0]


def test_received_concluded_printed_and_closed_without_video(alice: Browser) -> None:
    visit = register(alice)
    path = f"/visits/{visit}"
    concluded = alice.follow(alice.post(f"{path}/conclude", outcome="guide", outcome_text="Đã giải thích"))
    assert "Đã kết luận" in concluded.text and "Đã giải thích" in concluded.text
    assert "GIẤY BIÊN NHẬN" in alice.get(f"{path}/receipt").text
    printed = alice.get(f"{path}/minutes").text
    assert "BIÊN BẢN" in printed and "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in printed and "Nguyễn Thị Mẫu" in printed
    closed = alice.follow(alice.post(f"{path}/close"))
    assert "Đã đóng" in closed.text and "Ghi kết luận" not in closed.text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"outcome": ""}, "Chọn hướng xử lý."),
        ({"outcome": "transfer"}, "Ghi cơ quan nhận đơn."),
        ({"outcome": "guide", "answer_due": "mai"}, "Ngày không hợp lệ"),
    ],
)
def test_a_conclusion_is_refused_beside_its_field(alice: Browser, fields: dict[str, str], sentence: str) -> None:
    answer = alice.post(f"/visits/{register(alice)}/conclude", **{"outcome_text": "giữ lại", **fields})
    assert answer.status_code == 422 and sentence in answer.text and "giữ lại" in answer.text


def test_closing_before_a_conclusion_is_refused(alice: Browser) -> None:
    answer = alice.post(f"/visits/{register(alice)}/close")
    assert answer.status_code == 422 and "Lượt tiếp đang ở bước khác" in answer.text


def test_refusal_needs_a_listed_ground_and_ground_three_its_notice(alice: Browser) -> None:
    path = f"/visits/{register(alice)}"
    assert "Chọn căn cứ từ chối." in alice.post(f"{path}/refuse", ground="9").text
    alice.follow(alice.post(f"{path}/refuse", ground="3"))
    assert "Thông báo từ chối đã ký" in alice.post(f"{path}/close").text


def test_no_citizen_came(alice: Browser) -> None:
    page = alice.follow(alice.post(f"/visits/{register(alice)}/no-show"))
    assert "Công dân không đến" in page.text


def test_switching_to_denunciation_hides_the_person_everywhere(alice: Browser, pages: Pages) -> None:
    visit = register(alice, name="Bí Mật Danh")
    page = alice.follow(alice.post(f"/visits/{visit}/denunciation"))
    assert "Bí Mật Danh" not in page.text
    oscar = pages.browser("oscar")
    assert oscar.get(f"/visits/{visit}").status_code == 404


def test_a_case_is_left_with_a_reason_only(alice: Browser) -> None:
    visit = register(alice)
    link = alice.get(f"/visits/{visit}").text.split('name="link" value="')[1].split('"')[0]
    assert "Ghi lý do." in alice.post(f"/visits/{visit}/unlink", link=link).text
    page = alice.follow(alice.post(f"/visits/{visit}/unlink", link=link, unlink_reason="Gắn nhầm"))
    assert "Chưa gắn hồ sơ." in page.text


def test_a_stranger_does_not_find_the_visit(alice: Browser, pages: Pages) -> None:
    visit = register(alice)
    charlie = pages.browser("charlie")
    for path in ("", "/receipt", "/minutes"):
        assert charlie.get(f"/visits/{visit}{path}").status_code == 404
    assert charlie.post(f"/visits/{visit}/close").status_code == 404


def test_online_from_the_queue_to_the_room(alice: Browser, pages: Pages, sitting: str) -> None:
    visit = register(alice, name="Người Chờ", where=sitting)
    waiting = alice.get(f"/waiting/{visit}")
    assert "Phòng chờ trực tuyến" in waiting.text and "Người Chủ Trì" in waiting.text
    oscar = pages.browser("oscar")
    board = oscar.get("/board").text
    assert "Lục Ngạn" in board and visit in board
    assert "Người Chờ" not in board, "the board hangs on a wall"
    oscar.post("/board/message", visit=visit, text="Xin đợi 5 phút")
    live = alice.get(f"/waiting/{visit}/live")
    assert live.headers["x-message"].encode().decode("unicode_escape") == "Xin đợi 5 phút"
    admitted = oscar.post("/board/admit", visit=visit)
    assert admitted.headers["location"].startswith("/room/")
    assert alice.get(f"/waiting/{visit}/live").headers["x-room"] == admitted.headers["location"]


def test_admitting_twice_leads_to_the_same_room(alice: Browser, pages: Pages, sitting: str) -> None:
    visit = register(alice, where=sitting)
    oscar = pages.browser("oscar")
    first = oscar.post("/board/admit", visit=visit).headers["location"]
    assert oscar.post("/board/admit", visit=visit).headers["location"] == first


def test_priority_from_desk_visit_and_board(pages: Pages, alice: Browser, sitting: str) -> None:
    oscar = pages.browser("oscar")
    early = register(alice, where=sitting)
    late = register(alice, where=sitting, priority="Người khuyết tật")
    board = oscar.get("/board").text
    assert board.index(late) < board.index(early) and "Người khuyết tật" not in board, "the board hangs on a wall"
    assert "Người khuyết tật" in alice.get(f"/visits/{late}").text
    assert "không ai, sắp đến lượt" in alice.get(f"/waiting/{late}").text
    alice.follow(alice.post(f"/visits/{late}/priority", priority=""))
    board = oscar.follow(oscar.post("/board/priority", visit=early, reason="Người cao tuổi")).text
    assert board.index(early) < board.index(late) and "Bỏ ưu tiên" in board
    assert pages.browser("charlie").post(f"/visits/{late}/priority", priority="x").status_code == 404
    assert pages.browser("charlie").post("/board/priority", visit=late, reason="x").status_code == 404


def test_boards_hear_of_every_step_at_once(
    pages: Pages, alice: Browser, sitting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each form that changes queue or board wakes the hub channel; looking at a page does not."""
    heard: list[int] = []
    oscar = pages.browser("oscar")
    assert pages.hub.channel is not None
    monkeypatch.setattr(pages.hub.channel, "dirty", lambda: heard.append(1))

    def told(answer: Response) -> bool:
        assert answer.status_code == 303, answer.text
        said = bool(heard)
        heard.clear()
        return said

    visit = register(alice, where=sitting)
    assert heard
    heard.clear()
    alice.get(f"/visits/{visit}")
    oscar.get("/board")
    assert not heard
    assert told(oscar.post("/board/message", visit=visit, text="Xin đợi"))
    assert told(oscar.post("/board/priority", visit=visit, reason="Người cao tuổi"))
    assert told(oscar.post("/board/send-back", visit=visit))
    assert told(alice.post(f"/visits/{visit}/queue", sitting=sitting))
    assert told(alice.post(f"/visits/{visit}/unqueue"))
    assert told(alice.post(f"/visits/{visit}/conclude", outcome="guide"))
    assert told(alice.post(f"/visits/{visit}/close"))
    other = register(alice, where=sitting)
    heard.clear()
    assert told(oscar.post("/board/admit", visit=other))
    assert told(oscar.post("/sittings", site=pages.sites["Trung ương"], chair_name="X", subject="Để đóng"))


def test_taking_over_from_the_board(alice: Browser, pages: Pages, sitting: str) -> None:
    """otto, another operator of the centre, takes the buttons with one click; a point's officer may not."""
    visit = register(alice, where=sitting)
    oscar, otto = pages.browser("oscar"), pages.browser("otto")
    room = oscar.post("/board/admit", visit=visit).headers["location"]
    session = room.split("/")[-1]
    assert f'name="session" value="{session}"' in otto.get("/board").text
    taken = otto.post("/board/take-over", session=session)
    assert taken.headers["location"] == room
    assert f'name="session" value="{session}"' in oscar.get("/board").text, "oscar may take it back"
    assert f'name="session" value="{session}"' not in otto.get("/board").text
    assert alice.post("/board/take-over", session=session).status_code == 403
    assert pages.browser("charlie").post("/board/take-over", session=session).status_code == 404
    assert otto.post("/board/ring", session=session, site=pages.sites["Yên Thế"]).status_code == 303
    assert alice.post("/board/ring", session=session, site=pages.sites["Yên Thế"]).status_code == 403


def test_a_colleague_looks_on_from_a_seat_of_his_own(alice: Browser, pages: Pages, sitting: str) -> None:
    visit = register(alice, where=sitting)
    room = pages.browser("oscar").post("/board/admit", visit=visit).headers["location"]
    assert '"watches": false' in alice.get(room).text
    assert '"watches": true' in pages.browser("bob").get(room).text
    assert '"watches": false' in alice.get(room).text


def test_not_let_in_yet(alice: Browser, pages: Pages, sitting: str) -> None:
    visit = register(alice, where=sitting)
    oscar = pages.browser("oscar")
    assert visit not in oscar.follow(oscar.post("/board/send-back", visit=visit)).text
    assert "không còn trong danh sách chờ" in alice.get(f"/waiting/{visit}/live").text


def test_the_board_is_for_operators(alice: Browser) -> None:
    assert alice.get("/board").status_code == 403
    assert alice.post("/board/admit", visit=register(alice)).status_code in (403, 404)


def test_a_sitting_needs_a_chair_and_a_time_to_come(pages: Pages) -> None:
    oscar = pages.browser("oscar")
    central = pages.sites["Trung ương"]
    assert "Ghi người chủ trì." in oscar.post("/sittings", site=central).text
    past = oscar.post("/sittings", site=central, chair_name="X", day="01/01/2020", time="08:00")
    assert "Thời điểm này đã qua." in past.text
    half = oscar.post("/sittings", site=central, chair_name="X", day="01/01/2050", time="")
    assert "Ghi cả ngày và giờ" in half.text
    planned = oscar.follow(oscar.post("/sittings", site=central, chair_name="X", day="03/01/2050", time="8h30"))
    assert "Thứ Hai, 03/01/2050" in planned.text and "08:30" in pages.browser().get("/public").text


def test_only_who_presides_ends_a_sitting(alice: Browser, pages: Pages, sitting: str) -> None:
    assert alice.post(f"/sittings/{sitting}/close").status_code == 403


def test_a_point_that_only_sends_its_citizens_finds_nothing_of_another_visit(alice: Browser, pages: Pages) -> None:
    """Two points send citizens to one sitting; the province attends every visit and reads it."""
    oscar, charlie = pages.browser("oscar"), pages.browser("charlie")
    places = pages.sites
    invite = [places["Lục Ngạn"], places["Yên Thế"], f"{places['Hiệp Hòa']} attends"]
    form = oscar.get("/sittings").text
    assert "Chỉ gửi công dân của điểm cầu mình" in form and "Cùng dự mọi lượt" in form
    page = oscar.follow(
        oscar.post("/sittings", site=places["Trung ương"], chair_name="Người Chủ Trì", subject="Riêng", invite=invite)
    )
    assert "Cùng dự mọi lượt: Hiệp Hòa" in page.text and "Gửi công dân: Lục Ngạn, Yên Thế" in page.text
    sitting = next(
        part.split("/")[0] for part in page.text.split("Riêng")[1].split("/sittings/")[1:] if part[24:31] == "/invite"
    )
    visit = register(alice, name="Người Của Lục Ngạn", where=sitting)
    room = oscar.post("/board/admit", visit=visit).headers["location"]
    session = room.split("/")[-1]
    with pages.hub.database.read() as db:
        seats = {one.site_id for one in db.get_one(ReceptionSession, session).participants}
    assert seats == {places["Trung ương"], places["Lục Ngạn"], places["Hiệp Hòa"]}
    for path in (room, f"{room}/context", f"/visits/{visit}", f"/waiting/{visit}", f"/replay/{session}"):
        assert charlie.get(path).status_code == 404, path
    assert "Người Của Lục Ngạn" not in charlie.get("/search?q=lục").text
    assert oscar.follow(oscar.post(f"/sittings/{sitting}/invite", site=places["Yên Thế"], takes_part="attends"))
    later = register(alice, name="Người Sau", where=sitting)
    following = oscar.post("/board/admit", visit=later).headers["location"]
    assert charlie.get(following).status_code == 200
    assert charlie.get(room).status_code == 404, "what was before the change stays closed"
