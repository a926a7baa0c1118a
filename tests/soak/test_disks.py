"""A relay's disk that takes nothing, for a while: a file system that is read-only, and one that hangs. On a real hub:
the room is alarmed, everybody goes on being seen, and nothing is lost, without anybody's hand at the hub.

Needs the right to mount, and loop devices (root); without them these tests fail rather than pass unseen.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from media.client import use_loopback_only
from media.clip import Clip, ClipOptions, make_clip
from tests.integration.test_hub_disk import NO_FLOOR, call, ends_with_a_package, goes_on, kinds, small_disk
from tests.support import hub as hub_support
from tests.support.exported import Exported
from tests.support.hub import StartedHub, started, until

pytestmark = pytest.mark.timeout(240)
RATE = 15


@pytest.fixture(scope="module")
def clip() -> Clip:
    use_loopback_only()
    hub_support.START_S = 180.0
    return make_clip(7, "Sơn Động", [], ClipOptions(seconds=4, rate=RATE))


def run(*command: str) -> None:
    subprocess.run(command, check=True)


@contextlib.contextmanager
def hanging_disk(folder: Path, image: Path) -> Iterator[Path]:
    """A file system of its own that can be frozen: whoever writes there then waits."""
    folder.mkdir(parents=True)
    image.write_bytes(b"")
    with image.open("r+b") as file:
        file.truncate(96 << 20)
    run("mkfs.ext4", "-q", "-F", str(image))
    run("mount", "-o", "loop", str(image), str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["fsfreeze", "-u", str(folder)], check=False, capture_output=True)
        run("umount", "-l", str(folder))


async def alarmed(hub: StartedHub, session: str, since: float) -> float:
    """Wait for the alarm in the room; the seconds it took."""
    await asyncio.to_thread(until, lambda: "record.alarm" in kinds(hub, session), 20, "alarmed")
    return time.monotonic() - since


async def whole(hub: StartedHub, session: str, target: Path) -> dict[str, Any]:
    """Close, lock, export, verify; what the session says of itself."""
    shown = await ends_with_a_package(hub, session)
    await asyncio.to_thread(hub.ask, "export", session, "-o", str(target))
    assert (await asyncio.to_thread(hub.run, "verify", str(target))).returncode == 0
    return shown


def holes(target: Path, source: str) -> list[set[int]]:
    """Per journal the steps between neighbouring RTP times: one value when nothing is missing."""
    return [track.steps() for track in Exported(target).tracks(source)]


async def test_a_spool_that_is_read_only_when_the_record_starts(tmp_path: Path, clip: Clip) -> None:
    with (
        small_disk(tmp_path / "hub" / "relays" / "0" / "spool", "64m") as spool,
        started(tmp_path / "hub", environ=NO_FLOOR) as hub,
    ):
        hub.until_ready(60)
        run("mount", "-o", "remount,ro", str(spool))
        session = hub.ask("session", "open", "Phiên", "--record")["id"]
        async with call(hub, clip, session) as (viewer, participant):
            took = await alarmed(hub, session, time.monotonic())
            assert took <= 10, took
            assert "record.confirmed" not in kinds(hub, session), "the screens never said that it is recorded"
            await goes_on(viewer, participant)
            run("mount", "-o", "remount,rw", str(spool))
            await asyncio.to_thread(until, lambda: "record.confirmed" in kinds(hub, session), 15, "caught up")
            await asyncio.sleep(2)
        shown = await whole(hub, session, tmp_path / "package.zip")
        assert shown["complete"] is True, "what waited in memory was written"
        assert holes(tmp_path / "package.zip", "mic") == [{960}]
        assert holes(tmp_path / "package.zip", "camera") == [{90_000 // RATE}]


async def test_a_disk_that_hangs_while_the_record_runs(tmp_path: Path, clip: Clip) -> None:
    with (
        hanging_disk(tmp_path / "hub" / "relays" / "0" / "spool", tmp_path / "disk") as spool,
        started(tmp_path / "hub", environ=NO_FLOOR) as hub,
    ):
        hub.until_ready(60)
        session = hub.ask("session", "open", "Phiên", "--record")["id"]
        async with call(hub, clip, session) as (viewer, participant):
            await asyncio.to_thread(until, lambda: "record.confirmed" in kinds(hub, session), 15, "recorded")
            await asyncio.sleep(1)
            run("fsfreeze", "-f", str(spool))
            took = await alarmed(hub, session, time.monotonic())
            assert took <= 10, took
            await goes_on(viewer, participant)
            before = kinds(hub, session).count("record.confirmed")
            run("fsfreeze", "-u", str(spool))
            await asyncio.to_thread(until, lambda: kinds(hub, session).count("record.confirmed") > before, 15, "again")
            await asyncio.sleep(2)
        shown = await whole(hub, session, tmp_path / "package.zip")
        assert shown["complete"] is True, "what waited in memory was written"
        assert holes(tmp_path / "package.zip", "mic") == [{960}]
        assert holes(tmp_path / "package.zip", "camera") == [{90_000 // RATE}]
