"""Custody from the screens to the worker: extracts, copies, hand-over, holds, disposal; real files, real ZIPs."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rooms import certificates, delivery_verifier, manifest, people, recordings, redisposal, verifier
from rooms.actor import SYSTEM
from rooms.errors import StorageFailed
from rooms.models import (
    AuditEntry,
    Delivery,
    Disposal,
    Extract,
    ReceptionSession,
    ReplayFile,
    StoredFile,
    StoreKey,
    Visit,
)
from rooms.stores import Folder
from rooms.words import DeliveryState, ExtractState, Role
from tests.support.custody import ORDER, extract, held, unpacked, wall, work
from tests.support.factories import PNG
from tests.support.pages import PASSWORD, Pages, pages_at, register
from web import deliveries, disposing, extracts


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_at(tmp_path_factory.mktemp("hub")) as made:
        now = made.hub.now()
        with made.hub.database.write() as db:
            for login, role in (("roger", Role.RECORDS), ("dora", Role.COMPETENT)):
                user = people.add_user(db, SYSTEM, login, f"Người {login}", now, password=PASSWORD)
                people.add_membership(db, SYSTEM, user.id, made.sites["Tỉnh Bắc Giang"], role, now)
        yield made


def actions(pages: Pages, object_id: str) -> list[str]:
    with pages.hub.database.read() as db:
        return [one.action for one in db.query(AuditEntry).filter_by(object_id=object_id).order_by(AuditEntry.id)]


def test_an_extract_is_made_under_an_order_signed_and_played(pages: Pages, tmp_path: Path) -> None:
    one, rita = held(pages, tmp_path), pages.browser("rita")
    before = recordings.package_of
    name = extract(pages, rita, one)
    page = rita.get(f"/extracts/{name}").text
    assert "12/QĐ-TCD" in page and "Chủ tịch UBND" in page and "Có trong tệp" in page and "Tài liệu bổ sung 1" in page
    url = re.findall(r'<video[^>]* src="([^"]+)"', page)[0]
    answer = rita.get(url)
    assert answer.status_code == 200 and answer.headers["content-type"] in ("video/webm", "audio/webm")
    with pages.hub.database.read() as db:
        row = db.get_one(Extract, name)
        package = before(db, one.session)
        assert package is not None and row.state is ExtractState.READY
        stated = json.loads((pages.hub.files.path_of(package.path) / "supplements/0001/supplement.json").read_bytes())
        folder = pages.hub.files.path_of(package.path)
    assert stated["facts"]["order"]["sha256"] and "Chủ tịch" not in json.dumps(stated, ensure_ascii=False)
    for file in stated["facts"]["files"]:
        assert file["start_utc_us"] >= stated["facts"]["from_utc_us"] - 20_000
        assert file["end_utc_us"] <= stated["facts"]["to_utc_us"] + 120_000
    checked = verifier.verify(str(folder), [pages.hub.signer.public])
    assert checked["checked"]["supplements"] == 1
    assert not [bad for bad in checked["problems"] if "supplement" in bad["path"]]
    told = actions(pages, one.session)
    assert {"order.recorded", "extract.asked", "extract.made", "extract.viewed"} <= set(told)
    replay = rita.get(f"/replay/{one.session}").text
    assert f'<a href="/extracts/{name}">Đã trích xuất {wall(2)} – {wall(6)}</a>' in replay


def test_refusals_of_the_extract_stand_beside_their_fields(pages: Pages, tmp_path: Path) -> None:
    one, rita = held(pages, tmp_path), pages.browser("rita")
    path = f"/sessions/{one.session}/extract"
    lanes = re.findall(r'name="lanes" value="([^"]+)"', rita.get(path).text)
    good = {"from": wall(2), "to": wall(6), "lanes": lanes, **ORDER}
    for change, sentence in (
        ({"from": "lúc hai giờ"}, "Ghi giờ, phút, giây"),
        ({"to": wall(1)}, "Lúc kết thúc phải sau lúc bắt đầu."),
        ({"lanes": []}, "Chọn ít nhất một điểm cầu."),
        ({"from": wall(900), "to": wall(960)}, "không được ghi vào lúc đó"),
        ({"number": ""}, "Ghi đủ ai ra văn bản"),
        ({"dated": "hôm qua"}, "Ngày không hợp lệ"),
        ({"dated": "01/01/2099"}, "Ngày văn bản còn ở phía trước."),
    ):
        answer = rita.post(path, **{**good, **change})
        assert answer.status_code == 422 and sentence in answer.text, change
        assert "Chủ tịch UBND" in answer.text
    assert pages.browser("alice").get(path).status_code == 403
    assert pages.browser("charlie").get(path).status_code == 404
    with pages.hub.database.read() as db:
        assert db.query(Extract).filter_by(session_id=one.session).count() == 0


def test_a_worker_that_died_after_adding_the_supplement_adds_it_once(
    pages: Pages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, rita = held(pages, tmp_path), pages.browser("rita")
    lanes = re.findall(r'name="lanes" value="([^"]+)"', rita.get(f"/sessions/{one.session}/extract").text)
    form = {"from": wall(2), "to": wall(6), "lanes": lanes, **ORDER}
    name = rita.post(f"/sessions/{one.session}/extract", **form).headers["location"].split("/")[-1]

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr("rooms.extracts._ready", die)
        extracts.make(pages.hub, {"extract": name}, lambda done, note: None)
    extracts.make(pages.hub, {"extract": name}, lambda done, note: None)
    with pages.hub.database.read() as db:
        row = db.get_one(Extract, name)
        package = recordings.package_of(db, one.session)
        assert row.state is ExtractState.READY and row.files and package is not None
        assert len(list((pages.hub.files.path_of(package.path) / "supplements").iterdir())) == 1
        assert not list(pages.hub.files.path_of(package.path).parent.glob(".*extract*"))


def test_an_extract_is_cancelled_while_it_waits(pages: Pages, tmp_path: Path) -> None:
    one, rita = held(pages, tmp_path), pages.browser("rita")
    lanes = re.findall(r'name="lanes" value="([^"]+)"', rita.get(f"/sessions/{one.session}/extract").text)
    form = {"from": wall(2), "to": wall(6), "lanes": lanes, **ORDER}
    name = rita.post(f"/sessions/{one.session}/extract", **form).headers["location"].split("/")[-1]
    assert "Đang chờ đến lượt" in rita.get(f"/extracts/{name}").text
    state = rita.get(f"/custody/jobs/extract/{name}").json()
    assert state == {"over": False, "percent": 0, "word": "Đang chờ đến lượt"}
    assert "Đã dừng." in rita.follow(rita.post(f"/extracts/{name}/cancel")).text
    assert rita.get(f"/custody/jobs/extract/{name}").json()["over"] is True
    with pages.hub.database.read() as db:
        assert db.get_one(Extract, name).state is ExtractState.CANCELLED
    assert rita.post(f"/extracts/{name}/cancel").status_code == 409


def test_a_citizens_copy_has_this_citizens_things_only_and_is_handed_over(pages: Pages, tmp_path: Path) -> None:
    one, alice = held(pages, tmp_path), pages.browser("alice")
    name = extract(pages, pages.browser("rita"), one)
    form = alice.get(f"/sessions/{one.session}/copy").text
    offered = re.findall(r'name="contents" value="([^"]+)"', form)
    assert not [c for c in offered if c.endswith(":document")], "what another point showed"
    assert f"extract/{name}" not in offered, "it shows another point's documents"
    with pages.hub.database.read() as db:
        visit = db.get_one(Visit, one.visit)
        assert visit.persons
    refused = alice.post(f"/sessions/{one.session}/copy", contents=[*offered, f"extract/{name}"], **ORDER)
    assert refused.status_code == 422 and "không thuộc công dân này" in refused.text
    assert "Chọn những gì cần giao." in alice.post(f"/sessions/{one.session}/copy", contents=[], **ORDER).text
    answer = alice.post(f"/sessions/{one.session}/copy", contents=offered, **ORDER)
    delivery = answer.headers["location"].split("/")[-1]
    work(pages, "deliver", delivery)
    folder = unpacked(pages, delivery, tmp_path / "usb")
    index = (folder / "index.html").read_text()
    assert "Bản sao giao cho công dân" in index and "<script" not in index and "http" not in index
    for link in re.findall(r'(?:src|href)="([^"#]+)"', index):
        assert (folder / link).is_file(), link
    assert not (folder / "recordings").exists()
    assert len(list((folder / "media").rglob("*.web*"))) == 2 and list((folder / "papers").iterdir())
    key = tmp_path / "hub.pem"
    key.write_bytes(pages.hub.signer.public_pem())
    run = [sys.executable, "verify/delivery_verifier.py", ".", "--key", str(key)]
    assert subprocess.run(run, cwd=folder, check=False).returncode == 0, "stands alone, beside verifier.py"
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=False).returncode == 0
    with next((folder / "media").rglob("*.webm")).open("r+b") as file:
        file.seek(100)
        file.write(b"\0\0\0")
    bad = delivery_verifier.verify(str(folder), [pages.hub.signer.public])
    assert [one["code"] for one in bad["problems"]] == ["changed_file"]
    assert alice.get(f"/api/deliveries/{delivery}/zip").status_code == 200
    refused = alice.post(f"/deliveries/{delivery}/handed", receiver="", medium="usb", giver="A", place="B")
    assert refused.status_code == 422 and "Ghi đủ người giao" in refused.text
    said = {"receiver": "Nguyễn Thị Mẫu", "giver": "Người alice", "place": "Lục Ngạn", "medium": "usb"}
    page = alice.follow(alice.post(f"/deliveries/{delivery}/handed", medium_label="USB-07", **said)).text
    assert "Đã ghi việc bàn giao." in page and "USB-07" in page
    printed = alice.get(f"/deliveries/{delivery}/minutes").text
    with pages.hub.database.read() as db:
        row = db.get_one(Delivery, delivery)
        assert row.state is DeliveryState.HANDED
        assert row.sha256 in printed and row.sums_sha256 in printed
    assert "BÊN NHẬN" in printed and "Nguyễn Thị Mẫu" in printed and "USB-07" in printed
    assert {"delivery.asked", "delivery.downloaded", "delivery.handed"} <= set(actions(pages, one.session))
    assert pages.browser("charlie").get(f"/deliveries/{delivery}").status_code == 404


def test_a_whole_file_is_handed_over_with_packages_that_verify(pages: Pages, tmp_path: Path) -> None:
    one, rita = held(pages, tmp_path), pages.browser("rita")
    extract(pages, rita, one)
    form = rita.get(f"/cases/{one.case}/handover").text
    assert "Bản ghi đã khóa của phiên: 1" in form and "Lượt tiếp: 1" in form
    assert "Ghi đủ ai ra văn bản" in rita.post(f"/cases/{one.case}/handover", **{**ORDER, "issuer": ""}).text
    answer = rita.post(f"/cases/{one.case}/handover", **ORDER)
    name = answer.headers["location"].split("/")[-1]
    assert "Đang chờ đến lượt" in rita.get(f"/deliveries/{name}").text
    work(pages, "deliver", name)
    folder = unpacked(pages, name, tmp_path / "dvd")
    assert (folder / "recordings" / one.session / "events.jsonl").is_file()
    result = delivery_verifier.verify(str(folder), [pages.hub.signer.public])
    assert set(result["packages"]) == {one.session}
    (folder / "recordings" / one.session / "manifest.json").write_bytes(b"{}")
    assert delivery_verifier.verify(str(folder), [pages.hub.signer.public])["result"] == "changed"
    index = (folder / "index.html").read_text()
    assert "Diễn biến hồ sơ" in index and "Bồi thường đất" in index and "Nhật ký sự kiện" in index
    for link in re.findall(r'(?:src|href)="([^"#]+)"', index):
        assert (folder / link).is_file(), link
    assert pages.browser("alice").get(f"/cases/{one.case}/handover").status_code == 403
    assert "Tải bản sao, gói bàn giao" not in rita.get(f"/cases/{one.case}/looks").text
    rita.get(f"/api/deliveries/{name}/zip")
    looks = rita.get(f"/cases/{one.case}/looks").text
    assert "Tải bản sao, gói bàn giao" in looks and "Người rita" in looks


def test_rights_that_went_stop_a_delivery(pages: Pages, tmp_path: Path) -> None:
    one, alice = held(pages, tmp_path), pages.browser("alice")
    offered = re.findall(r'name="contents" value="([^"]+)"', alice.get(f"/sessions/{one.session}/copy").text)
    answer = alice.post(f"/sessions/{one.session}/copy", contents=offered, **ORDER)
    delivery = answer.headers["location"].split("/")[-1]
    with pages.hub.database.write() as db:
        db.get_one(ReceptionSession, one.session).site_id = pages.sites["Yên Thế"]
        visit = db.get_one(Visit, one.visit)
        visit.site_id = pages.sites["Yên Thế"]
        for point in db.get_one(ReceptionSession, one.session).participants:
            point.site_id = None
    with pytest.raises(Exception, match="not_found|forbidden"):
        deliveries.deliver(pages.hub, {"delivery": delivery}, lambda done, note: None)
    assert not list((pages.hub.config.data / "cache" / "deliveries").glob("*"))


def test_restricted_records_need_a_reason_and_the_right_person(pages: Pages, tmp_path: Path) -> None:
    one = held(pages, tmp_path, kind="denunciation")
    alice, rita = pages.browser("alice"), pages.browser("rita")
    for path in ("extract", "copy"):
        assert rita.get(f"/sessions/{one.session}/{path}").status_code == 404
    assert rita.get(f"/custody/session/{one.session}").status_code == 404
    assert alice.get(f"/replay/{one.session}").headers["location"] == f"/replay/{one.session}/reason"
    with pages.hub.database.read() as db:
        file = db.query(ReplayFile).filter_by(session_id=one.session).first()
        assert file is not None
        url = f"/api/replay/{file.id}"
    assert alice.get(url).status_code == 403
    assert alice.get(f"/api/sessions/{one.session}/package").status_code == 403
    assert "Ghi lý do." in alice.post(f"/replay/{one.session}/reason", reason=" ").text
    alice.follow(alice.post(f"/replay/{one.session}/reason", reason="Đối chiếu biên bản"))
    assert alice.get(f"/replay/{one.session}").status_code == alice.get(url).status_code == 200
    assert "recording.opened" in actions(pages, one.session)
    lanes = re.findall(r'name="lanes" value="([^"]+)"', alice.get(f"/sessions/{one.session}/extract").text)
    form = {"from": wall(2), "to": wall(6), "lanes": lanes, **ORDER}
    assert "Ghi lý do." in alice.post(f"/sessions/{one.session}/extract", **form).text
    assert alice.post(f"/sessions/{one.session}/extract", reason="Cơ quan điều tra", **form).status_code == 303
    offered = re.findall(r'name="contents" value="([^"]+)"', alice.get(f"/sessions/{one.session}/copy").text)
    answer = alice.post(f"/sessions/{one.session}/copy", contents=offered, reason="Người tố cáo yêu cầu", **ORDER)
    delivery = answer.headers["location"].split("/")[-1]
    work(pages, "deliver", delivery)
    assert "Nguyễn Thị Mẫu" not in (unpacked(pages, delivery, tmp_path / "usb") / "index.html").read_text()
    said = {"receiver": "Nguyễn Thị Mẫu", "receiver_paper": "001", "giver": "A", "place": "B", "medium": "usb"}
    page = alice.follow(alice.post(f"/deliveries/{delivery}/handed", **said)).text
    assert "Nguyễn Thị Mẫu" not in page
    assert "Nguyễn Thị Mẫu" not in alice.get(f"/deliveries/{delivery}/minutes").text


def test_held_and_disposed_of_on_the_screens(pages: Pages, tmp_path: Path) -> None:
    """From a file that is open to a certificate: obstacles in words, two people, the worker, the printed minutes."""
    one, rita, roger = held(pages, tmp_path), pages.browser("rita"), pages.browser("roger")
    path = f"/custody/session/{one.session}"
    assert "Thuộc hồ sơ còn đang theo dõi" in rita.get(path).text
    refused = rita.post(f"{path}/disposals", basis="QĐ 1", disposal_reason="Thử")
    assert refused.status_code == 422 and "hồ sơ còn đang theo dõi" in refused.text
    with pages.hub.database.write() as db:
        from datetime import datetime, timezone

        from rooms.models import Case, CaseLink

        case = db.get_one(Case, db.query(CaseLink).filter_by(object_id=one.visit).one().case_id)
        case.state, case.closed_at = "closed", datetime(2001, 5, 5, tzinfo=timezone.utc)  # noqa: UP017
        db.get_one(ReceptionSession, one.session).closed_at = case.closed_at
    assert "Ghi lý do." in rita.post(f"{path}/holds", hold_basis="CV 5", hold_reason="").text
    page = rita.follow(rita.post(f"{path}/holds", hold_basis="CV 5/TA", hold_reason="Tòa yêu cầu")).text
    assert "Đang giữ" in page and "Đang được giữ lại, không tiêu hủy." in page
    hold = page.split(f"{path}/holds/")[1].split("/")[0]
    page = rita.follow(rita.post(f"{path}/holds/{hold}/ask", lift_reason="Đã xử xong")).text
    assert "Cần một người khác xác nhận." in page and f"{hold}/lift" not in page
    assert "Việc giữ lại" in rita.post(f"{path}/holds/{hold}/ask", lift_reason="Lại").text
    assert "Cần một người khác xác nhận." in rita.post(f"{path}/holds/{hold}/lift").text
    assert "Đề nghị bỏ giữ" in roger.get("/custody").text
    assert "Đã bỏ giữ" in roger.follow(roger.post(f"{path}/holds/{hold}/lift")).text
    page = rita.follow(rita.post(f"{path}/disposals", basis="QĐ 9/QĐ", disposal_reason="Hết thời hạn")).text
    assert "Chờ người thứ hai duyệt" in page and "/approve" not in page
    with pages.hub.database.read() as db:
        name = db.query(Disposal).filter_by(object_id=one.session).one().id
    assert "Cần một người khác xác nhận." in rita.post(f"{path}/disposals/{name}/approve").text
    assert "Ghi lý do." in roger.post(f"{path}/disposals/{name}/refuse", decision="").text
    assert "QĐ 9/QĐ" in roger.get("/custody").text
    assert "Đã duyệt" in roger.follow(roger.post(f"{path}/disposals/{name}/approve", decision="Đồng ý")).text
    work(pages, "dispose", name)
    page = rita.get(path).text
    assert "Bản ghi đã được tiêu hủy lúc" in page and "Đề nghị tiêu hủy</button>" not in page
    printed = rita.get(f"/disposals/{name}/certificate").text
    assert "manifest.json" in printed and "Người rita" in printed and "Người roger" in printed
    raw = rita.get(f"/api/disposals/{name}/certificate.json").content
    signature = rita.get(f"/api/disposals/{name}/certificate.sig").content
    assert verifier.is_signed(pages.hub.signer.public, signature, raw)
    assert "Đã tiêu hủy" in rita.get(f"/replay/{one.session}").text
    assert rita.get(f"/api/sessions/{one.session}/package").status_code == 404
    assert not list((pages.hub.files.root / "packages").rglob("*.dcj")) or one.session not in str(
        list((pages.hub.files.root / "packages").rglob("*"))
    )
    assert pages.browser("alice").get(f"/disposals/{name}/certificate").status_code == 403
    assert disposing.elsewhere is not None


def certificate_of(session: str, lines: list[dict[str, str]]) -> certificates.Certificate:
    at = "2026-01-31T08:00:00.000000Z"
    said = {
        "format": "diemcau-disposal", "version": 1, "disposal": "d" * 24, "key": {"id": "k", "public": "00"},
        "object": {"kind": "session", "id": session}, "basis": "", "reason": "", "proposed": {"by": "", "utc": at},
        "approved": {"by": "", "utc": at}, "destroyed_utc": at, "manifests": {session: "0" * 64},
        "files": [{**line, "length": 3, "sha256": ""} for line in lines], "total": {"files": 2, "bytes": 6},
    }  # fmt: skip
    return certificates.parse(manifest.canonical(said))


def test_the_store_and_its_keys_are_emptied_too(pages: Pages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was put into the store for good goes with the key it was sealed with; a store that is away stops it."""
    folder, now = Folder(tmp_path / "store"), pages.hub.now()
    session = "s" * 24
    keys = [f"packages/ss/{session}/manifest.json", "replay/ab/x.webm", "replay/ab/other.webm"]
    with pages.hub.database.write() as db:
        for key in keys:
            folder.put(key, io.BytesIO(b"abc"), 3)
            db.add(StoredFile(path=key, length=3, sha256="0" * 64, stored_at=now, checked_at=now, drop_asked=False))
        for group in (f"packages/ss/{session}", "replay/ab/x.webm", "replay/ab/other.webm"):
            db.add(StoreKey(group=group, wrapped_by="k", nonce=b"n", wrapped=b"w", made_at=now))
    lines = [
        {"what": "package", "session": session, "path": keys[0]},
        {"what": "replay", "session": session, "path": keys[1]},
    ]
    monkeypatch.setattr(pages.hub, "store", folder)

    def away(key: str) -> None:
        raise StorageFailed("store.unavailable")

    with monkeypatch.context() as broken, pytest.raises(StorageFailed):
        broken.setattr(folder, "remove", away)
        disposing.remove_outside(pages.hub, lines)
    disposing.remove_outside(pages.hub, lines)
    assert [held.key for held in folder.list("")] == ["replay/ab/other.webm"]
    for key in keys[:2]:  # a restored store: objects that no row knows
        folder.put(key, io.BytesIO(b"abc"), 3)
    one = certificate_of(session, lines)
    assert [there.path for there in redisposal.there_again(pages.hub.files, folder, one)] == [
        f"packages/ss/{session}", keys[1]
    ]  # fmt: skip
    disposing.remove_outside(pages.hub, lines)
    assert redisposal.there_again(pages.hub.files, folder, one) == []
    with pages.hub.database.read() as db:
        assert [one.group for one in db.query(StoreKey)] == ["replay/ab/other.webm"]
        assert [one.path for one in db.query(StoredFile)] == ["replay/ab/other.webm"]


def test_what_a_browser_prints_is_shown_in_the_file(pages: Pages, tmp_path: Path) -> None:
    one, alice, rita = held(pages, tmp_path), pages.browser("alice"), pages.browser("rita")
    alice.get(f"/cases/{one.case}")
    answer = alice.client.post(
        "/api/printed", json={"path": f"/cases/{one.case}"}, headers={"x-csrftoken": alice.token, "accept": "*/*"}
    )
    assert answer.status_code == 204
    alice.get(f"/sessions/{one.session}/minutes")
    page = rita.get(f"/cases/{one.case}/looks").text
    assert "<td>In</td>" in page and "Xem biên bản" in page
    stranger = pages.browser("charlie")
    stranger.get("/")
    refused = stranger.client.post(
        "/api/printed", json={"path": f"/cases/{one.case}"}, headers={"x-csrftoken": stranger.token}
    )
    assert refused.status_code == 404


def test_who_looked_while_it_stood_in_the_wrong_file_is_listed(pages: Pages) -> None:
    alice, rita = pages.browser("alice"), pages.browser("rita")
    visit = register(alice, content="Nối nhầm rồi gỡ")
    alice.post(f"/visits/{visit}/papers", files={"file": ("a.png", io.BytesIO(PNG), "image/png")})
    case = alice.get(f"/visits/{visit}").text.split('href="/cases/')[1].split('"')[0]
    paper = rita.get(f"/cases/{case}").text.split("/api/papers/")[1].split('"')[0]
    rita.get(f"/api/papers/{paper}")
    link = alice.get(f"/cases/{case}").text.split(f'action="/cases/{case}/links/')[1].split('"')[0]
    alice.post(f"/cases/{case}/links/{link}", link_reason="Nhầm")
    page = alice.get(f"/cases/{case}").text
    assert "Ai đã xem khi còn trong hồ sơ này" in page and "Người rita" in page
