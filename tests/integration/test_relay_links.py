"""The relay and its apps: who dials whom, what survives when either side goes away."""

import asyncio
import base64
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from media import journal
from media.client import MediaClient
from media.clip import Clip, ClipOptions, make_clip
from media.enrolment import load_key
from media.messages import (
    Ask,
    Desired,
    Drain,
    PeerUp,
    Recovered,
    Refused,
    RelayState,
    SessionEnded,
    SourceLive,
    SubscribeStart,
    TrackClosed,
    TrackWritten,
)
from media.process import run_relay
from media.settings import Settings
from tests.support.fake_app import AHEAD_S, ROOT, FakeApp, RelayProcessUnderTest, Room, running_relay, until

Started = tuple[FakeApp, RelayProcessUnderTest]


@cache
def clip() -> Clip:
    return make_clip(1, "point", [], ClipOptions(seconds=3))


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Started]:
    async with running_relay(tmp_path) as pair:
        yield pair
    assert "Traceback" not in pair[1].log()


@pytest.fixture
async def call(started: Started) -> AsyncIterator[tuple[Room, MediaClient]]:
    """A session in which ``aaaa`` is seen by ``bbbb``."""
    room, watcher = Room(started[0]), MediaClient(None)
    await room.join("aaaa", MediaClient(clip()))
    await room.join("bbbb", watcher)
    await until(lambda: seen(watcher) > 5)
    yield room, watcher
    await room.close()


def seen(client: MediaClient) -> int:
    received = client.received.get(("aaaa", "camera"))
    return received.frames if received is not None else 0


async def test_media_goes_on_while_the_app_is_away(started: Started, call: tuple[Room, MediaClient]) -> None:
    app, relay = started
    room, watcher = call
    boot = app.hello.boot if app.hello else ""
    await app.stop()
    before = seen(watcher)
    await until(lambda: seen(watcher) > before + 45, 8)
    await app.start()
    hello = await app.connected()
    assert (hello.boot, hello.sessions) == (boot, {room.session: 1})
    assert hello.addresses == (f"127.0.0.1:{relay.port}",)
    newcomer = MediaClient(None)
    await room.join("cccc", newcomer)
    await until(lambda: seen(newcomer) > 5)


async def test_reports_wait_for_the_app_in_order(started: Started, call: tuple[Room, MediaClient]) -> None:
    app, _ = started
    await app.stop()
    app.reports.clear()
    await call[0].clients["peer-aaaa"].close()  # two legs go down while nobody listens
    await asyncio.sleep(0.5)
    await app.start()
    await app.until(lambda: len(app.reports) >= 4)  # two legs, two sources fell silent
    numbers = [report.number for report in app.reports]
    assert numbers == sorted(set(numbers)) and numbers[0] == app.reports[0].number > 1


async def test_unacknowledged_reports_come_again_after_kill_9(tmp_path: Path) -> None:
    async with running_relay(tmp_path) as (app, relay):
        app.acks = False
        room = Room(app)
        await room.join("aaaa", MediaClient(clip()))
        await app.until(lambda: len(app.reports) >= 4)
        first = {report.number: report for report in app.reports}
        assert await relay.end(signal.SIGKILL) == -signal.SIGKILL
        boot = app.hello.boot if app.hello else ""
        await app.until(lambda: app._socket is None)
        app.reports.clear()
        await relay.start()
        hello = await app.connected()
        assert hello.boot != boot and hello.sessions == {}
        await app.until(lambda: len(app.reports) >= len(first))
        assert {report.number: report for report in app.reports[: len(first)]} == first
        app.acks, app.acked = True, max(first)
        await room.close()


async def test_an_older_epoch_is_refused(started: Started) -> None:
    app, _ = started
    for epoch in (5, 4):
        await app.send(Desired(session="s" * 24, epoch=epoch, version=1, state="running"))
    refused = await app.until(lambda: app.refusals)
    assert refused[0].code == "stale_epoch"
    state = await app.ask(Ask(req=""))
    assert isinstance(state, RelayState) and state.sessions == {"s" * 24: 5}


async def test_a_record_is_closed_and_reported_when_its_session_closes(
    started: Started, call: tuple[Room, MediaClient]
) -> None:
    app, relay = started
    room, _ = call
    room.record = "full"
    await room.tell()
    await app.until(lambda: {w.source for w in app.bodies(TrackWritten)} == {"mic", "camera"})
    room.state = "closed"
    await room.tell()
    ended = await app.until(lambda: app.bodies(SessionEnded))
    closed = app.bodies(TrackClosed)
    assert sorted(ended[0].files) == sorted(track.file for track in closed) and len(closed) == 2
    for track in closed:
        path = relay.folder / "spool" / room.session / track.file
        assert path.stat().st_size == track.length and track.packets > 0
        with path.open("rb") as file:
            header = next(item for item in journal.read_records(file) if isinstance(item, journal.Header))
        assert header.clock.offset_us is not None
        assert abs(header.clock.offset_us / 1e6 - AHEAD_S) < 0.1, "asked for, not as late as the handshake told it"


async def test_sigterm_closes_journals_reports_them_and_ends(started: Started, call: tuple[Room, MediaClient]) -> None:
    app, relay = started
    room, _ = call
    room.record = "full"
    await room.tell()
    await app.until(lambda: len(app.bodies(TrackWritten)) == 2)
    assert await relay.end(signal.SIGTERM) == 0
    assert {track.source for track in app.bodies(TrackClosed)} == {"mic", "camera"}
    assert not (relay.folder / "state.json").exists()


async def test_journals_of_a_killed_relay_are_recovered_and_the_session_goes_on(
    started: Started, call: tuple[Room, MediaClient]
) -> None:
    app, relay = started
    room, watcher = call
    room.record = "full"
    await room.tell()
    await app.until(lambda: len(app.bodies(TrackWritten)) == 2)
    await asyncio.sleep(1)
    await relay.end(signal.SIGKILL)
    await app.until(lambda: app._socket is None)
    await relay.start()
    await app.connected()
    recovered = await app.until(lambda: len(app.bodies(Recovered)) == 2 and app.bodies(Recovered))
    assert all(track.packets > 10 for track in recovered)
    before = seen(watcher)
    await room.tell()
    await room.publish("aaaa")
    assert watcher.subscriber is not None
    await watcher.subscriber.close()  # a page is told that the relay has a new boot and starts over
    await app.ask(SubscribeStart(req="", peer="peer-bbbb"))
    await until(lambda: seen(watcher) > before + 10)
    await app.until(lambda: len(app.bodies(TrackWritten)) == 4)


async def test_the_second_app_gets_the_reports_when_the_first_is_gone(tmp_path: Path) -> None:
    relay = RelayProcessUnderTest(tmp_path / "relay", [])
    apps = [FakeApp(relay.public_key), FakeApp(relay.public_key)]
    for app in apps:
        await app.start()
    relay.apps = [app.port for app in apps]
    await relay.start()
    for app in apps:
        await app.connected()
    apps[0].acks = apps[1].acks = False
    room = Room(apps[0])
    await room.join("aaaa", MediaClient(clip()))
    await until(lambda: len(apps[0].reports) + len(apps[1].reports) >= 4)
    reporting, other = (apps[0], apps[1]) if apps[0].reports else (apps[1], apps[0])
    assert not other.reports
    await reporting.stop()
    other.acks = True
    await other.until(lambda: {type(report.body) for report in other.reports} >= {PeerUp, SourceLive})
    await room.close()
    assert await relay.end() == 0
    for app in apps:
        await app.stop()


async def test_a_drained_relay_takes_nobody_and_ends_when_empty(started: Started) -> None:
    app, relay = started
    await app.send(Drain())
    refused = await app.ask(SubscribeStart(req="", peer="peer-new"))
    assert isinstance(refused, Refused) and refused.code == "relay_full"
    assert relay.process is not None
    assert await asyncio.wait_for(relay.process.wait(), 5) == 0


# --- starting -------------------------------------------------------------------------------------------------------


async def exit_code(*arguments: str) -> tuple[int, str]:
    """Run a relay that is expected to end by itself: its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "media.process", *arguments, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), 15)
    assert b"Traceback" not in said
    return int(process.returncode or 0), said.decode()


async def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    relay = RelayProcessUnderTest(tmp_path / "relay", [9])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 0))
        port = str(taken.getsockname()[1])
        code, said = await exit_code("--folder", str(relay.folder), "--app", "http://127.0.0.1:9", "--port", port)
    assert code == 4 and port in said and "in use" in said


async def test_a_second_relay_on_the_folder_is_refused(started: Started) -> None:
    code, said = await exit_code("--folder", str(started[1].folder), "--app", "http://127.0.0.1:9")
    assert code == 4 and "another relay" in said


async def test_without_an_id_and_a_token_it_says_what_to_do(tmp_path: Path) -> None:
    code, said = await exit_code("--folder", str(tmp_path / "r"), "--app", "http://127.0.0.1:9")
    assert code == 2 and "--enrol" in said
    assert (tmp_path / "r" / "key.pem").stat().st_mode & 0o777 == 0o600


async def enrolling(status: str, body: bytes) -> tuple[asyncio.Server, list[dict[str, str]]]:
    """A hub that answers every enrolment in one way, and what it was sent."""
    asked: list[dict[str, str]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            (int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length")), 0
        )
        if head.startswith("POST /relay/enrol"):
            asked.append(json.loads(await reader.readexactly(length)))
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0), asked


async def test_enrolment_by_token(tmp_path: Path) -> None:
    server, asked = await enrolling("200 OK", b'{"relay": "relaybbbbbbbbbbbbbbbbbbb"}')
    folder = tmp_path / "r"
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "media.process", "--folder", str(folder), "--app", base, "--enrol", "once",
        "--name", "relay 1", cwd=ROOT, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await until(lambda: (folder / "state.json").exists())
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    server.close()
    public = load_key(folder).public_key()
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    assert asked == [
        {
            "token": "once",
            "public_key": base64.b64encode(raw).decode(),
            "name": "relay 1",
            "spool": str(folder / "spool"),
        }
    ]
    assert json.loads((folder / "relay.json").read_text())["relay"] == "relaybbbbbbbbbbbbbbbbbbb"


async def test_a_used_token_ends_the_start(tmp_path: Path) -> None:
    server, _ = await enrolling("403 Forbidden", b"{}")
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    code, said = await exit_code("--folder", str(tmp_path / "r"), "--app", base, "--enrol", "used")
    server.close()
    assert code == 3 and "refused" in said and "used" not in said.replace("refused", "")


async def test_an_orphan_ends_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.process.ORPHAN_S", 0.5)
    relay = RelayProcessUnderTest(tmp_path / "relay", [])
    await asyncio.wait_for(run_relay(Settings(relay.folder, (), relay.port, (("127.0.0.1", 0),))), 10)
