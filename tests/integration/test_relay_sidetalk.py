"""A side talk and a protected point, from the rules to a real relay: who gets packets, what reaches the disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from media import journal
from media.client import MediaClient
from media.clip import ClipOptions, make_clip
from media.messages import Answer, Ask, PublishOffer, SessionEnded, SourceLive, SubscribeStart, TrackWritten
from signaling import messages as m
from signaling.desired import desired
from signaling.errors import Refusal
from tests.support.fake_app import FakeApp, RelayProcessUnderTest, Room, running_relay, until
from tests.support.room_bench import Bench, running

SESSION = "sidetalkaaaaaaaaaaaaaaaa"
POINTS = ("a", "b", "c")


class Reception:
    """Three points at a relay that does what the room's state says."""

    def __init__(self, app: FakeApp, relay: RelayProcessUnderTest) -> None:
        self.app, self.relay = app, relay
        self.room: Bench = running(*POINTS)
        self.room.state = replace(self.room.state, session=SESSION)
        self.clients = {point: MediaClient(make_clip(1, point, [], ClipOptions(seconds=4))) for point in POINTS}
        self.answering = Room(app)  # answers the relay's offers for the clients
        self.answering.clients = {f"dev-{point}": client for point, client in self.clients.items()}
        self.version = 0

    async def tell(self) -> float:
        """Send the desired state; the moment at which the relay surely has it, on the machine's monotonic clock."""
        self.version += 1
        await self.app.send(desired(self.room.state, 1, self.version))
        await self.app.ask(Ask(req=""))
        return time.monotonic()

    async def ask(self, message: m.FromPage) -> float:
        """The operator asks for something, and the relay is told."""
        assert not isinstance(self.room.ask("op", message), Refusal)
        return await self.tell()

    async def begin(self) -> None:
        await self.tell()
        for point, client in self.clients.items():
            sdp, sources = await client.publish_offer()
            answer = await self.app.ask(PublishOffer(req="", peer=f"dev-{point}", sdp=sdp, sources=sources))
            assert isinstance(answer, Answer), answer
            await client.publish_answer(answer.sdp)
            assert isinstance(await self.app.ask(SubscribeStart(req="", peer=f"dev-{point}")), Answer)
        await self.app.until(lambda: len(self.app.bodies(TrackWritten)) >= 6, 15)
        for live in self.app.bodies(SourceLive):
            self.room.live(live.participant, live.source)

    def frames(self, viewer: str, point: str, source: str = "camera") -> int:
        got = self.clients[viewer].received.get((point, source))  # type: ignore[arg-type]
        return got.frames if got is not None else 0

    async def gets(self, viewer: str, point: str) -> None:
        """Picture and sound of ``point`` arrive at ``viewer``."""
        for source in ("camera", "mic"):
            await until(partial(self.more, viewer, point, source, self.frames(viewer, point, source) + 8))

    def more(self, viewer: str, point: str, source: str, than: int) -> bool:
        return self.frames(viewer, point, source) > than

    def counts(self, viewer: str, *points: str) -> list[int]:
        return [self.frames(viewer, point, source) for point in points for source in ("camera", "mic")]

    async def end(self) -> dict[str, list[float]]:
        """Close the session; per point the arrival times of every packet on disk."""
        self.room.ask("op", m.Close(req="1"))
        await self.tell()
        await self.app.until(lambda: self.app.bodies(SessionEnded), 15)
        found: dict[str, list[float]] = {point: [] for point in POINTS}
        for path in (self.relay.folder / "spool" / SESSION).glob("*.dcj"):
            with path.open("rb") as file:
                found[path.name.split(".")[0]] += [
                    record.mono_us / 1e6
                    for record in journal.read_records(file)
                    if isinstance(record, journal.Record) and record.kind == journal.RTP
                ]
        return found


@pytest.fixture
async def reception(tmp_path: Path) -> AsyncIterator[Reception]:
    async with running_relay(tmp_path) as (app, relay):
        reception = Reception(app, relay)
        await reception.begin()
        yield reception
        await reception.answering.close()


async def test_a_side_talk_reaches_neither_outsiders_nor_the_disk(reception: Reception) -> None:
    await reception.gets("c", "a")
    await reception.gets("a", "c")
    since = await reception.ask(m.SideTalk(req="1", participants=("a", "b")))
    await asyncio.sleep(0.3)  # what the relay sent before is through the clients' buffers
    outside = reception.counts("c", "a", "b"), reception.counts("a", "c")
    await reception.gets("a", "b")
    await reception.gets("b", "a")
    await asyncio.sleep(0.7)
    assert (reception.counts("c", "a", "b"), reception.counts("a", "c")) == outside
    until_s = time.monotonic()
    await reception.ask(m.SideTalk(req="1"))
    await reception.gets("c", "a")
    await reception.app.until(
        lambda: {("a", "mic"), ("a", "camera")}
        <= {(w.participant, w.source) for w in reception.app.bodies(TrackWritten)[6:]}, 10,
    )  # fmt: skip
    written = await reception.end()
    for point in ("a", "b"):
        assert not [at for at in written[point] if since < at < until_s], "nothing of the side talk is on disk"
        assert min(written[point]) < since and max(written[point]) > until_s, "what stood before and after it is"
    assert len([at for at in written["c"] if since < at < until_s]) > 30, "who is outside is recorded on"


async def test_a_protected_point_is_seen_and_heard_and_not_written(reception: Reception) -> None:
    since = await reception.ask(m.Protect(req="1", participant="a", reason="người chưa thành niên"))
    for viewer in ("b", "c"):
        await reception.gets(viewer, "a")
    until_s = time.monotonic()
    await reception.ask(m.Protect(req="1", participant="a", on=False, reason="đã rời phòng"))
    await reception.gets("b", "a")
    await asyncio.sleep(1.0)
    written = await reception.end()
    assert not [at for at in written["a"] if since < at < until_s]
    assert max(written["a"]) > until_s
    assert len([at for at in written["b"] if since < at < until_s]) > 10
