"""A real relay process, real UDP on loopback, aiortc clients: what people in a session notice."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media.client import MediaClient
from media.clip import Clip, ClipOptions, make_clip
from media.messages import (
    Answer,
    Ask,
    ClosePeer,
    PeerDown,
    PeerUp,
    PublishOffer,
    Refused,
    RelayState,
    SourceLive,
    SubscribeAnswer,
)
from tests.support.fake_app import FakeApp, RelayProcessUnderTest, Room, running_relay, until

Started = tuple[FakeApp, RelayProcessUnderTest]


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return [make_clip(number, "point", [], ClipOptions(seconds=4)) for number in (1, 2)]


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Started]:
    async with running_relay(tmp_path) as pair:
        yield pair
    assert "Traceback" not in pair[1].log()


@pytest.fixture
async def room(started: Started) -> AsyncIterator[Room]:
    room = Room(started[0])
    yield room
    await room.close()


def frames(client: MediaClient, participant: str, source: str = "camera") -> int:
    received = client.received.get((participant, source))  # type: ignore[call-overload]
    return received.frames if received is not None else 0


async def grows(client: MediaClient, participant: str, source: str = "camera", by: int = 8) -> None:
    """More frames arrive within a few seconds."""
    before = frames(client, participant, source)
    await until(lambda: frames(client, participant, source) >= before + by, 8)


async def is_still(client: MediaClient, participant: str, source: str, seconds: float = 0.8) -> bool:
    """After packets on their way have landed, nothing arrives."""
    await asyncio.sleep(0.2)
    before = frames(client, participant, source)
    await asyncio.sleep(seconds)
    return frames(client, participant, source) == before


async def test_two_points_see_and_hear_each_other(started: Started, room: Room, clips: list[Clip]) -> None:
    app, _ = started
    a, b = MediaClient(clips[0]), MediaClient(clips[1], decode=True)
    await room.join("aaaa", a)
    await room.join("bbbb", b)
    for source in ("camera", "mic"):
        await grows(a, "bbbb", source, 30)
        await grows(b, "aaaa", source, 30)
    seen = b.received["aaaa", "camera"]
    await until(lambda: len(seen.counters) > 20)
    assert seen.damaged == 0 and {value >> 12 for value in seen.counters} == {1}
    steps = [
        (after - before) % len(clips[0].pictures)
        for before, after in zip(seen.counters, seen.counters[1:], strict=False)
    ]
    assert set(steps) == {1}  # no frame is lost, repeated or out of order
    assert {(up.peer, up.leg) for up in app.bodies(PeerUp)} == {
        (peer, leg) for peer in ("peer-aaaa", "peer-bbbb") for leg in ("publish", "subscribe")
    }
    live = {(body.participant, body.source) for body in app.bodies(SourceLive)}
    assert live == {(who, source) for who in ("aaaa", "bbbb") for source in ("mic", "camera")}
    state = await app.ask(Ask(req=""))
    assert isinstance(state, RelayState) and set(state.peers) == {"peer-aaaa", "peer-bbbb"}
    await app.until(lambda: app.quality is not None and len(app.quality.legs) == 4)


async def test_a_viewer_with_whep_gets_one_participant(room: Room, clips: list[Clip]) -> None:
    await room.join("aaaa", MediaClient(clips[0]))
    viewer = MediaClient(None)
    await room.view("vvvv", "aaaa", viewer)
    await grows(viewer, "aaaa", "camera", 20)
    await grows(viewer, "aaaa", "mic", 20)
    await viewer.close()


async def test_mute_is_enforced_by_the_relay_whatever_the_device_sends(room: Room, clips: list[Clip]) -> None:
    a, b = MediaClient(clips[0]), MediaClient(None)
    await room.join("aaaa", a)
    await room.join("bbbb", b)
    await grows(b, "aaaa", "mic")
    room.change("aaaa", muted=("mic",))
    await room.tell()
    assert await is_still(b, "aaaa", "mic")
    await grows(b, "aaaa", "camera")
    sent = a.sent["mic"].frames
    await until(lambda: a.sent["mic"].frames > sent + 10)
    room.change("aaaa", muted=())
    await room.tell()
    await grows(b, "aaaa", "mic")


async def test_a_source_that_may_not_be_published_goes_nowhere(room: Room, clips: list[Clip]) -> None:
    b = MediaClient(None)
    await room.join("aaaa", MediaClient(clips[0]))
    await room.join("bbbb", b)
    await grows(b, "aaaa", "camera")
    room.change("aaaa", publish=("mic",))
    await room.tell()
    assert await is_still(b, "aaaa", "camera")
    await grows(b, "aaaa", "mic")


async def test_one_leaves_and_is_gone_for_the_others(started: Started, room: Room, clips: list[Clip]) -> None:
    app, _ = started
    a, b = MediaClient(clips[0]), MediaClient(None)
    await room.join("aaaa", a)
    await room.join("bbbb", b)
    await grows(b, "aaaa", "camera")
    del room.members["aaaa"]
    await room.tell()
    await app.send(ClosePeer(peer="peer-aaaa"))
    assert await is_still(b, "aaaa", "camera")
    down = await app.until(lambda: app.bodies(PeerDown))
    assert (down[0].peer, down[0].reason) == ("peer-aaaa", "closed")
    await app.until(lambda: all(line.participant == "" for line in app.offers[-1].lines))


async def test_a_client_that_closes_is_reported(started: Started, room: Room, clips: list[Clip]) -> None:
    app, _ = started
    a = MediaClient(clips[0])
    await room.join("aaaa", a)
    await app.until(lambda: len(app.bodies(PeerUp)) == 2)
    await a.close()
    await app.until(lambda: {down.leg for down in app.bodies(PeerDown)} == {"publish", "subscribe"})


async def test_the_next_visit_uses_the_same_connections(started: Started, room: Room, clips: list[Clip]) -> None:
    app, _ = started
    a, b = MediaClient(clips[0]), MediaClient(None)
    await room.join("aaaa", a)
    await room.join("bbbb", b)
    await grows(b, "aaaa", "camera")
    room.state = "closed"
    await room.tell()
    assert await is_still(b, "aaaa", "camera")
    ups = len(app.bodies(PeerUp))
    following = Room(app, session="nextaaaaaaaaaaaaaaaaaaaa")
    following.clients = room.clients
    following.add("cccc", "peer-aaaa", publish=("mic", "camera"))
    following.add("dddd", "peer-bbbb")
    await following.tell()
    await grows(b, "cccc", "camera", 15)
    await grows(b, "cccc", "mic", 15)
    assert len(app.bodies(PeerUp)) == ups and not app.bodies(PeerDown)


async def test_publishing_again_replaces_the_connection(started: Started, room: Room, clips: list[Clip]) -> None:
    app, _ = started
    a, b = MediaClient(clips[0]), MediaClient(None, decode=True)
    await room.join("aaaa", a)
    await room.join("bbbb", b)
    await grows(b, "aaaa", "camera")
    await room.publish("aaaa")
    await app.until(
        lambda: len([up for up in app.bodies(PeerUp) if up.peer == "peer-aaaa" and up.leg == "publish"]) == 2
    )
    await grows(b, "aaaa", "camera", 30)
    assert b.received["aaaa", "camera"].damaged == 0


async def test_bad_offers_are_refused_with_a_code_and_cost_nothing(
    started: Started, room: Room, clips: list[Clip]
) -> None:
    app, _ = started
    a, b = MediaClient(clips[0]), MediaClient(None)
    await room.join("aaaa", a)
    await room.join("bbbb", b)
    await grows(b, "aaaa", "camera")
    assert a.publisher is not None
    good = a.publisher.localDescription.sdp
    for sdp, code in [
        ("garbage", "sdp.malformed"),
        (good.replace("VP8", "VP9").replace("H264", "AV1"), "sdp.no_common_codec"),
        (good + "a=x\r\n" * 20_000, "sdp.too_long"),
        (good.replace("a=ice-ufrag", "a=ice-nothing"), "sdp.malformed"),
        (good.replace("a=fingerprint:sha-", "a=fingerprint:md-"), "sdp.malformed"),
    ]:
        answer = await app.ask(PublishOffer(req="", peer="peer-aaaa", sdp=sdp))
        assert isinstance(answer, Refused) and answer.code == code, (code, answer)
    await app.send(SubscribeAnswer(peer="peer-bbbb", offer=99, sdp="v=0"))
    await app.send(SubscribeAnswer(peer="nobody", offer=1, sdp="v=0"))
    await app.until(lambda: len(app.refusals) == 2)
    await grows(b, "aaaa", "camera")
    assert isinstance(await app.ask(PublishOffer(req="", peer="peer-cccc", sdp=good)), Answer)
