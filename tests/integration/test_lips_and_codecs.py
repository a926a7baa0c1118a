"""Sound and picture belong together, in VP8 and in H.264: at a receiver, and in the replay files that the worker makes.

The clips flash and beep at each full second; what is measured is how far apart the two come out, as the median: a
sender on a busy machine is itself late with single frames.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from media.client import MediaClient, use_loopback_only
from media.clip import ClipOptions, make_clip
from tests.support.exported import Exported
from tests.support.h264clip import H264Client, as_h264
from tests.support.hub import StartedHub, started
from tests.support.lips import LipReader
from tests.support.replayed import ReplayRow, beeps, counters, flashes, misplaced, offsets, replay_rows
from tests.support.whip import WhipClient, until_frames

pytestmark = pytest.mark.timeout(120)  # the whole story is one fixture
RATE = 15
APART_S = 0.060
CODECS = ("vp8", "h264")


@dataclass
class Held:
    """A recorded session of two encoders, one per codec, each watched by a receiver that decodes."""

    participants: dict[str, str]
    media: dict[str, MediaClient]
    readers: dict[str, LipReader]
    ended_at: dict[str, float]
    shown: dict[str, Any]
    exported: Exported
    replays: dict[str, list[ReplayRow]]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    folder = tmp_path_factory.mktemp("lips")
    use_loopback_only()
    with started(folder / "hub") as hub:
        hub.until_ready()
        yield asyncio.run(hold(hub, folder))


async def hold(hub: StartedHub, folder: Path) -> Held:
    """Two encoders and two receivers for seven seconds; close, lock, export."""
    clip = make_clip(4, "Sơn Động", [], ClipOptions(rate=RATE, seconds=20))
    session = hub.ask("session", "open", "Phiên hai bộ mã", "--record")["id"]
    clients: dict[str, MediaClient] = {"vp8": MediaClient(clip), "h264": H264Client(as_h264(clip))}
    tokens = {name: hub.ask("token", session, "--publish", name) for name in CODECS}
    encoders = {name: WhipClient(tokens[name], clients[name]) for name in CODECS}
    readers = {name: LipReader() for name in CODECS}
    viewing = {name: hub.ask("token", session, "--subscribe", tokens[name]["participant"]) for name in CODECS}
    viewers = {name: WhipClient(viewing[name], readers[name]) for name in CODECS}
    for name in CODECS:
        await encoders[name].publish()
        await viewers[name].view(tokens[name]["participant"])
    await until_frames(readers["h264"], tokens["h264"]["participant"], 7 * RATE, 30)
    ended = {}
    for name in CODECS:
        await viewers[name].close()
        ended[name] = time.time()
        assert await encoders[name].delete() == 200
        await encoders[name].close()
    await asyncio.to_thread(hub.ask, "session", "close", session, "--lock")
    rows = await asyncio.to_thread(replay_rows, hub, session, 40)
    target = folder / "package.zip"
    for _ in range(40):
        if (await asyncio.to_thread(hub.ask, "session", "show", session))["locked"]:
            break
    await asyncio.to_thread(hub.ask, "export", session, "-o", str(target))
    who = {name: tokens[name]["participant"] for name in CODECS}
    return Held(
        participants=who,
        media=clients,
        readers=readers,
        ended_at=ended,
        shown=hub.ask("session", "show", session),
        exported=Exported(target),
        replays={name: [row for row in rows if row.participant == who[name]] for name in CODECS},
    )


@pytest.mark.parametrize("codec", CODECS)
def test_flash_and_beep_agree_at_a_receiver(held: Held, codec: str) -> None:
    reader = held.readers[codec]
    apart = offsets(reader.flashes, reader.beeps)
    assert len(apart) >= 4
    assert statistics.median(map(abs, apart)) <= APART_S, apart


@pytest.mark.parametrize("codec", CODECS)
def test_flash_and_beep_agree_in_the_replay(held: Held, codec: str) -> None:
    [row] = held.replays[codec]
    apart = offsets(flashes(row.path), beeps(row.path))
    assert len(apart) >= 5
    assert statistics.median(map(abs, apart)) <= APART_S, apart


@pytest.mark.parametrize("codec", CODECS)
def test_every_recorded_picture_is_in_the_replay(held: Held, codec: str) -> None:
    [row] = held.replays[codec]
    assert row.mime == {"vp8": "video/webm", "h264": "video/mp4"}[codec]
    journal = next(
        track for track in held.exported.tracks("camera") if track.header.participant == held.participants[codec]
    )
    assert journal.header.codec["name"] == codec
    shown = counters(row.path)
    assert len(shown) == journal.frames == row.frames
    values = [value for _, value in shown]
    assert values == list(range(values[0], values[0] + len(values))), "no picture missing, doubled or damaged"
    sent = held.media[codec].sent["camera"].times
    assert len(shown) >= 0.98 * sum(at < held.ended_at[codec] - 0.1 for at in sent)
    steps, whole = misplaced([(row.start_utc + at, value) for at, value in shown], sent, RATE)
    assert steps < 0.1 and whole < 0.2, (steps, whole)


def test_the_mp4_is_what_players_expect(held: Held) -> None:
    [row] = held.replays["h264"]
    with av.open(str(row.path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, sound.codec_context.name) == ("h264", "opus")
        assert (video.codec_context.width, video.codec_context.height) == (320, 180)
        assert video.codec_context.profile in ("Baseline", "Constrained Baseline")
    assert b"moof" in row.path.read_bytes(), "fragmented"


def test_the_session_is_whole(held: Held) -> None:
    assert (held.shown["locked"], held.shown["complete"], held.shown["gaps"]) == (True, True, [])
    assert len(held.shown["tracks"]) == 4
