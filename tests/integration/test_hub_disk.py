"""A full disk, on a small tmpfs: before the record starts and while it runs. Told at once, forwarded on, nothing faked.

Needs the right to mount (root, as in CI); without it these tests fail rather than pass unseen.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from media.client import MediaClient
from media.clip import Clip, ClipOptions, make_clip
from tests.support.hub import StartedHub, csrf, started, until

pytestmark = pytest.mark.timeout(120)
NO_FLOOR = {"HUB_RECORD_FLOOR_MIN": "0"}  # else no record would start on so small a disk


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own, so small that it fills up in seconds."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return make_clip(7, "Sơn Động", [], ClipOptions(seconds=4))


def fill(folder: Path, leave: int = 0) -> Path:
    """Fill the file system up to ``leave`` free bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 65536)
    if leave:
        with ballast.open("r+b") as file:
            file.truncate(max(0, ballast.stat().st_size - leave))
    return ballast


def kinds(hub: StartedHub, session: str) -> list[str]:
    with closing(sqlite3.connect(f"file:{hub.folder / 'hub.db'}?mode=ro", uri=True)) as db:
        query = "select kind from session_event where session_id = ? order by number"
        return [row[0] for row in db.execute(query, (session,))]


@asynccontextmanager
async def call(hub: StartedHub, clip: Clip, session: str) -> AsyncIterator[tuple[MediaClient, str]]:
    """One that sends and one that watches."""
    sender, viewer = MediaClient(clip), MediaClient(None)
    token = hub.ask("token", session, "--publish", "Máy")
    viewing = hub.ask("token", session, "--subscribe", token["participant"])
    async with httpx.AsyncClient() as http:
        sdp, _ = await sender.publish_offer()
        await sender.publish_answer((await http.post(token["url"], content=sdp, headers=auth(token))).text)
        answer = await http.post(viewing["url"], content=await viewer.view_offer(), headers=auth(viewing))
        await viewer.view_answer(answer.text, token["participant"])
    try:
        yield viewer, token["participant"]
    finally:
        for leg in (sender.publisher, viewer.subscriber):
            if leg is not None:
                await leg.close()


def auth(token: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {token['token']}", "Content-Type": "application/sdp"}


async def goes_on(viewer: MediaClient, participant: str) -> None:
    """Picture and sound reach the viewer now."""
    before = {key: received.frames for key, received in viewer.received.items()}
    for _ in range(100):
        await asyncio.sleep(0.1)
        got = {source: viewer.received.get((participant, source)) for source in ("mic", "camera")}
        if all(one and one.frames - before.get((participant, key), 0) >= 15 for key, one in got.items()):  # type: ignore[call-overload]
            return
    raise AssertionError("neither picture nor sound goes on")


async def ends_with_a_package(hub: StartedHub, session: str) -> dict[str, Any]:
    await asyncio.to_thread(hub.ask, "session", "close", session, "--lock")
    await asyncio.to_thread(until, lambda: hub.ask("session", "show", session)["locked"], 60, "locked")
    return await asyncio.to_thread(hub.ask, "session", "show", session)


def test_no_record_starts_with_room_for_less_than_two_hours(tmp_path: Path) -> None:
    """The refusal says so, and the session can be held without being recorded."""
    spool = tmp_path / "hub" / "relays" / "0" / "spool"
    with small_disk(spool, "64m"), started(tmp_path / "hub", "--http", "--no-worker") as hub:
        hub.until_ready()

        def refused() -> bool:  # once the relay has said how large its disk is
            tried = hub.run("session", "open", "Phiên", "--record", check=False)
            return tried.returncode == 1 and "không đủ chỗ để bắt đầu ghi" in tried.stderr

        until(refused, 20, "refused")
        assert hub.run("session", "open", "Phiên không ghi").returncode == 0


@pytest.mark.long
async def test_a_disk_that_is_full_when_the_record_starts(tmp_path: Path, clip: Clip) -> None:
    with (
        small_disk(tmp_path / "hub" / "relays" / "0" / "spool", "1m") as spool,
        started(tmp_path / "hub", environ=NO_FLOOR) as hub,
    ):
        hub.until_ready()
        ballast = fill(spool)
        session = hub.ask("session", "open", "Phiên", "--record")["id"]
        async with call(hub, clip, session) as (viewer, participant):
            await asyncio.to_thread(until, lambda: "record.alarm" in kinds(hub, session), 15, "alarmed")
            assert "record.confirmed" not in kinds(hub, session), "the screens never said that it is recorded"
            await goes_on(viewer, participant)
            ballast.unlink()
            await asyncio.to_thread(until, lambda: kinds(hub, session).count("record.confirmed") >= 2, 15, "caught up")
        shown = await ends_with_a_package(hub, session)
        assert shown["complete"] is True, "what waited in memory was written"
        assert {gap["reason"] for gap in shown["gaps"]} <= {"silent", "left", "network"}


@pytest.mark.long
async def test_a_disk_that_fills_up_while_the_record_runs(tmp_path: Path, clip: Clip) -> None:
    with (
        small_disk(tmp_path / "hub" / "relays" / "0" / "spool", "2m") as spool,
        started(tmp_path / "hub", environ=NO_FLOOR) as hub,
    ):
        hub.until_ready()
        session = hub.ask("session", "open", "Phiên", "--record")["id"]
        async with call(hub, clip, session) as (viewer, participant):
            await asyncio.to_thread(until, lambda: "record.confirmed" in kinds(hub, session), 15, "recorded")
            await asyncio.sleep(1)
            ballast = fill(spool)
            await asyncio.to_thread(until, lambda: "record.alarm" in kinds(hub, session), 15, "alarmed")
            await goes_on(viewer, participant)
            ballast.unlink()
            await asyncio.sleep(3)
        shown = await ends_with_a_package(hub, session)
        assert shown["tracks"], "what was written before is kept"
        target = tmp_path / "package.zip"
        hub.ask("export", session, "-o", str(target))
        assert hub.run("verify", str(target)).returncode == 0


def test_a_paper_that_finds_no_room_is_refused_and_the_visit_stays(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "hub" / "files", "1m") as files,
        started(tmp_path / "hub", "--http", "--relays", "0", "--no-worker") as hub,
    ):
        hub.ask("sites", "import", "Bắc Giang 2024")
        password = hub.add_user("officer", "site_officer@top")
        with hub.browser("officer", password) as browser:
            token = csrf(browser, "/")
            place = browser.post("/desk", data={"csrftoken": token}).headers["location"]
            fill(files)
            scan = {"file": ("scan.pdf", b"%PDF-1.4\n" + b"x" * 100_000 + b"\n%%EOF\n", "application/pdf")}
            answer = browser.post(f"{place}/papers", data={"csrftoken": token}, files=scan)
            assert answer.status_code == 507, answer.status_code
            assert "Traceback" not in answer.text
            assert browser.get(place).status_code == 200, "the draft is still there"
