"""A hub on PostgreSQL, and what it does while PostgreSQL is stopped: it says so, and loses nothing."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from media.client import MediaClient
from media.clip import Clip, ClipOptions, make_clip
from rooms import sessions, tickets
from rooms.db import Database, open_database
from rooms.manifest import check_events
from rooms.models import SessionEvent
from rooms.words import ParticipantRole, ParticipantState, TicketKind
from tests.support.hub import StartedHub, clean_environ, csrf, run_cli, started, until
from tests.support.postgres import PostgresServer, private_server
from tests.support.redis import free_port

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with private_server() as server:
        yield server


@pytest.fixture
def hub(postgres: PostgresServer, tmp_path: Path) -> Iterator[StartedHub]:
    environ = {"HUB_DATABASE_URL": postgres.url(postgres.create())}
    with started(tmp_path / "hub", "--http", environ=environ) as running:
        running.until_ready()
        yield running


def test_a_stopped_database_is_told_and_the_hub_comes_back_by_itself(postgres: PostgresServer, hub: StartedHub) -> None:
    hub.ask("sites", "import", "Bắc Giang 2024")
    password = hub.add_user("operator", "operator@top")
    with hub.browser("operator", password) as browser:
        assert browser.get("/").status_code == 200
        postgres.stop()
        try:
            page = browser.get("/")
            assert page.status_code == 503
            assert "Cơ sở dữ liệu tạm thời không phản hồi" in page.text
            assert "Traceback" not in page.text
            told = browser.get(
                "/api/sessions/aaaaaaaaaaaaaaaaaaaaaaaa/recording", headers={"Accept": "application/json"}
            )
            assert told.status_code == 503
            assert told.json()["error"] == "db.away"
            assert told.headers["retry-after"]
            assert httpx.get(f"{hub.url}/healthz").status_code == 200
            ready = httpx.get(f"{hub.url}/readyz")
            assert ready.status_code == 503
            assert ready.json()["checks"]["database"] is False
            assert httpx.get(f"{hub.url}/metrics").status_code == 200
            assert httpx.get(f"{hub.url}/static/css/base.css").status_code == 200
            done = hub.run("session", "list", "--json", check=False)
            assert done.returncode == 1
            assert json.loads(done.stdout)["error"] == "db.away"
        finally:
            postgres.start()
        until(lambda: browser.get("/").status_code == 200, 15, "back")
        until(lambda: httpx.get(f"{hub.url}/readyz").status_code == 200, 15, "ready")
    for line in hub.log.read_text().splitlines():
        json.loads(line)


async def test_media_and_record_go_on_without_the_database(postgres: PostgresServer, hub: StartedHub) -> None:
    clip: Clip = make_clip(6, "Yên Thế", [], ClipOptions(seconds=4))
    session = hub.ask("session", "open", "Phiên", "--record")["id"]
    token = hub.ask("token", session, "--publish", "Máy")
    headers = {"Authorization": f"Bearer {token['token']}", "Content-Type": "application/sdp"}
    client = MediaClient(clip)
    async with httpx.AsyncClient() as http:
        sdp, _ = await client.publish_offer()
        answer = await http.post(token["url"], content=sdp, headers=headers)
        await client.publish_answer(answer.text)
        await asyncio.sleep(2)
        await asyncio.to_thread(postgres.stop)
        try:
            refused = await http.post(token["url"], content=sdp, headers=headers)
            assert (refused.status_code, refused.json()["error"]) == (503, "db.away")
            with pytest.raises(ConnectionClosed) as closed:
                async with connect(f"ws{hub.url[4:]}/ws/session/{session}", origin=hub.url) as socket:  # type: ignore[arg-type]
                    await socket.send(json.dumps({"type": "hello", "version": 1, "token": "x", "device": "d" * 24}))
                    assert json.loads(await socket.recv())["code"] == "db.away"
                    await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4013, "come back"
            await asyncio.sleep(2)
        finally:
            await asyncio.to_thread(postgres.start)
    await asyncio.to_thread(hub.until_ready)
    await asyncio.sleep(1)
    if client.publisher is not None:
        await client.publisher.close()
    await asyncio.to_thread(hub.ask, "session", "close", session, "--lock")
    await asyncio.to_thread(until, lambda: hub.ask("session", "show", session)["locked"], 30, "locked")
    shown = await asyncio.to_thread(hub.ask, "session", "show", session)
    camera = next(track for track in shown["tracks"] if track["source"] == "camera")
    assert camera["last_utc"] - camera["first_utc"] >= 5, "the record has no hole where the database had one"


def test_a_start_without_the_database_is_a_sentence(postgres: PostgresServer, tmp_path: Path) -> None:
    address = postgres.url("nothing").replace(f"port={postgres.port}", "port=1")
    environ = {**clean_environ(), "HUB_DATABASE_URL": address}
    options = ("--data", str(tmp_path / "hub"), "--port", "0", "--http", "--json")
    done = run_cli("serve", *options, check=False, environ=environ)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"] == "db.away"
    assert "HUB_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
    assert "diemcau@" not in done.stderr


@pytest.mark.long
def test_a_form_that_was_filled_in_is_not_lost(postgres: PostgresServer, hub: StartedHub) -> None:
    """The refusal of a log-in while the database is away leaves the person where they can send it again."""
    hub.ask("sites", "import", "Bắc Giang 2024")
    password = hub.add_user("officer", "site_officer@top")
    with hub.browser() as browser:
        form = {"csrftoken": csrf(browser), "login": "officer", "password": password}
        postgres.stop()
        try:
            assert browser.post("/login", data=form).status_code == 503
        finally:
            postgres.start()
        until(lambda: httpx.get(f"{hub.url}/readyz").status_code == 200, 15, "ready")
        assert browser.post("/login", data=form).status_code == 303


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """The hub's database, looked at from outside."""
    database = open_database(url)
    try:
        yield database
    finally:
        database.dispose()


def seat_of_operator(url: str, session: str) -> tuple[str, str]:
    """An operator's seat in a session, and a ticket for its page."""
    now = dt.datetime.now(dt.UTC)
    with opened(url) as database, database.write() as db:
        seat = sessions.add_participant(
            db, session, "Trụ sở", now, role=ParticipantRole.OPERATOR, state=ParticipantState.ADMITTED
        )
        minute = dt.timedelta(minutes=1)
        _, secret = tickets.issue(db, TicketKind.PAGE, now, minute, session_id=session, participant_id=seat.id)
        return seat.id, secret


@pytest.mark.long
async def test_a_mute_holds_and_is_written_later(postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.url(postgres.create())
    with started(tmp_path / "hub", "--http", "--no-worker", environ={"HUB_DATABASE_URL": url}) as hub:
        await asyncio.to_thread(hub.until_ready)
        session = (await asyncio.to_thread(hub.ask, "session", "open", "Phiên"))["id"]
        me, secret = seat_of_operator(url, session)
        async with connect(f"ws{hub.url[4:]}/ws/session/{session}", origin=hub.url) as socket:  # type: ignore[arg-type]

            async def until_message(**wanted: str) -> dict[str, Any]:
                async with asyncio.timeout(20):
                    while True:
                        message: dict[str, Any] = json.loads(await socket.recv())
                        if all(message.get(key) == value for key, value in wanted.items()):
                            return message

            async def until_unsaved(count: int) -> None:
                while (await until_message(type="state"))["session"]["unsaved"] != count:
                    pass

            async def send(**message: Any) -> None:
                await socket.send(json.dumps(message))

            await send(type="hello", version=1, token=secret, device="d" * 24)
            await until_message(type="welcome")
            await asyncio.to_thread(postgres.stop)
            try:
                at = time.time()
                await send(type="mute", req="1", participant=me, source="mic", on=True)
                assert (await until_message(req="1"))["type"] == "done"
                await until_unsaved(1)
                await send(type="read_notice", req="2")
                assert (await until_message(req="2"))["code"] == "db.away"
            finally:
                await asyncio.to_thread(postgres.start)
            await until_unsaved(0)
        with opened(url) as database, database.read() as db:
            [muted] = [event for event in sessions.events_since(db, session, 0) if event.kind == "source.muted"]
            assert abs(muted.utc - at) < 1.0, "the time at which it took effect"


@pytest.mark.long
async def test_a_killed_app_loses_no_event_that_took_effect(postgres: PostgresServer, tmp_path: Path) -> None:
    """Mute and pause while PostgreSQL is stopped, then kill -9: the next start has both from the relay's disk."""
    url = postgres.url(postgres.create())
    options = ("--http", "--keep-relays", "--port", str(free_port()), "--media-port", "0")
    hub = StartedHub(tmp_path / "hub", *options, environ={"HUB_DATABASE_URL": url})
    stopped = False
    try:
        await asyncio.to_thread(hub.start)
        await asyncio.to_thread(hub.until_ready)
        session = (await asyncio.to_thread(hub.ask, "session", "open", "Phiên", "--record"))["id"]
        me, secret = seat_of_operator(url, session)
        async with connect(f"ws{hub.url[4:]}/ws/session/{session}", origin=hub.url) as socket:  # type: ignore[arg-type]

            async def asked(**message: Any) -> dict[str, Any]:
                await socket.send(json.dumps({"req": "x", **message}))
                async with asyncio.timeout(20):
                    while True:
                        answer: dict[str, Any] = json.loads(await socket.recv())
                        if answer["type"] in ("welcome", "done", "error"):
                            return answer

            hello = {"type": "hello", "version": 1, "token": secret, "device": "d" * 24, "last_event": 0}
            await socket.send(json.dumps(hello))
            async with asyncio.timeout(20):
                while json.loads(await socket.recv())["type"] != "welcome":
                    pass
            await asyncio.to_thread(postgres.stop)
            stopped = True
            times = [time.time()]
            assert (await asked(type="mute", participant=me, source="mic", on=True))["type"] == "done"
            times.append(time.time())
            assert (await asked(type="pause", reason="nghỉ giải lao"))["type"] == "done"
            times.append(time.time())
            relay = hub.relay_pid()
            await asyncio.to_thread(hub.stop, signal.SIGKILL)
        spool = (tmp_path / "hub" / "relays" / "0" / "kept.db").read_bytes()
        assert b"source.muted" in spool or (tmp_path / "hub" / "relays" / "0" / "kept.db-wal").stat().st_size
        for file in (tmp_path / "hub" / "relays" / "0").glob("kept.db*"):
            assert "giải lao".encode() not in file.read_bytes(), "what somebody wrote does not reach the relay"
        await asyncio.sleep(1.5)
        await asyncio.to_thread(postgres.start)
        stopped = False
        await asyncio.to_thread(hub.start)
        await asyncio.to_thread(hub.until_ready)
        assert hub.relay_pid() == relay, "media went on meanwhile"

        def log() -> list[SessionEvent]:
            with opened(url) as database, database.read() as db:
                return sessions.events_since(db, session, 0)

        await asyncio.to_thread(until, lambda: any(one.kind == "session.paused" for one in log()), 15, "written")
        events = log()
        check_events(session, [one.line.encode() for one in events])
        kept = [one for one in events if one.kind in ("source.muted", "session.paused")]
        assert [one.kind for one in kept] == ["source.muted", "session.paused"], "both, in order, once"
        assert all(times[n] <= one.utc <= times[n + 1] for n, one in enumerate(kept)), "when they took effect"
        assert (await asyncio.to_thread(hub.ask, "session", "show", session))["state"] == "suspended"
        me_again, secret = again(url, me, session)
        async with connect(f"ws{hub.url[4:]}/ws/session/{session}", origin=hub.url) as socket:  # type: ignore[arg-type]
            await socket.send(json.dumps({**hello, "token": secret}))
            while (welcome := json.loads(await socket.recv()))["type"] != "welcome":
                pass
            assert welcome["session"]["state"] == "suspended" and welcome["session"]["unsaved"] == 0
            [mine] = [one for one in welcome["session"]["participants"] if one["participant"] == me_again]
            assert mine["muted_by_operator"] == ["mic"]
    finally:
        if stopped:
            postgres.start()
        if hub.process is not None:
            hub.stop()
        hub.run("serve", "--stop-relays", check=False)


def again(url: str, participant: str, session: str) -> tuple[str, str]:
    """A further ticket for a seat."""
    now = dt.datetime.now(dt.UTC)
    with opened(url) as database, database.write() as db:
        minute = dt.timedelta(minutes=1)
        _, secret = tickets.issue(
            db, TicketKind.PAGE, now, minute, session_id=session, participant_id=participant, device="d" * 24
        )
        return participant, secret
