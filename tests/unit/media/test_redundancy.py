"""RED through the relay: who negotiated it gets it, the others and the journal get the same sound without it, what got
lost is mended from it, and nothing from before a fence comes along."""

from __future__ import annotations

from dataclasses import replace

import pytest

from media import rtcp, rtp
from media.red import parse
from media.types import SubscribedMedia
from tests.support.media import OPUS, Packet, Sender, World, audio_line, member, microphone
from tests.unit.media.test_red import written

RED = replace(OPUS, red_pt=63)


class Speaker(Sender):
    """Sends every sound again in the next packet, as browsers do."""

    def __init__(self) -> None:
        super().__init__(100, OPUS, extensions={4: b"0", 1: b"\x85"})
        self.before: list[tuple[int, bytes]] = []

    def red(self, sound: bytes, repeated: int = 1) -> bytes:
        """The next packet, with up to ``repeated`` sounds before it."""
        self.timestamp += 960
        blocks = [(self.timestamp - at, old) for at, old in self.before[-repeated:]]
        block = rtp.build_extensions(self.extensions)
        data = rtp.build(63, self.seq, self.timestamp, self.ssrc, written(blocks, sound), False, block)
        self.seq += 1
        self.before.append((self.timestamp, sound))
        return data


def red_line(ssrc: int = 5100) -> SubscribedMedia:
    """A section that negotiated RED; its Opus has another number than the publisher's."""
    line = audio_line("0", ssrc)
    return replace(line, codec=replace(line.codec, red_pt=64))


@pytest.fixture
def world() -> World:
    """An speaks with RED; Binh takes RED, Chi does not; all is recorded."""
    world = World()
    world.apply(members=(member("an"), member("binh"), member("chi")), record="full")
    world.publish("peer-an", microphone(codec=RED))
    world.subscribe("peer-binh", (red_line(), "an", "mic"))
    world.subscribe("peer-chi", (audio_line(), "an", "mic"))
    return world


@pytest.fixture
def speaker() -> Speaker:
    return Speaker()


def sounds(packet: Packet) -> tuple[bytes, ...]:
    """What a packet lets be heard, oldest first."""
    if packet.payload_type != 64:
        assert packet.payload_type == 109
        return (packet.payload,)
    red = parse(packet.payload, 109)
    assert red is not None
    return *(sound for _, sound in red.blocks), red.primary


def test_it_works(world: World, speaker: Speaker) -> None:
    for sound in (b"one", b"two", b"three"):
        world.send("peer-an", speaker.red(sound))
    with_red, without = world.received("peer-binh"), world.received("peer-chi")
    assert [sounds(packet) for packet in with_red] == [(b"one",), (b"one", b"two"), (b"two", b"three")]
    assert [packet.payload_type for packet in with_red] == [109, 64, 64]
    assert [packet.payload for packet in without] == [b"one", b"two", b"three"]
    assert {packet.payload_type for packet in without} == {109}
    assert world.recorder.tracks[0].payloads == [b"one", b"two", b"three"]
    assert {packet[1] & 0x7F for packet in world.recorder.tracks[0].packets} == {111}
    for got in (with_red, without):
        assert [packet.seq - got[0].seq & 0xFFFF for packet in got] == [0, 1, 2]
        assert [packet.timestamp - got[0].timestamp & 0xFFFFFFFF for packet in got] == [0, 960, 1920]
        assert [packet.extensions[2] for packet in got] == [b"\x85"] * 3


def test_red_and_plain_packets_of_a_publisher_are_one_stream(world: World, speaker: Speaker) -> None:
    world.send("peer-an", speaker.red(b"one"))
    world.send("peer-an", speaker.sound(b"two"))
    world.send("peer-an", speaker.red(b"three"))
    assert [packet.payload for packet in world.received("peer-chi")] == [b"one", b"two", b"three"]
    assert world.relay.dropped == {}


def test_an_unannounced_stream_may_begin_with_red(world: World, speaker: Speaker) -> None:
    world.publish("peer-an", microphone(ssrc=None, codec=RED))
    speaker.extensions = {1: b"\x85"}
    world.send("peer-an", speaker.red(b"one"))
    assert [packet.payload for packet in world.received("peer-chi")] == [b"one"]


@pytest.mark.parametrize("lost", [1, 2])
def test_what_was_lost_on_the_way_here_is_mended_at_once(world: World, speaker: Speaker, lost: int) -> None:
    world.send("peer-an", speaker.red(b"0", lost))
    for number in range(lost):
        speaker.red(b"lost%d" % number, lost)
    world.send("peer-an", speaker.red(b"last", lost))
    mended = [b"lost%d" % number for number in range(lost)]
    without = world.received("peer-chi")
    assert sorted((packet.seq, packet.payload) for packet in without) == [
        (without[0].seq + at, sound) for at, sound in enumerate([b"0", *mended, b"last"])
    ]
    assert [packet.timestamp - without[0].timestamp for packet in sorted(without, key=lambda one: one.seq)] == [
        960 * at for at in range(lost + 2)
    ]
    assert sorted(world.recorder.tracks[0].payloads) == sorted([b"0", *mended, b"last"])
    world.run(1.0)
    assert not any(kind == rtcp.RTPFB for kind, _, _ in world.feedback("peer-an")), "nothing is missing any more"


def test_what_comes_late_after_all_is_no_second_time(world: World, speaker: Speaker) -> None:
    world.send("peer-an", speaker.red(b"one"))
    late = speaker.red(b"two")
    world.send("peer-an", speaker.red(b"three"))
    world.send("peer-an", late)
    assert sorted(packet.payload for packet in world.received("peer-chi")) == [b"one", b"three", b"two"]
    assert sorted(world.recorder.tracks[0].payloads) == [b"one", b"three", b"two"]


def test_nothing_spoken_while_muted_comes_along(world: World, speaker: Speaker) -> None:
    world.send("peer-an", speaker.red(b"before"))
    world.apply(members=(member("an", muted=("mic",)), member("binh"), member("chi")))
    for _ in range(30):
        world.now += 0.02
        world.send("peer-an", speaker.red(b"secret", 3))
    world.apply(members=(member("an"), member("binh"), member("chi")))
    for _ in range(30):
        world.now += 0.02
        world.send("peer-an", speaker.red(b"after", 3))
    heard = [sounds(packet) for packet in world.received("peer-binh")]
    assert {sound for packet in heard for sound in packet} == {b"before", b"after"}
    assert heard[-1] == (b"after",) * 4, "RED comes again"
    assert set(world.recorder.tracks[0].payloads) == {b"before", b"after"}


def test_who_comes_later_hears_nothing_from_before(world: World, speaker: Speaker) -> None:
    world.apply(members=(member("an"), member("binh", receives=()), member("chi")))
    world.send("peer-an", speaker.red(b"before"))
    world.now += 0.02
    world.apply(members=(member("an"), member("binh"), member("chi")))
    for _ in range(30):
        world.now += 0.02
        world.send("peer-an", speaker.red(b"before" if world.now < 1000.13 else b"after", 2))
    heard = [sounds(packet) for packet in world.received("peer-binh")]
    assert heard[0] == (b"after",) and heard[-1] == (b"after",) * 3
    assert {sound for packet in heard for sound in packet} == {b"after"}


def test_mending_takes_nothing_from_before_a_fence(world: World, speaker: Speaker) -> None:
    world.send("peer-an", speaker.red(b"open"))
    world.apply(members=(member("an", muted=("mic",)), member("binh"), member("chi")))
    world.apply(members=(member("an"), member("binh"), member("chi")))
    speaker.red(b"secret")  # on its way when the microphone was muted, and lost
    world.now += 0.2
    speaker.timestamp += 9600 - 960
    world.send("peer-an", speaker.red(b"after"))
    assert [packet.payload for packet in world.received("peer-chi")] == [b"open", b"after"]
    assert b"secret" not in world.recorder.tracks[0].payloads


def test_a_resend_is_the_sound_alone(world: World, speaker: Speaker) -> None:
    for sound in (b"one", b"two"):
        world.send("peer-an", speaker.red(sound))
    packets = world.received("peer-binh")
    world.send_rtcp("peer-binh", "subscribe", nack(packets[1].ssrc, packets[1].seq))
    (again,) = world.received("peer-binh")
    assert (again.payload_type, again.seq, again.payload) == (109, packets[1].seq, b"two")


def nack(ssrc: int, seq: int) -> bytes:
    """A generic NACK for one packet (RFC 4585 6.2.1)."""
    return (
        bytes([0x81, 205, 0, 3]) + (1).to_bytes(4, "big") + ssrc.to_bytes(4, "big") + seq.to_bytes(2, "big") + b"\0\0"
    )


def test_malformed_red_is_dropped_and_counted(world: World, speaker: Speaker) -> None:
    world.send("peer-an", speaker.red(b"one"))
    world.send("peer-an", rtp.build(63, speaker.seq, speaker.timestamp + 960, 100, b"\xef\0\0", False))
    assert world.relay.dropped == {"red": 1}
    assert len(world.received("peer-chi")) == 1
