"""What a point recorded by itself leaves the hub like the recording: cut in extracts, in copies and hand-overs, named
as from the point, and left out where the recording would be. Real files, real packages, the stand-alone verifiers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from rooms import delivery_verifier, manifest, recordings, sessions, takes, verifier
from rooms.actor import SYSTEM
from rooms.models import Extract, Participant, ReceptionSession, Take
from rooms.sessions import NewEvent
from rooms.words import SessionState
from signaling.takes import against
from tests.support.custody import ORDER, START, Held, extract, held, unpacked, wall, work
from tests.support.pages import Browser, Pages, pages_at
from tests.support.replayable import Point, Story, stage
from tests.support.takes import PIECE_S, Sealer, real_piece
from web import i18n

SAID = "Do điểm cầu tự ghi trong lúc mất kết nối với hệ thống"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_at(tmp_path_factory.mktemp("hub")) as made:
        yield made


def points(pages: Pages, one: Held) -> tuple[str, str]:
    """The citizen's own point, and the centre."""
    with pages.hub.database.read() as db:
        rows = db.query(Participant).filter_by(session_id=one.session)
        found = {row.receives_visit: row.id for row in rows}
    return found[True], found[False]


def with_takes(pages: Pages, folder: Path, kind: str = "complaint") -> tuple[Held, str, str]:
    """The record of seconds 0 to 10; its own point recorded 4 to 16 by itself, the centre 6 to 10. They came after the
    lock."""
    one = held(pages, folder, kind=kind)
    own, other = points(pages, one)
    log: list[tuple[str, float, dict[str, Any]]] = [("session.opened", -9, {"chat": False})]
    for who, role in ((own, "point"), (other, "operator")):
        log.append(("participant.added", -8, {"participant": who, "role": role, "admitted": True}))
        log.append(("participant.joined", -7, {"participant": who, "peer": f"peer-{role}"}))
    log += [("session.started", -5, {"by": "hub", "record": "full"})]
    log += [("record.started", -5, {"mode": "full", "part": 1})]
    note(pages, one, log)
    hand_in(pages, one, own, 4, 3)
    hand_in(pages, one, other, 6, 1)
    return one, own, other


def note(pages: Pages, one: Held, log: list[tuple[str, float, dict[str, Any]]]) -> None:
    """Into the session's log, as if before its lock."""
    with pages.hub.database.write() as db:
        session = db.get_one(ReceptionSession, one.session)
        session.state = SessionState.CLOSED
        events = [NewEvent(kind=kind, utc=START + at, body=body) for kind, at, body in log]
        sessions.append_events(db, one.session, session.epoch, events)
        session.state = SessionState.LOCKED


def hand_in(pages: Pages, one: Held, participant: str, since: int, count: int) -> str:
    """A take of ``count`` pieces from ``since`` on, filed."""
    hub, now = pages.hub, pages.hub.now()
    sealer = Sealer(hub.take_keys.grant(one.session, participant, START), one.session, participant)
    with hub.database.write() as db:
        takes.begin(db, SYSTEM, hub.take_keys, sealer.raw, now)
    at = START + since
    pieces = [sealer.media(at + n * PIECE_S, at + (n + 1) * PIECE_S, media=real_piece()) for n in range(count)]
    for number, sealed in enumerate([*pieces, sealer.end(at + count * PIECE_S)]):
        got = takes.put(hub.database, SYSTEM, hub.files, hub.take_keys, sealer.take, number, sealed, against, now)
        assert got.cut == ""
    with hub.database.write() as db:
        takes.file(db, sealer.take, hub.files, against(db, db.get_one(Take, sealer.take)), now)
    return sealer.take


def package(pages: Pages, one: Held) -> Path:
    with pages.hub.database.read() as db:
        row = recordings.package_of(db, one.session)
        assert row is not None
        return pages.hub.files.path_of(row.path)


def stated(pages: Pages, one: Held, name: str) -> dict[str, Any]:
    """What the supplement of an extract says."""
    for path in sorted(package(pages, one).glob("supplements/*/supplement.json")):
        said: dict[str, Any] = json.loads(path.read_bytes())["facts"]
        if said.get("extract") == name:
            return {**said, "folder": path.parent / "files"}
    raise AssertionError(name)


def from_points(said: dict[str, Any]) -> list[dict[str, Any]]:
    return [file for file in said["files"] if file.get("origin") == "point"]


def length(path: Path) -> float:
    with av.open(str(path)) as file:
        return float(file.duration or 0) / av.time_base


def lanes(*names: str) -> list[str]:
    return [f"{name}:point" for name in names]


def change(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(200)
        byte = file.read(1)
        file.seek(200)
        file.write(bytes([byte[0] ^ 1]))


def test_an_extract_holds_the_parts_of_takes_that_lie_in_it(pages: Pages, tmp_path: Path) -> None:
    """Cut at both moments, of the chosen points only, named and hashed; a changed byte is found offline."""
    one, own, other = with_takes(pages, tmp_path)
    rita = pages.browser("rita")
    form = rita.get(f"/sessions/{one.session}/extract").text
    assert f"ghi tại điểm cầu {wall(4)} – {wall(16)}" in form and "là tệp riêng, ghi rõ là từ điểm cầu" in form
    name = extract(pages, rita, one, **{"from": wall(5), "to": wall(9), "lanes": lanes(own)})
    said = stated(pages, one, name)
    (file,) = from_points(said)
    assert (file["kind"], file["participant"], file["origin"]) == ("take", own, "point")
    first, last = round((START + 5) * 1e6), round((START + 9) * 1e6)
    assert first <= file["start_utc_us"] < first + 60_000 and last - 120_000 < file["end_utc_us"] <= last + 20_000
    assert length(said["folder"] / file["name"]) == pytest.approx(4, abs=0.15), "half of one piece, the half of another"
    with pages.hub.database.read() as db:
        take = db.get_one(Take, file["take"])
        assert (file["take_list_sha256"], take.participant_id, bool(take.placed)) == (take.sha256, own, True)
    assert other not in json.dumps(said["files"])
    page = rita.get(f"/extracts/{name}").text
    assert SAID in page and "ghi tại điểm cầu" in page and file["sha256"] in page
    english = pages.browser("rita")
    english.client.cookies.set(i18n.COOKIE, "en")
    page = english.get(f"/extracts/{name}").text
    assert "recorded at the point" in page and "Recorded by the point itself while it had lost the hub" in page
    assert f"recorded at the point {wall(4)} – {wall(16)}" in english.get(f"/sessions/{one.session}/extract").text
    url = f"/api/extracts/{name}/{file['name']}"
    assert rita.get(url).content == (said["folder"] / file["name"]).read_bytes()
    assert pages.browser("charlie").get(url).status_code == 404
    keys = [pages.hub.signer.public]
    before = verifier.verify(str(package(pages, one)), keys)
    assert before["checked"]["takes"] == 2
    assert not [bad for bad in before["problems"] if "supplement" in bad["path"]]
    change(said["folder"] / file["name"])
    after = verifier.verify(str(package(pages, one)), keys)
    assert [bad["code"] for bad in after["problems"] if file["name"] in bad["path"]] == ["wrong_hash"]


def test_a_take_outside_is_not_there_and_one_beyond_the_record_is(pages: Pages, tmp_path: Path) -> None:
    one, own, _ = with_takes(pages, tmp_path)
    rita = pages.browser("rita")
    assert from_points(stated(pages, one, extract(pages, rita, one, **{"from": wall(1), "to": wall(3)}))) == []
    beyond = stated(pages, one, extract(pages, rita, one, **{"from": wall(12), "to": wall(14), "lanes": lanes(own)}))
    assert [(one["kind"], one["reencoded_utc_us"]) for one in beyond["files"]] == [("take", [])], (
        "at a piece's beginning"
    )


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("participant.protected", {}),
        ("restricted.denunciation", {}),
        ("session.paused", {"by": "hub"}),
    ],
)
def test_what_the_log_has_off_the_record_by_now_stays_here(
    pages: Pages, tmp_path: Path, kind: str, body: dict[str, Any]
) -> None:
    """Word of it came after the take was filed: its pieces from 8 s on do not go out, those before do."""
    one, own, _ = with_takes(pages, tmp_path)
    late = {"kind": kind, "body": {**body, "participant": own} if kind != "session.paused" else body}
    note(pages, one, [("event.late", 9, late)])
    said = stated(pages, one, extract(pages, pages.browser("rita"), one, **{"from": wall(4), "to": wall(16)}))
    mine = [file for file in from_points(said) if file["participant"] == own]
    assert [round(file["end_utc_us"] / 1e6 - START) for file in mine] == [8]


def copied(pages: Pages, alice: Browser, one: Held, folder: Path, contents: list[str]) -> Path:
    answer = alice.post(f"/sessions/{one.session}/copy", contents=contents, **ORDER)
    delivery = answer.headers["location"].split("/")[-1]
    work(pages, "deliver", delivery)
    return unpacked(pages, delivery, folder)


def listed(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "delivery.json").read_bytes())
    return found


def test_the_citizens_copy_holds_what_their_own_point_recorded(pages: Pages, tmp_path: Path) -> None:
    """As files of their own, in the index and the signed list; what other points recorded they never heard."""
    one, own, other = with_takes(pages, tmp_path)
    rita, alice = pages.browser("rita"), pages.browser("alice")
    cut = extract(pages, rita, one, **{"from": wall(5), "to": wall(9), "lanes": lanes(own, other)})
    form = alice.get(f"/sessions/{one.session}/copy").text
    assert "kèm bản ghi từ điểm cầu" in form
    assert f"Trung ương, ghi tại điểm cầu {wall(6)} – {wall(10)}" in form and "không vào bản sao" in form
    offered = re.findall(r'name="contents" value="([^"]+)"', form)
    english = pages.browser("alice")
    english.client.cookies.set(i18n.COOKIE, "en")
    assert "for the citizen did not hear it" in english.get(f"/sessions/{one.session}/copy").text
    folder = copied(pages, alice, one, tmp_path / "usb", [*offered, f"extract/{cut}"])
    said = listed(folder)
    mine = [file for file in said["files"] if file.get("origin") == "point"]
    assert said["version"] == 2 and sorted(file["what"] for file in mine) == ["extract", "media"]
    with pages.hub.database.read() as db:
        assert {db.get_one(Take, file["take"]).participant_id for file in mine} == {own}
    index = (folder / "index.html").read_text()
    assert index.count(SAID) == 2 and index.count("Bản ghi từ điểm cầu") == 2 and "<script" not in index
    for file in mine:
        assert file["sha256"] in index and f'src="{file["path"]}"' in index
    keys = [pages.hub.signer.public]
    assert delivery_verifier.verify(str(folder), keys)["problems"] == []
    change(folder / mine[0]["path"])
    bad = delivery_verifier.verify(str(folder), keys)["problems"]
    assert [(one["code"], one["path"]) for one in bad] == [("changed_file", mine[0]["path"])]
    without = copied(pages, alice, one, tmp_path / "other", [f"lane/{other}:point"])
    assert not [file for file in listed(without)["files"] if "origin" in file], "the own point was not chosen"


def test_a_hand_over_holds_all_takes_and_the_records_they_come_from(pages: Pages, tmp_path: Path) -> None:
    one, own, other = with_takes(pages, tmp_path)
    rita = pages.browser("rita")
    extract(pages, rita, one, **{"from": wall(5), "to": wall(9)})
    name = rita.post(f"/cases/{one.case}/handover", **ORDER).headers["location"].split("/")[-1]
    work(pages, "deliver", name)
    folder = unpacked(pages, name, tmp_path / "dvd")
    said = listed(folder)
    mine = [file for file in said["files"] if file.get("origin") == "point" and file["what"] == "media"]
    with pages.hub.database.read() as db:
        assert {db.get_one(Take, file["take"]).participant_id for file in mine} == {own, other}
    assert "Bản ghi từ điểm cầu" in (folder / "index.html").read_text()
    assert [p for p in delivery_verifier.verify(str(folder))["problems"] if p["code"] != "package"] == []
    mine[0]["take_list_sha256"] = "0" * 64
    raw = manifest.canonical(said)
    (folder / "delivery.json").write_bytes(raw)
    (folder / "delivery.sig").write_bytes(pages.hub.signer.sign(raw))
    bad = delivery_verifier.verify(str(folder), [pages.hub.signer.public])["problems"]
    assert ("foreign_part", mine[0]["path"]) in [(one["code"], one["path"]) for one in bad]


def test_a_restricted_record_gives_its_takes_to_whom_it_gives_itself(pages: Pages, tmp_path: Path) -> None:
    one, own, _ = with_takes(pages, tmp_path, kind="denunciation")
    rita, alice = pages.browser("rita"), pages.browser("alice")
    assert rita.get(f"/sessions/{one.session}/extract").status_code == 404
    form = {"from": wall(5), "to": wall(9), "lanes": lanes(own), **ORDER}
    assert "Ghi lý do." in alice.post(f"/sessions/{one.session}/extract", **form).text
    answer = alice.post(f"/sessions/{one.session}/extract", reason="Cơ quan điều tra", **form)
    name = answer.headers["location"].split("/")[-1]
    work(pages, "extract", name)
    (file,) = from_points(stated(pages, one, name))
    assert rita.get(f"/api/extracts/{name}/{file['name']}").status_code == 404
    assert alice.get(f"/api/extracts/{name}/{file['name']}").status_code == 403, "no reason was given for this look"


def test_an_extract_that_names_a_take_of_another_record_is_found(pages: Pages, tmp_path: Path) -> None:
    """The verifier compares what is named with the takes that the package really holds."""
    one, own, _ = with_takes(pages, tmp_path)
    name = extract(pages, pages.browser("rita"), one, **{"from": wall(5), "to": wall(9), "lanes": lanes(own)})
    with pages.hub.database.write() as db:
        row = db.get_one(Extract, name)
        assert row.supplement_id
    place = stated(pages, one, name)["folder"].parent
    said = json.loads((place / "supplement.json").read_bytes())
    from_points(said["facts"])[0]["take"] = "t" * 24
    raw = manifest.canonical(said)
    (place / "supplement.json").write_bytes(raw)
    (place / "supplement.sig").write_bytes(pages.hub.signer.sign(raw))
    found = verifier.verify(str(package(pages, one)), [pages.hub.signer.public])["problems"]
    assert "foreign_part" in [bad["code"] for bad in found if "supplements/" in bad["path"]]


def test_the_replay_page_offers_them_beside_the_one_picture(pages: Pages) -> None:
    story = Story((Point("Lục Ngạn", ((0, 2), (6, 8)), lost=((2, 6),), own=((2, 5),)),), rate=5, clip_s=2)
    session = stage(pages.hub.database, pages.hub.files, story, "Lục Ngạn")
    alice = pages.browser("alice")
    page = alice.get(f"/replay/{session}").text
    part = page.split('data-testid="own-files"')[1].split("</section>")[0]
    assert "Chỗ hình chung có khoảng trống vì điểm cầu mất kết nối" in part and "14:24:26 – 14:24:29" in part
    url = re.findall(r'href="(/api/replay/[^"]+)" download', part)[0]
    answer = alice.get(url)
    assert answer.status_code == 200 and answer.headers["content-disposition"].startswith("attachment")
    without = stage(pages.hub.database, pages.hub.files, Story((Point("Lục Ngạn", ((0, 1),)),), rate=5), "Lục Ngạn")
    assert "own-files" not in alice.get(f"/replay/{without}").text
