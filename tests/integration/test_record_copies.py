"""A relay's machine is lost while it records: its spool is gone, the session locks from the copies in the store."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from media.client import MediaClient, use_loopback_only
from media.clip import ClipOptions, make_clip
from media.messages import Source
from tests.support.exported import Exported
from tests.support.hub import StartedHub, started, until
from tests.support.replayed import replay_rows
from tests.support.whip import WhipClient

MOST_LOST_S = 10.0
pytestmark = pytest.mark.timeout(120)  # the whole story is one fixture
SOURCES: tuple[Source, ...] = ("mic", "camera")


@dataclass
class Lost:
    """A recorded session whose relay lost its disk."""

    killed_at: float
    kept_s: float
    shown: dict[str, Any]
    exported: Exported
    verified: int
    replays: int
    copies: Path


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lost]:
    folder = tmp_path_factory.mktemp("lost")
    use_loopback_only()
    environ = {"HUB_COPIES": "on", "HUB_COPIES_FOLDER": str(folder / "elsewhere")}
    with started(folder / "hub", environ=environ) as hub:
        hub.until_ready()
        yield asyncio.run(hold(hub, folder))


async def hold(hub: StartedHub, folder: Path) -> Lost:
    """Record, burn the relay's disk, lock, export."""
    clip = make_clip(5, "Lục Nam", [], ClipOptions(rate=15, seconds=30))
    session = hub.ask("session", "open", "Phiên mất máy", "--record")["id"]
    encoder = WhipClient(hub.ask("token", session, "--publish", "Máy ghi"), MediaClient(clip))
    await encoder.publish()
    began = time.time()
    kept = folder / "elsewhere" / "copies" / session
    await asyncio.to_thread(until, lambda: len(list(kept.glob("*.camera.*/*"))) >= 2, 30, "copied twice")
    await asyncio.sleep(1.0)
    killed = time.time()
    os.kill(hub.relay_pid(), signal.SIGKILL)
    shutil.rmtree(hub.folder / "relays" / "0" / "spool" / session)
    await encoder.close()
    await asyncio.to_thread(hub.until_ready)
    await asyncio.to_thread(hub.ask, "session", "close", session, "--lock")
    await asyncio.to_thread(until, lambda: hub.ask("session", "show", session)["locked"], 40, "locked")
    await asyncio.to_thread(until, lambda: replay_rows(hub, session), 180, "replay files made")
    target = folder / "package.zip"
    await asyncio.to_thread(hub.ask, "export", session, "-o", str(target))
    return Lost(
        killed_at=killed,
        kept_s=killed - began,
        shown=hub.ask("session", "show", session),
        exported=Exported(target),
        verified=hub.run("verify", str(target), check=False).returncode,
        replays=len(replay_rows(hub, session)),
        copies=kept,
    )


def test_ten_seconds_at_most_are_lost_with_the_machine(lost: Lost) -> None:
    for source in SOURCES:
        [track] = lost.exported.tracks(source)
        assert 0 <= lost.killed_at - track.last <= MOST_LOST_S, source
        assert len(track.steps()) == 1, "what was copied has no holes"
    assert any(lost.copies.iterdir()), "copies stay for a while after the lock"


def test_the_session_locks_verifies_can_be_replayed_and_says_what_is_missing(lost: Lost) -> None:
    shown = lost.shown
    assert (shown["state"], shown["locked"], shown["complete"], lost.verified) == ("locked", True, False, 0)
    assert {(t["source"], t["state"]) for t in shown["tracks"]} == {("mic", "recovered"), ("camera", "recovered")}
    [gap] = shown["gaps"]
    assert gap["reason"] == "crash" and gap["from"] <= lost.killed_at
    least = min(lost.exported.tracks(source)[0].last for source in SOURCES)
    assert min(lost.killed_at - least, MOST_LOST_S) - 0.1 <= shown["lost_s"] <= MOST_LOST_S, "an upper bound"
    assert lost.replays >= 1
