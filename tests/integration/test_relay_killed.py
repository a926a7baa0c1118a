"""``kill -9`` of the relay while it records: one time line, one explained gap, at most a second lost."""

from __future__ import annotations

import asyncio
import os
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
from tests.support.replayed import ReplayRow, counters, misplaced, replay_rows
from tests.support.whip import WhipClient, until_frames

MOST_LOST_S = 1.0
pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]  # the whole story is one fixture; CI has ten other kills
RATE = 15


SOURCES: tuple[Source, ...] = ("mic", "camera")


@dataclass
class Survived:
    """A recorded session whose relay was killed, as everybody saw it."""

    participant: str
    killed_at: float
    back_s: float
    picture_back_s: float
    sent: dict[Source, list[float]]
    starts: list[int]
    shown: dict[str, Any]
    exported: Exported
    verified: int
    replays: list[ReplayRow]


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survived]:
    folder = tmp_path_factory.mktemp("killed")
    use_loopback_only()
    with started(folder / "hub") as hub:
        hub.until_ready()
        yield asyncio.run(hold(hub, folder))


async def hold(hub: StartedHub, folder: Path) -> Survived:
    """Record, kill the relay, come back, record on, lock, export."""
    clip = make_clip(5, "Lục Nam", [], ClipOptions(rate=RATE, seconds=30))
    session = hub.ask("session", "open", "Phiên bị ngắt", "--record")["id"]
    token = hub.ask("token", session, "--publish", "Máy ghi")
    viewing = hub.ask("token", session, "--subscribe", token["participant"])
    encoder, viewer = WhipClient(token, MediaClient(clip)), WhipClient(viewing, MediaClient(None))
    await encoder.publish()
    await viewer.view(token["participant"])
    await until_frames(viewer.media, token["participant"], 4 * RATE, 15)
    killed = time.time()
    os.kill(hub.relay_pid(), signal.SIGKILL)
    await asyncio.sleep(0.3)  # an encoder notices sooner or later; until then it sends into the void
    await encoder.publish()
    back = time.time() - killed
    await viewer.view(token["participant"])
    await until_frames(viewer.media, token["participant"], 1, 15)
    picture_back = time.time() - killed
    await until_frames(viewer.media, token["participant"], 3 * RATE, 15)
    assert await encoder.delete() == 200
    await encoder.close()
    sent = {source: list(one.times) for source, one in encoder.media.sent.items()}
    await viewer.close()
    await asyncio.to_thread(hub.ask, "session", "close", session, "--lock")
    await asyncio.to_thread(until, lambda: hub.ask("session", "show", session)["locked"], 20, "locked")
    target = folder / "package.zip"
    await asyncio.to_thread(hub.ask, "export", session, "-o", str(target))
    verified = await asyncio.to_thread(lambda: hub.run("verify", str(target), check=False).returncode)
    return Survived(
        participant=token["participant"],
        killed_at=killed,
        back_s=back,
        picture_back_s=picture_back,
        sent=sent,
        starts=encoder.starts,
        shown=hub.ask("session", "show", session),
        exported=Exported(target),
        verified=verified,
        replays=replay_rows(hub, session),
    )


def test_picture_and_sound_are_back_within_seconds(survived: Survived) -> None:
    assert survived.back_s < 5
    assert survived.picture_back_s < 6


def test_a_second_at_most_of_what_had_arrived_is_lost(survived: Survived) -> None:
    """By the sender's own clock, as its reports in the exported journals tell it."""
    for source in SOURCES:
        before, after = survived.exported.tracks(source)
        assert survived.killed_at - before.last <= MOST_LOST_S, source
        assert before.last <= survived.killed_at
        assert before.first <= survived.sent[source][0] + 0.5, "nothing lost at the start"
        assert after.first - survived.killed_at <= survived.back_s + 2


def test_what_is_kept_is_kept_without_holes(survived: Survived) -> None:
    for source in SOURCES:
        for track in survived.exported.tracks(source):
            assert track.steps() == {960 if source == "mic" else 90_000 // RATE}, source


def test_it_is_one_time_line_with_one_explained_gap(survived: Survived) -> None:
    [gap] = survived.shown["gaps"]
    assert (gap["reason"], gap["participant"], gap["source"]) == ("crash", survived.participant, "")
    assert gap["from"] <= survived.killed_at <= gap["to"]
    assert survived.killed_at - gap["from"] <= MOST_LOST_S
    assert gap["to"] - survived.killed_at <= survived.back_s + 2
    [outage] = survived.shown["outages"]
    assert (outage["cause"], outage["participants"]) == ("relay", [survived.participant])
    assert outage["to"] is not None
    kinds = survived.exported.kinds()
    assert kinds.count("session.opened") == kinds.count("record.started") == kinds.count("outage.started") == 1
    assert [event["number"] for event in survived.exported.events] == list(range(1, len(kinds) + 1))
    assert len(survived.exported.manifest["gaps"]) == 1


def test_the_session_says_what_was_lost(survived: Survived) -> None:
    shown = survived.shown
    assert (shown["state"], shown["locked"], shown["complete"]) == ("locked", True, False)
    assert 0 < shown["lost_s"] <= MOST_LOST_S
    measured = survived.killed_at - min(survived.exported.tracks(s)[0].last for s in ("mic", "camera"))
    assert shown["lost_s"] >= min(measured, MOST_LOST_S) - 0.01, "what it says is an upper bound"
    tracks = {(t["source"], t["part"]): t for t in shown["tracks"]}
    assert set(tracks) == {(source, part) for source in ("mic", "camera") for part in (1, 2)}
    assert {key: t["state"] for key, t in tracks.items()} == {
        ("mic", 1): "recovered", ("camera", 1): "recovered", ("mic", 2): "closed", ("camera", 2): "closed",
    }  # fmt: skip
    assert all(t["packets"] > 0 and t["length"] > 0 for t in tracks.values())


def test_the_package_verifies(survived: Survived) -> None:
    assert survived.verified == 0


def test_the_replay_shows_every_picture_at_its_time(survived: Survived) -> None:
    """The counters in the replay files stand where the sender sent them, before and after the gap."""
    shown = [(row.start_utc + at, value) for row in survived.replays for at, value in counters(row.path)]
    assert {row.participant for row in survived.replays} == {survived.participant}
    first = survived.starts[1]  # pictures sent before the second leg, whose counter starts anew
    pause = max(range(1, len(shown)), key=lambda i: shown[i][0] - shown[i - 1][0])
    before, after = shown[:pause], shown[pause:]
    camera = survived.sent["camera"]
    for part, sent in ((before, camera), (after, camera[first:])):
        steps, whole = misplaced(part, sent, RATE)
        assert steps < 0.1 and whole < 0.2, (steps, whole)
    assert [value for _, value in after] == list(range(after[0][1], after[0][1] + len(after)))
    assert len(before) >= 3 * RATE and len(after) >= 2.5 * RATE
    last_before = camera[before[-1][1]]
    assert survived.killed_at - last_before <= MOST_LOST_S
