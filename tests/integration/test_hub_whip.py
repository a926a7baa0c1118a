"""WHIP and WHEP against a started hub with real WebRTC clients, up to the locked package and its replay."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from media.client import MediaClient
from media.clip import Clip, ClipOptions, make_clip
from tests.support.hub import StartedHub, started, until

SDP = "application/sdp"


@dataclass
class Recorded:
    """A session that was held, closed and locked; what was asked of the hub on the way."""

    session: str
    participant: str
    shown: dict[str, Any]
    sent: int
    received: int
    ended: int
    used_again: int


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedHub]:
    with started(tmp_path_factory.mktemp("whip") / "hub") as running:
        running.ask("sites", "import", "Bắc Giang 2024")
        running.until_ready()
        yield running


@pytest.fixture(scope="module")
def clip() -> Clip:
    return make_clip(3, "Lục Ngạn", [], ClipOptions(seconds=4))


def auth(token: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": SDP, **more}


@pytest.fixture(scope="module")
def recorded(hub: StartedHub, clip: Clip) -> Recorded:
    return asyncio.run(hold(hub, clip))


async def hold(hub: StartedHub, clip: Clip) -> Recorded:
    """Publish for five seconds to one viewer while everything is recorded, then close and lock."""
    session = hub.ask("session", "open", "Phiên thử máy", "--record")["id"]
    token = hub.ask("token", session, "--publish", "Điểm cầu thử")
    async with httpx.AsyncClient() as http, publishing(http, clip, token) as (client, location):
        viewing = hub.ask("token", session, "--subscribe", token["participant"])
        viewer = MediaClient(None)
        answer = await http.post(viewing["url"], content=await viewer.view_offer(), headers=auth(viewing["token"]))
        assert answer.status_code == 201, answer.text
        await viewer.view_answer(answer.text, token["participant"])
        await asyncio.sleep(5)
        sent = client.sent["camera"].frames
        received = viewer.received[token["participant"], "camera"].frames
        await http.delete(answer.headers["Location"], headers=auth(viewing["token"]))
        if viewer.subscriber is not None:
            await viewer.subscriber.close()
        ended = (await http.delete(location, headers=auth(token["token"]))).status_code
    await asyncio.to_thread(hub.ask, "session", "close", session, "--lock")
    until(lambda: hub.ask("session", "show", session)["locked"], 20, "locked")
    async with httpx.AsyncClient() as http:
        late = await http.post(token["url"], content="v=0\r\n", headers=auth(token["token"]))
    shown = hub.ask("session", "show", session)
    return Recorded(session, token["participant"], shown, sent, received, ended, late.status_code)


@asynccontextmanager
async def publishing(
    http: httpx.AsyncClient, clip: Clip, token: dict[str, Any]
) -> AsyncIterator[tuple[MediaClient, str]]:
    """A WHIP client that sends a clip; the address of its resource."""
    client = MediaClient(clip)
    sdp, _ = await client.publish_offer()
    answer = await http.post(token["url"], content=sdp, headers=auth(token["token"]))
    assert answer.status_code == 201, answer.text
    assert answer.headers["content-type"].startswith(SDP)
    await client.publish_answer(answer.text)
    try:
        yield client, answer.headers["Location"]
    finally:
        if client.publisher is not None:
            await client.publisher.close()


def test_it_works(recorded: Recorded) -> None:
    assert recorded.sent >= 50
    assert recorded.received >= 0.7 * recorded.sent
    assert recorded.ended == 200
    assert recorded.shown["state"] == "locked"
    assert recorded.shown["complete"] is True
    assert {track["source"] for track in recorded.shown["tracks"]} == {"mic", "camera"}
    assert {track["state"] for track in recorded.shown["tracks"]} == {"closed"}


def test_a_token_of_a_locked_session_opens_nothing(recorded: Recorded) -> None:
    assert recorded.used_again in (401, 409)


def test_the_export_verifies_and_one_changed_byte_shows(hub: StartedHub, recorded: Recorded, tmp_path: Path) -> None:
    target = tmp_path / "package.zip"
    answer = hub.ask("export", recorded.session, "-o", str(target))
    assert answer["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert hub.run("verify", str(target)).returncode == 0
    pem = tmp_path / "key.pem"
    pem.write_text(hub.ask("keys", "show")["keys"][0]["pem"])
    assert hub.run("verify", str(target), "--key", str(pem)).returncode == 0
    changed = bytearray(target.read_bytes())
    changed[len(changed) // 2] ^= 1
    target.write_bytes(changed)
    done = hub.run("verify", str(target), "--json", check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_the_package_holds_no_name(hub: StartedHub, recorded: Recorded, tmp_path: Path) -> None:
    target = tmp_path / "package.zip"
    hub.ask("export", recorded.session, "-o", str(target))
    with zipfile.ZipFile(target) as package:
        texts = [package.read(name) for name in package.namelist() if name.endswith((".json", ".jsonl"))]
    assert not any("Điểm cầu".encode() in text or "Phiên thử".encode() in text for text in texts)


def test_who_may_replay_gets_pieces_and_leaves_a_trace(hub: StartedHub, recorded: Recorded) -> None:
    password = hub.add_user("records", "records@top", "operator@top")
    until(lambda: replays(hub, recorded.session), 20, "replayable")
    with hub.browser("records", password) as browser:
        told = browser.get(f"/api/sessions/{recorded.session}/recording", headers={"Accept": "application/json"})
        (point,) = told.json()["points"]
        file = point["files"][0]
        whole = browser.get(file["url"])
        assert whole.status_code == 200
        assert len(whole.content) == file["length"]
        assert whole.headers["accept-ranges"] == "bytes"
        piece = browser.get(file["url"], headers={"Range": "bytes=100-199"})
        assert piece.status_code == 206
        assert piece.content == whole.content[100:200]
        assert piece.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
        for hostile in ("bytes=99999999999-", "bytes=0-0,1-1,2-2", "bytes=-0", "bytes=" + "0-," * 1300):
            answer = browser.get(file["url"], headers={"Range": hostile, "Accept": "application/json"})
            assert answer.status_code == 416
            assert answer.json()["error"] == "request.range"
            assert answer.headers["content-range"] == f"bytes */{len(whole.content)}"
        for ignored in ("bytes=a-b", "lines=1-2", "bytes=9-1"):
            assert browser.get(file["url"], headers={"Range": ignored}).status_code == 200
        package = browser.get(f"/api/sessions/{recorded.session}/package")
        assert package.status_code == 200
        assert package.headers["content-disposition"] == f'attachment; filename="{recorded.session}.zip"'
    actions = audit(hub, recorded.session)
    assert actions.count("recording.viewed") == 2, "one look at the time line, one at the file"
    assert any("download" in action or "package" in action for action in actions), actions


def test_who_may_not_see_it_gets_the_same_answer_as_for_nothing(hub: StartedHub, recorded: Recorded) -> None:
    password = hub.add_user("stranger")
    with hub.browser("stranger", password) as browser:
        for path in ("/api/sessions/{}/recording", "/api/sessions/{}/package"):
            real = browser.get(path.format(recorded.session))
            none = browser.get(path.format("a" * 24))
            assert real.status_code == none.status_code == 404
            assert real.headers["content-type"] == none.headers["content-type"]


def rows(hub: StartedHub, query: str, *values: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{hub.folder / 'hub.db'}?mode=ro", uri=True)) as db:
        return db.execute(query, values).fetchall()


def replays(hub: StartedHub, session: str) -> list[tuple[Any, ...]]:
    return rows(hub, "select id from replay_file where session_id = ?", session)


def audit(hub: StartedHub, session: str) -> list[str]:
    return [row[0] for row in rows(hub, "select action from audit_entry where object_id = ?", session)]


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def open_token(hub: StartedHub) -> dict[str, Any]:
    session = hub.ask("session", "open", "Phiên để từ chối")["id"]
    return {**hub.ask("token", session, "--publish", "Máy một"), "session": session}


def told(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    body = answer.json()
    assert set(body) == {"error", "message"}
    return str(body["error"])


def test_no_token_a_wrong_token_and_an_expired_one(hub: StartedHub, open_token: dict[str, Any]) -> None:
    for headers in ({"Content-Type": SDP}, auth("x" * 43), {"Authorization": "Basic abc", "Content-Type": SDP}):
        answer = httpx.post(open_token["url"], content="v=0\r\n", headers=headers)
        assert told(answer, 401) == "ticket.unknown"
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_for_another_participant_or_another_way(hub: StartedHub, open_token: dict[str, Any]) -> None:
    other = hub.ask("token", open_token["session"], "--publish", "Máy hai")
    assert told(httpx.post(open_token["url"], content="v=0", headers=auth(other["token"])), 403) == "forbidden"
    viewing = hub.ask("token", open_token["session"], "--subscribe", other["participant"])
    answer = httpx.post(other["url"], content="v=0", headers=auth(viewing["token"]))
    assert told(answer, 401) == "ticket.unknown"


def test_an_address_that_is_none(hub: StartedHub, open_token: dict[str, Any]) -> None:
    assert told(httpx.post(f"{hub.url}/whip/nothing", content="v=0", headers=auth(open_token["token"])), 404)
    gone = httpx.delete(f"{open_token['url']}/{'a' * 24}", headers=auth(open_token["token"]))
    assert told(gone, 404) == "not_found"
    assert httpx.post(f"{hub.url}/whop/{'a' * 24}", content="v=0").status_code in (400, 404)


def test_a_body_that_is_no_offer(open_token: dict[str, Any]) -> None:
    url, token = open_token["url"], open_token["token"]
    answer = httpx.post(url, content="{}", headers={**auth(token), "Content-Type": "application/json"})
    assert told(answer, 415) == "request.type"
    assert answer.headers["accept-post"] == SDP
    assert told(httpx.post(url, content=b"\xff\xfe", headers=auth(token)), 400) == "sdp.malformed"
    assert told(httpx.post(url, content=b"hello", headers=auth(token)), 400) == "sdp.malformed"
    assert httpx.post(url, content=b"v=0" + b"x" * 70_000, headers=auth(token)).status_code == 413


async def test_an_offer_that_is_broken_or_has_nothing_in_common(clip: Clip, open_token: dict[str, Any]) -> None:
    url, token = open_token["url"], open_token["token"]
    client = MediaClient(clip)
    sdp, _ = await client.publish_offer()
    assert client.publisher is not None
    await client.publisher.close()
    broken = ["v=0\r\n", sdp[: len(sdp) // 2], sdp.replace("a=fingerprint", "a=nothing"), sdp.replace("m=", "z=")]
    async with httpx.AsyncClient() as http:
        for text in broken:
            assert told(await http.post(url, content=text, headers=auth(token)), 400).startswith("sdp.")
        foreign = sdp.replace("opus/48000/2", "speex/8000").replace("VP8/90000", "theora/90000")
        assert told(await http.post(url, content=foreign, headers=auth(token)), 406) == "sdp.no_common_codec"


def test_methods_that_are_not_for_here(open_token: dict[str, Any]) -> None:
    url, headers = open_token["url"], auth(open_token["token"])
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = httpx.request(method, url, headers=headers)
        assert told(answer, 405) == "request.method"
        assert answer.headers["allow"] == "POST, OPTIONS"
    put = httpx.put(f"{url}/{'a' * 24}", content="x", headers=headers)
    assert told(put, 405) == "request.method"
    assert put.headers["allow"] == "PATCH, DELETE, OPTIONS"


async def test_candidates_are_taken_and_a_restart_is_sent_to_a_new_offer(
    hub: StartedHub, clip: Clip, open_token: dict[str, Any]
) -> None:
    client = MediaClient(clip)
    sdp, _ = await client.publish_offer()
    assert client.publisher is not None
    await client.publisher.close()
    session = hub.ask("session", "open", "Phiên có ứng viên")["id"]
    token = hub.ask("token", session, "--publish", "Máy ba")
    fragment = "\r\n".join(line for line in sdp.splitlines() if line.startswith(("a=ice-", "a=candidate"))) + "\r\n"
    headers = {**auth(token["token"]), "Content-Type": "application/trickle-ice-sdpfrag"}
    async with httpx.AsyncClient() as http:
        answer = await http.post(token["url"], content=sdp, headers=auth(token["token"]))
        resource, tag = answer.headers["location"], answer.headers["etag"]
        assert tag.startswith('"') and "ETag" in answer.headers["access-control-expose-headers"]

        async def sent(text: str, match: str = "", **more: str) -> httpx.Response:
            condition = {"If-Match": match} if match else {}
            return await http.patch(resource, content=text, headers={**headers, **condition, **more})

        taken = await sent(fragment, tag)
        assert (taken.status_code, taken.content) == (204, b"")
        assert told(await sent(fragment), 428) == "request.no_condition"
        assert told(await sent(fragment.replace("a=ice-ufrag:", "a=ice-ufrag:x"), tag), 412)
        assert told(await sent(fragment, "*"), 422) == "request.restart"
        assert told(await sent("a=mid:0", tag), 400) == "sdp.malformed"
        assert told(await sent(fragment + "a" * 20_000, tag), 413) == "sdp.too_long"
        wrong = await sent(fragment, tag, **{"Content-Type": "text/plain"})
        assert told(wrong, 415) == "request.type"
        assert wrong.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
        assert told(await sent(fragment, tag, Authorization=f"Bearer {open_token['token']}"), 403) == "forbidden"
        assert (await http.delete(resource, headers=headers)).status_code == 200


def test_a_page_elsewhere_may_ask_first(open_token: dict[str, Any]) -> None:
    asked = {"Origin": "https://encoder.example", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(open_token["url"], headers=asked)
    assert answer.status_code == 200
    assert answer.headers["accept-post"] == SDP
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert {"POST", "PATCH", "DELETE"} <= set(answer.headers["access-control-allow-methods"].split(", "))
    assert "link" not in answer.headers, "TURN servers are for holders of a token"


def test_the_token_is_in_no_log(hub: StartedHub, open_token: dict[str, Any]) -> None:
    for path in (hub.log, hub.folder / "relays" / "0" / "relay.log", hub.folder / "worker" / "worker.log"):
        text = path.read_text()
        assert open_token["token"] not in text
        assert "Máy một" not in text
        assert "a=fingerprint" not in text
    for line in hub.log.read_text().splitlines():
        json.loads(line)
