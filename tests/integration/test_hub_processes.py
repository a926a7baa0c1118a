"""Relays and the worker of a started hub: killed, replaced, adopted; nothing that was promised is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from media.client import MediaClient
from media.clip import Clip, ClipOptions, make_clip
from tests.support.hub import PYTHON, StartedHub, started, until
from web.worker import worker_name


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[StartedHub]:
    with started(tmp_path / "hub") as running:
        running.until_ready()
        yield running


@pytest.fixture(scope="module")
def clip() -> Clip:
    return make_clip(5, "Lục Nam", [], ClipOptions(seconds=4))


def lives(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    return False


def rows(hub: StartedHub, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{hub.folder / 'hub.db'}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


def test_a_killed_relay_is_replaced_within_a_second(hub: StartedHub) -> None:
    before = hub.relay_pid()
    identity = (hub.folder / "relays" / "0" / "relay.json").read_text()
    port = json.loads((hub.folder / "relays" / "0" / "process.json").read_text())["port"]
    killed = time.monotonic()
    os.kill(before, signal.SIGKILL)
    until(lambda: hub.relay_pid() != before and lives(hub.relay_pid()), 2, "a new process")
    assert time.monotonic() - killed < 1.0
    until(lambda: httpx.get(f"{hub.url}/readyz").status_code == 200 and linked(hub) == 1, 5, "linked again")
    assert time.monotonic() - killed < 4.0
    assert (hub.folder / "relays" / "0" / "relay.json").read_text() == identity
    assert json.loads((hub.folder / "relays" / "0" / "process.json").read_text())["port"] == port
    assert rows(hub, "select count(*) from relay") == [(1,)]
    assert "diemcau_relay_restarts_total 1.0" in httpx.get(f"{hub.url}/metrics").text


def linked(hub: StartedHub) -> float:
    text = httpx.get(f"{hub.url}/metrics").text
    return float(next(line for line in text.splitlines() if line.startswith("diemcau_relays{")).rpartition(" ")[2])


@pytest.mark.long
def test_relays_outlive_the_app_and_are_adopted(tmp_path: Path, clip: Clip) -> None:
    hub = StartedHub(tmp_path / "hub", "--http", "--keep-relays", "--port", "0", "--media-port", "0")
    try:
        hub.start()
        port = int(hub.url.rpartition(":")[2])
        hub.options = ("--http", "--keep-relays", "--port", str(port), "--media-port", "0")
        hub.until_ready()
        relay = hub.relay_pid()
        asyncio.run(media_goes_on(hub, clip, relay))
    finally:
        hub.stop()
        stopped = json.loads(hub.run("serve", "--stop-relays", "--json").stdout.splitlines()[-1])["stopped"]
    assert stopped == [relay]
    until(lambda: not lives(relay), 10, "the relay ended")


async def media_goes_on(hub: StartedHub, clip: Clip, relay: int) -> None:
    """A recorded session before, during and after an app that is killed and started again."""
    session = hub.ask("session", "open", "Phiên dài", "--record")["id"]
    token = hub.ask("token", session, "--publish", "Máy")
    viewing = hub.ask("token", session, "--subscribe", token["participant"])
    client, viewer = MediaClient(clip), MediaClient(None)
    async with httpx.AsyncClient() as http:
        sdp, _ = await client.publish_offer()
        answer = await http.post(token["url"], content=sdp, headers=auth(token))
        await client.publish_answer(answer.text)
        seen = await http.post(viewing["url"], content=await viewer.view_offer(), headers=auth(viewing))
        await viewer.view_answer(seen.text, token["participant"])
    await asyncio.sleep(2)
    await asyncio.to_thread(hub.stop, signal.SIGKILL)
    before = viewer.received[token["participant"], "camera"].frames
    await asyncio.sleep(2)
    during = viewer.received[token["participant"], "camera"].frames
    assert during - before >= 20, "media goes on without any app"
    assert lives(relay)
    await asyncio.to_thread(hub.start)
    await asyncio.to_thread(hub.until_ready)
    assert hub.relay_pid() == relay
    shown = await asyncio.to_thread(hub.ask, "session", "show", session)
    assert shown["state"] == "running"
    await asyncio.sleep(1)
    for leg in (client.publisher, viewer.subscriber):
        if leg is not None:
            await leg.close()
    await asyncio.to_thread(hub.ask, "session", "close", session, "--lock")
    await asyncio.to_thread(until, lambda: hub.ask("session", "show", session)["locked"], 20, "locked")
    shown = await asyncio.to_thread(hub.ask, "session", "show", session)
    camera = next(track for track in shown["tracks"] if track["source"] == "camera")
    assert camera["last_utc"] - camera["first_utc"] >= 5, "one journal over the app's death"
    assert [track["state"] for track in shown["tracks"]] == ["closed", "closed"]


def auth(token: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {token['token']}", "Content-Type": "application/sdp"}


def test_a_killed_worker_is_replaced_and_its_job_is_done(hub: StartedHub) -> None:
    session = hub.ask("session", "open", "Phiên ngắn")["id"]
    before = hub.worker_pid()
    os.kill(before, signal.SIGSTOP)  # it claims nothing more while the job is put into its hands
    hub.ask("session", "close", session, "--lock")
    until(lambda: hub.worker_pid() == before, 1, "stopped")
    with closing(sqlite3.connect(hub.folder / "hub.db", timeout=10)) as db:
        db.execute(
            "insert into job (id, kind, key, payload, state, progress, note, attempts, max_attempts, run_after,"
            " lease_until, worker, cancel_asked, error, result, created_at) values"
            " (?, 'lock', ?, ?, 'running', 0, '', 1, 5, '2024-01-01 00:00:00', '2099-01-01 00:00:00', ?, 0, '', '{}',"
            " '2024-01-01 00:00:00')",
            ("j" * 24, session, json.dumps({"session": session}), worker_name(hub.folder)),
        )
        db.commit()
    os.kill(before, signal.SIGKILL)
    until(lambda: hub.ask("session", "show", session)["locked"], 20, "locked by the next worker")
    assert hub.worker_pid() != before
    assert rows(hub, "select state from job where id = 'jjjjjjjjjjjjjjjjjjjjjjjj'") == [("done",)]


@pytest.mark.long
def test_the_worker_ends_with_the_app(tmp_path: Path) -> None:
    with started(tmp_path / "hub") as hub:
        hub.until_ready()
        worker, relay = hub.worker_pid(), hub.relay_pid()
    assert not lives(worker)
    assert not lives(relay), "with --own the relays end too"


@pytest.mark.long
def test_a_relay_started_by_hand_enrols_with_a_token(tmp_path: Path) -> None:
    with started(tmp_path / "hub", "--http", "--relays", "0", "--no-worker") as hub:
        assert httpx.get(f"{hub.url}/readyz").status_code == 503
        token = hub.ask("enrol", "relay")["token"]
        command = [PYTHON, "-m", "web", "relay", "--folder", str(tmp_path / "relay"), "--app", hub.url]
        with (tmp_path / "relay.log").open("wb") as log:
            relay = subprocess.Popen([*command, "--enrol", token], stdout=log, stderr=log)
        try:
            hub.until_ready()
        finally:
            relay.terminate()
            relay.wait(15)
        with (tmp_path / "relay.log").open("ab") as log:
            other = [*command[:4], "--folder", str(tmp_path / "other"), "--app", hub.url, "--enrol", token]
            assert subprocess.run(other, stdout=log, stderr=log, timeout=30).returncode == 3
        assert token not in (tmp_path / "relay.log").read_text()
