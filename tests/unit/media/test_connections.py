"""Legs over their life, in virtual time: consent, lost offers, replacement, draining."""

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

from media.connections import REPEAT_OFFER_S, Connections
from media.errors import RelayFull, SdpError, UnknownPeer
from media.ice import CONSENT_S, KEEP_S, SETUP_S
from media.messages import Leg, Line, PublishOffer, Source, SubscribeAnswer
from media.peer import Connection
from media.settings import Announced
from media.transport import Certificate
from media.types import ParticipantId, PeerId

CHROMIUM = (Path(__file__).parents[2] / "data" / "sdp" / "chromium-156-offer.sdp").read_text()
PEER = PeerId("peer")


class Core:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.wants: list[tuple[ParticipantId, Source]] = []

    def receive_ordinary(self, found: list[object], at: int, now: float, batch: object) -> int:
        return at

    blind_at = float("inf")

    def ordinary_legs(self) -> None:
        return None

    def passed_by(self, packets: int) -> None:
        pass

    def wanted(self, peer: PeerId) -> list[tuple[ParticipantId, Source]]:
        return self.wants

    def codec_of(self, *_: Any) -> None:
        return None

    def most_bps(self, source: Source) -> int:
        return 0

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.append((name, *arguments))


class World:
    """Connections with everything around them made of paper."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.core = Core()
        self.events: list[tuple[Any, ...]] = []
        self.known: set[Any] = set()
        core: Any = self.core
        self.legs = Connections(self, core, Announced([("192.0.2.1", 0)], 4000), self, lambda: self.now)  # type: ignore[arg-type]

    def add(self, connection: Any) -> None:
        self.known.add(connection)

    def remove(self, connection: Any) -> None:
        self.known.discard(connection)

    def send_dtls(self, connection: Any, data: bytes) -> None:
        pass

    def leg_up(self, peer: PeerId, leg: Leg) -> None:
        self.events.append(("up", leg))

    def leg_down(self, peer: PeerId, leg: Leg, reason: str) -> None:
        self.events.append(("down", leg, reason))

    def offer(self, peer: PeerId, number: int, text: str, lines: tuple[Line, ...]) -> None:
        self.events.append(("offer", number, tuple(line.participant for line in lines)))

    def connection(self, leg: Leg = "publish") -> Any:
        return self.legs._legs[PEER, leg].connection

    def come_up(self, leg: Leg = "publish") -> Any:
        """As if ICE and DTLS were done."""
        connection = self.connection(leg)
        connection.ice.consent_at = self.now
        connection.is_up = True
        connection._on_up(connection)
        return connection

    def publish(self, text: str = CHROMIUM) -> str:
        return self.legs.publish(PublishOffer(req="r", peer=PEER, sdp=text))


@pytest.fixture
async def world() -> Any:
    world = World()
    yield world
    await world.legs.close_all()
    await asyncio.sleep(0)


async def test_it_works(world: World) -> None:
    answer = world.publish()
    assert "a=ice-lite" in answer and "192.0.2.1 4000 typ host" in answer and "a=setup:passive" in answer
    world.come_up()
    assert world.core.calls[0][:2] == ("attach_publisher", PEER)
    assert world.legs.connected() == {PEER: ("publish",)}
    world.legs.close(PEER, None)
    assert world.events == [("up", "publish"), ("down", "publish", "closed")]
    assert world.core.calls[-1][0] == "detach" and len(world.legs) == 0 and not world.known


async def test_consent_runs_out_comes_back_and_ends_the_leg(world: World) -> None:
    world.publish()
    connection = world.come_up()
    world.now += CONSENT_S
    world.legs.tick(world.now)
    assert connection.is_silent and world.legs.connected() == {}
    connection.ice.consent_at = world.now
    world.legs.tick(world.now)
    assert not connection.is_silent
    world.now += CONSENT_S
    world.legs.tick(world.now)
    world.now += KEEP_S
    world.legs.tick(world.now)
    assert [event[0] for event in world.events] == ["up", "down", "up", "down"]
    assert world.events[-1] == ("down", "publish", "consent") and len(world.legs) == 0


async def test_a_leg_that_nobody_comes_to_ends_without_a_report(world: World) -> None:
    world.publish()
    world.now += SETUP_S
    world.legs.tick(world.now)
    assert len(world.legs) == 0 and world.events == []


async def test_an_offer_of_the_same_connection_restarts_ice_and_keeps_dtls(world: World) -> None:
    world.publish()
    first = world.come_up()
    old = first.ice.ufrag
    ufrag = CHROMIUM.split("a=ice-ufrag:")[1].split("\n")[0]
    answer = world.publish(CHROMIUM.replace(f"a=ice-ufrag:{ufrag}", "a=ice-ufrag:newu"))
    assert world.connection() is first and first.ice.ufrag != old and first.ice.ufrag in answer
    assert old in first.ice.credentials
    assert [call[0] for call in world.core.calls] == ["attach_publisher", "attach_publisher"]


async def test_a_leg_that_ended_waits_for_no_collector() -> None:
    """With its keys, records and queue: hundreds come and go in a day, and the collector of cycles comes rarely."""
    ends: dict[str, Connection] = {}
    up = asyncio.Queue[None]()

    def send(connection: Connection, data: bytes) -> None:
        ends["client" if connection is ends["server"] else "server"].receive_dtls(data)

    certificate: Any = Certificate.generateCertificate()
    for name in ("server", "client"):
        ends[name] = Connection(
            PEER, "subscribe", 0.0, certificate, send, lambda _: up.put_nowait(None), lambda _: None
        )
    gc.collect()
    gc.disable()
    try:
        for name, connection in ends.items():
            connection.start(certificate.fingerprints, name == "server")
        for _ in ends:
            await asyncio.wait_for(up.get(), 10)
        seen = [weakref.ref(connection._dtls) for connection in ends.values()]
        seen += [weakref.ref(connection.sending._session) for connection in ends.values() if connection.sending]
        for connection in ends.values():
            await connection.close()
        await asyncio.sleep(0.05)  # what was cancelled has ended
        ends.clear()
        del connection
        assert [ref() for ref in seen] == [None] * 4
    finally:
        gc.enable()


async def test_an_offer_of_another_connection_replaces_the_leg(world: World) -> None:
    world.publish()
    first = world.come_up()
    digest = CHROMIUM.split("a=fingerprint:sha-256 ")[1].split("\n")[0]
    world.publish(CHROMIUM.replace(digest, digest[::-1]))
    assert world.connection() is not first and first not in world.known
    assert world.events[-1] == ("down", "publish", "replaced")
    assert "detach" not in [call[0] for call in world.core.calls]


async def test_a_bad_offer_leaves_the_running_leg_alone(world: World) -> None:
    world.publish()
    first = world.come_up()
    for text in ("nonsense", CHROMIUM.replace("a=fingerprint:", "a=nothing:"), CHROMIUM.replace("ice-pwd", "no-pwd")):
        with pytest.raises(SdpError):
            world.publish(text)
    assert world.connection() is first and world.events == [("up", "publish")]


async def test_an_offer_that_got_lost_is_sent_again_with_its_number(world: World) -> None:
    world.legs.subscribe(PEER, False)
    assert world.events == [("offer", 1, ("", ""))]
    world.legs.tick(world.now + REPEAT_OFFER_S - 1)
    assert len(world.events) == 1
    world.legs.tick(world.now + REPEAT_OFFER_S)
    assert world.events[1:] == [("offer", 1, ("", ""))]


async def test_numbers_go_on_when_the_leg_is_opened_anew(world: World) -> None:
    world.legs.subscribe(PEER, False)
    world.legs.subscribe(PEER, False)
    assert [event[:2] for event in world.events] == [("offer", 1), ("offer", 2)]


async def test_changes_wait_for_the_answer(world: World) -> None:
    world.legs.subscribe(PEER, False)
    world.core.wants = [(ParticipantId("aaaa"), "mic")]
    world.legs.changed([PEER, PeerId("stranger")])
    assert len(world.events) == 1


async def test_answers_for_nobody_are_refused(world: World) -> None:
    with pytest.raises(UnknownPeer):
        world.legs.answer(SubscribeAnswer(peer=PEER, offer=1, sdp="v=0"))


async def test_a_draining_relay_takes_no_new_leg_but_keeps_the_old(world: World) -> None:
    world.publish()
    world.legs.is_draining = True
    world.publish()
    with pytest.raises(RelayFull):
        world.legs.subscribe(PEER, False)


async def test_a_restart_keeps_the_leg_and_offers_new_credentials(world: World) -> None:
    world.legs.subscribe(PEER, False)
    first = world.come_up("subscribe")
    old = first.ice.ufrag
    world.legs.restart(PEER)
    assert world.connection("subscribe") is first and first.ice.ufrag != old and old in first.ice.credentials
    assert [event[:2] for event in world.events if event[0] == "offer"] == [("offer", 1), ("offer", 2)]
    world.legs.restart(PEER)
    assert first.ice.retired == [old], "whoever routes by user name is told to forget it"


async def test_a_restart_without_its_leg_is_refused(world: World) -> None:
    with pytest.raises(UnknownPeer):
        world.legs.restart(PEER)
    with pytest.raises(UnknownPeer):
        world.legs.publish(PublishOffer(req="r", peer=PEER, sdp=CHROMIUM, restart=True))
    assert len(world.legs) == 0
    world.publish()
    digest = CHROMIUM.split("a=fingerprint:sha-256 ")[1].split("\n")[0]
    other = CHROMIUM.replace(digest, digest[::-1])
    with pytest.raises(UnknownPeer):
        world.legs.publish(PublishOffer(req="r", peer=PEER, sdp=other, restart=True))


async def test_a_client_that_is_heard_again_is_sent_to_at_once(world: World) -> None:
    world.publish()
    connection = world.come_up()
    world.now += CONSENT_S
    world.legs.tick(world.now)
    assert connection.is_silent
    connection.on_heard(connection)
    assert not connection.is_silent and world.events[-1] == ("up", "publish")


async def test_tcp_stands_behind_udp_in_answers_and_only_where_it_listens(world: World) -> None:
    assert " tcp " not in world.publish()
    world.legs._announced.has_tcp = True
    lines = [line for line in world.publish().splitlines() if line.startswith("a=candidate")]
    assert [line.split()[2] for line in lines[:2]] == ["udp", "tcp"]
    assert lines[1].endswith("192.0.2.1 4000 typ host tcptype passive")
    assert int(lines[1].split()[3]) < int(lines[0].split()[3])
