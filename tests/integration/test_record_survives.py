"""The record outlives the app and the worker: both are killed with ``kill -9`` at the worst moment, nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from media.client import MediaClient, use_loopback_only
from media.clip import ClipOptions, make_clip
from media.messages import Source
from tests.support.exported import Exported
from tests.support.hub import StartedHub, until
from tests.support.replayed import counters, misplaced, replay_rows
from tests.support.whip import WhipClient, until_frames

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]  # the whole story is one fixture
RATE = 15
SOURCES: tuple[Source, ...] = ("mic", "camera")


@dataclass
class Outlived:
    """A recorded session whose app was killed while it ran, and whose worker was killed while it made the replay."""

    hub: StartedHub
    session: str
    participant: str
    killed_at: float
    started_at: float
    ended_at: float
    sent: dict[Source, list[float]]
    seen_while_away: int
    relays: tuple[int, int]
    shown: dict[str, Any]
    exported: Exported
    verified: int


@pytest.fixture(scope="module")
def outlived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outlived]:
    folder = tmp_path_factory.mktemp("outlives")
    use_loopback_only()
    hub = StartedHub(folder / "hub", "--http", "--keep-relays", "--port", "0", "--media-port", "0")
    try:
        hub.start()
        port = hub.url.rpartition(":")[2]
        hub.options = ("--http", "--keep-relays", "--port", port, "--media-port", "0")
        hub.until_ready()
        yield asyncio.run(hold(hub, folder))
    finally:
        hub.stop()
        hub.run("serve", "--stop-relays", check=False)


async def hold(hub: StartedHub, folder: Path) -> Outlived:
    """Record; kill the app; record on without it; start it again; close, kill the worker, lock, export."""
    clip = make_clip(6, "Yên Thế", [], ClipOptions(rate=RATE, seconds=30))
    session = hub.ask("session", "open", "Phiên dài", "--record")["id"]
    token = hub.ask("token", session, "--publish", "Máy ghi")
    viewing = hub.ask("token", session, "--subscribe", token["participant"])
    encoder, viewer = WhipClient(token, MediaClient(clip)), WhipClient(viewing, MediaClient(None))
    await encoder.publish()
    await viewer.view(token["participant"])
    await until_frames(viewer.media, token["participant"], 2 * RATE, 15)
    relay, killed = hub.relay_pid(), time.time()
    await asyncio.to_thread(hub.stop, signal.SIGKILL)
    before = viewer.media.received[token["participant"], "camera"].frames
    await asyncio.sleep(3)
    seen = viewer.media.received[token["participant"], "camera"].frames - before
    await asyncio.to_thread(hub.start)
    await asyncio.to_thread(hub.until_ready)
    again = time.time()
    await until_frames(viewer.media, token["participant"], 2 * RATE, 15)
    ended = await encoder.delete()
    assert ended == 200, "the new app knows the leg of the old one"
    last = time.time()
    await encoder.close()
    sent = {source: list(one.times) for source, one in encoder.media.sent.items()}
    await viewer.close()
    await asyncio.to_thread(close_and_kill_the_worker, hub, session)
    await asyncio.to_thread(until, lambda: hub.ask("session", "show", session)["locked"], 60, "locked")
    target = folder / "package.zip"
    await asyncio.to_thread(hub.ask, "export", session, "-o", str(target))
    verified = await asyncio.to_thread(lambda: hub.run("verify", str(target), check=False).returncode)
    return Outlived(
        hub=hub,
        session=session,
        participant=token["participant"],
        killed_at=killed,
        started_at=again,
        ended_at=last,
        sent=sent,
        seen_while_away=seen,
        relays=(relay, hub.relay_pid()),
        shown=hub.ask("session", "show", session),
        exported=Exported(target),
        verified=verified,
    )


def replay_job(hub: StartedHub, session: str) -> tuple[str, int] | None:
    """State and attempts of the job that makes the session's replay files."""
    with closing(sqlite3.connect(f"file:{hub.folder / 'hub.db'}?mode=ro", uri=True)) as db:
        query = "select state, attempts from job where kind = 'replay' and key = ?"
        found: tuple[str, int] | None = db.execute(query, (session,)).fetchone()
        return found


def half_made(hub: StartedHub) -> list[str]:
    """Folders in which replay files are being made."""
    return [path.name for path in (hub.folder / "files" / "replay").glob("making-*")]


def close_and_kill_the_worker(hub: StartedHub, session: str) -> None:
    """Close, and kill the worker in the midst of the replay job. Raises AssertionError when the job was quicker."""
    worker = hub.worker_pid()
    hub.ask("session", "close", session, "--lock")
    until(lambda: half_made(hub) or (replay_job(hub, session) or ("",))[0] == "done", 20, "at the replay job")
    os.kill(worker, signal.SIGSTOP)
    assert replay_job(hub, session) == ("running", 1) and half_made(hub)
    os.kill(worker, signal.SIGKILL)


def test_media_goes_on_without_the_app(outlived: Outlived) -> None:
    assert outlived.seen_while_away >= 2 * RATE
    assert outlived.relays[0] == outlived.relays[1], "the new app adopted the relay"


def test_nothing_is_lost_and_the_journals_go_through(outlived: Outlived) -> None:
    """Everything from the first to the last packet, without a hole where the app was away."""
    for source in SOURCES:
        [track] = outlived.exported.tracks(source)
        frame = 960 if source == "mic" else 90_000 // RATE
        assert track.steps() == {frame}, "not one piece of sound and not one picture is missing"
        assert track.first < outlived.killed_at - 1 and track.last > outlived.started_at + 1
        assert track.frames >= sum(at < outlived.ended_at - 0.1 for at in outlived.sent[source]) - 2


def test_the_session_is_whole_and_locked(outlived: Outlived) -> None:
    shown = outlived.shown
    assert (shown["state"], shown["locked"], shown["complete"], shown["lost_s"]) == ("locked", True, True, 0.0)
    assert shown["gaps"] == [] and shown["outages"] == []
    assert {(t["source"], t["part"], t["state"]) for t in shown["tracks"]} == {
        (source, 1, "closed") for source in SOURCES
    }
    assert outlived.verified == 0
    kinds = outlived.exported.kinds()
    assert kinds.count("session.opened") == kinds.count("record.started") == kinds.count("session.closed") == 1


def test_the_replay_job_of_a_killed_worker_runs_again(outlived: Outlived) -> None:
    hub = outlived.hub
    rows = replay_rows(hub, outlived.session)
    assert replay_job(hub, outlived.session) == ("done", 2)
    shown = [(row.start_utc + at, value) for row in rows for at, value in counters(row.path)]
    assert len(shown) >= sum(at < outlived.ended_at - 0.1 for at in outlived.sent["camera"]) - 2
    steps, whole = misplaced(shown, outlived.sent["camera"], RATE)
    assert steps < 0.1 and whole < 0.2, (steps, whole)
    assert half_made(hub) == [], "what the dead worker had half made is gone"
