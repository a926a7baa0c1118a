"""Two apps on one PostgreSQL and one Redis, one relay enrolled with both: either serves any session, one may die."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from media.client import MediaClient
from media.clip import ClipOptions, make_clip
from rooms import sessions
from rooms.manifest import check_events
from rooms.models import ReceptionSession, SessionEvent
from tests.integration.test_hub_postgres import again, opened, seat_of_operator
from tests.support.hub import StartedHub, until
from tests.support.postgres import private_server
from tests.support.redis import free_port, private_redis
from tests.support.whip import WhipClient, until_frames
from web.supervisor import free_udp_port

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(180)]

DEVICE = "d" * 24


@dataclass
class Pair:
    """Two apps, and where their database is."""

    a: StartedHub
    b: StartedHub
    database: str

    def log(self, session: str) -> list[SessionEvent]:
        """The session's log, with a whole chain."""
        with opened(self.database) as database, database.read() as db:
            events = sessions.events_since(db, session, 0)
        check_events(session, [one.line.encode() for one in events])
        return events

    def owner(self, session: str) -> tuple[str, int]:
        """Who owns the session, under which epoch."""
        with opened(self.database) as database, database.read() as db:
            row = db.get_one(ReceptionSession, session)
            return row.owner, row.epoch


@contextlib.contextmanager
def apps(folder: Path, *names: str) -> Iterator[tuple[list[StartedHub], str, str]]:
    """Apps on one database and one Redis; with the database's address, and the token by which relays enrol."""
    token = secrets.token_hex(16)
    with private_server() as postgres, private_redis(free_port()) as redis, contextlib.ExitStack() as stack:
        database = postgres.url(postgres.create())
        environ = {
            "HUB_DATABASE_URL": database, "HUB_REDIS_URL": redis, "HUB_SECRET": secrets.token_hex(16),
            "HUB_PEER_KEY": secrets.token_hex(16), "HUB_RELAY_TOKEN": token, "HUB_RELAYS": "0",
        }  # fmt: skip
        hubs = []
        for name in names:
            port = str(free_port())
            own = environ | {"HUB_PEER_URL": f"http://127.0.0.1:{port}"}
            hub = StartedHub(folder / name, "--http", "--no-worker", "--port", port, environ=own)
            hubs.append(hub.start())
            stack.callback(hub.stop)
        yield hubs, database, token


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with apps(tmp_path, "a", "b") as (hubs, database, token):
        command = [sys.executable, "-m", "media.process", "--folder", str(tmp_path / "relay"), "--enrol", token]
        command += ["--port", str(free_udp_port()), "--address", "127.0.0.1"]
        for hub in hubs:
            command += ["--app", hub.url]
        with (tmp_path / "relay.log").open("ab") as log:
            relay = subprocess.Popen(command, stderr=log, stdout=log)
        try:
            for hub in hubs:
                hub.until_ready()
            yield Pair(hubs[0], hubs[1], database)
        finally:
            relay.terminate()
            relay.wait(20)


@contextlib.asynccontextmanager
async def page(hub: StartedHub, session: str, token: str) -> AsyncIterator[tuple[ClientConnection, dict[str, Any]]]:
    """A page's socket at one of the apps, after its welcome. Raises ConnectionClosed when it is turned away."""
    async with connect(f"ws{hub.url[4:]}/ws/session/{session}", origin=hub.url) as socket:  # type: ignore[arg-type]
        hello = {"type": "hello", "version": 1, "token": token, "device": DEVICE, "last_event": 0}
        await socket.send(json.dumps(hello))
        yield socket, await until_message(socket, "welcome")


async def until_message(socket: ClientConnection, *kinds: str) -> dict[str, Any]:
    """The next message of one of these kinds."""
    async with asyncio.timeout(20):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] in kinds:
                return message


async def ask(socket: ClientConnection, **message: Any) -> dict[str, Any]:
    """A request; its answer."""
    await socket.send(json.dumps({"req": "x", **message}))
    return await until_message(socket, "done", "error")


def at(hub: StartedHub, token: dict[str, Any]) -> dict[str, Any]:
    """The same token, shown to this app."""
    path = token["url"].split("/", 3)[3]
    return token | {"url": f"{hub.url}/{path}"}


async def longest_gap(media: MediaClient, participant: str, seconds: float) -> tuple[float, int]:
    """The longest time without a picture within ``seconds``, and how many there were."""
    key: Any = (participant, "camera")
    first = seen = media.received[key].frames
    began = last = time.monotonic()
    longest = 0.0
    while time.monotonic() - began < seconds:
        await asyncio.sleep(0.02)
        now = time.monotonic()
        if media.received[key].frames > seen:
            seen, last = media.received[key].frames, now
        longest = max(longest, now - last)
    return longest, seen - first


@pytest.mark.long
async def test_a_session_is_served_by_both_apps_and_outlives_its_owner(pair: Pair) -> None:
    a, b = pair.a, pair.b
    await the_door_is_closed_to_others(a)
    session = (await asyncio.to_thread(a.ask, "session", "open", "Phiên", "--record"))["id"]
    owner, epoch = pair.owner(session)
    me, secret = seat_of_operator(pair.database, session)
    sends = await asyncio.to_thread(b.ask, "token", session, "--publish", "Máy")
    publisher = WhipClient(at(b, sends), MediaClient(make_clip(6, "Yên Thế", [], ClipOptions(seconds=4))))
    try:
        await publisher.publish()
        point = sends["participant"]
        sees = await asyncio.to_thread(b.ask, "token", session, "--subscribe", point)
        viewer = WhipClient(at(b, sees), MediaClient(None))
        try:
            await viewer.view(point)
            await until_frames(viewer.media, point, 10, 15)
            assert pair.owner(session) == (owner, epoch), "asked through the other app, carried out by the owner"
            async with page(b, session, secret) as (socket, welcome):
                assert welcome["participant"] == me
                muted = await ask(socket, type="mute", participant=point, source="mic", on=True)
                assert muted["type"] == "done"
                await asyncio.to_thread(until, lambda: recorded(pair, session), 20, "recorded")
                gaps = asyncio.create_task(longest_gap(viewer.media, point, 12))
                await asyncio.to_thread(a.stop, signal.SIGKILL)
                died = time.monotonic()
                with pytest.raises(ConnectionClosed) as closed:
                    await until_message(socket, "never")
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 4013, "come back"
            _, secret = again(pair.database, me, session)
            async with page(b, session, secret) as (socket, welcome):
                took = time.monotonic() - died
                assert took < 8, f"the other app owns the session after {took:.1f} s"
                [there] = [one for one in welcome["session"]["participants"] if one["participant"] == point]
                assert there["muted_by_operator"] == ["mic"] and welcome["session"]["state"] == "running"
                lifted = await ask(socket, type="mute", participant=point, source="mic", on=False)
                assert lifted["type"] == "done"
                gap, frames = await gaps
                assert gap < 1.0 and frames > 60, f"picture uninterrupted: {gap:.2f} s, {frames} frames"
            now_owner, now_epoch = pair.owner(session)
            assert now_owner != owner and now_epoch == epoch + 1
            await asyncio.to_thread(b.ask, "session", "close", session)
        finally:
            await viewer.close()
    finally:
        await publisher.close()
    events = pair.log(session)
    assert [one.number for one in events] == list(range(1, len(events) + 1))
    kinds = [one.kind for one in events]
    assert kinds.count("source.muted") == 1 and kinds.count("source.unmuted") == 1
    assert {one.epoch for one in events} == {epoch, epoch + 1}


async def the_door_is_closed_to_others(hub: StartedHub) -> None:
    """Whoever cannot prove to be an app of this hub finds nothing there."""
    async with httpx.AsyncClient() as http:
        for headers in ({}, {"Authorization": "Diemcau-Peer 1.x.y"}):
            answer = await http.post(f"{hub.url}/peer/call", json={"operation": "command"}, headers=headers)
            assert answer.status_code == 404
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws{hub.url[4:]}/peer/session/{'s' * 24}"):
            pass
    assert refused.value.response.status_code == 403


def recorded(pair: Pair, session: str) -> bool:
    """Whether the first bytes of the camera are known to be on disk: the relay told it to one of the apps."""
    confirmed = [one.body for one in pair.log(session) if one.kind == "record.confirmed"]
    return any(body["source"] == "camera" for body in confirmed)
