"""The path of a packet: order, holes, padding, retransmissions, restarts, layers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import rtp
from media.types import PublishedMedia
from tests.support.link import Link
from tests.support.media import (
    H264,
    IN_IDS,
    OPUS,
    VP8,
    Packet,
    Sender,
    World,
    audio_line,
    camera,
    member,
    microphone,
    parse,
    rtx_of,
    video_line,
    vp8,
)


def steps(packets: list[Packet]) -> list[int]:
    return [(later.seq - earlier.seq) & 0xFFFF for earlier, later in zip(packets, packets[1:], strict=False)]


def padding_of(sender: Sender) -> bytes:
    data = bytearray(sender.packet(b"\0\0\0\4"))
    data[0] |= 0x20
    return bytes(data)


def test_padding_only_packets_are_dropped_without_leaving_holes(world: World, picture: Sender) -> None:
    world.send("peer-an", picture.key())
    for _ in range(3):
        world.send("peer-an", padding_of(picture))
    world.send("peer-an", picture.delta())
    lost = padding_of(picture)
    world.send("peer-an", picture.delta())
    assert steps(world.received("peer-binh")) == [1, 2]
    world.send("peer-an", lost)
    (late,) = world.received("peer-binh")
    assert late.payload == b"", "a late one fills the hole that was already shown"


def test_padding_behind_a_payload_is_cut(world: World, sound: Sender) -> None:
    data = bytearray(sound.sound(b"opus\0\2"))
    data[0] |= 0x20
    world.send("peer-an", bytes(data))
    assert world.received("peer-binh")[0].payload == b"opus"


@pytest.mark.parametrize("first", [65_530, 0, 32_760])
def test_numbers_run_on_across_the_wrap(first: int) -> None:
    world = World()
    world.apply(members=(member("an"), member("binh")))
    world.publish("peer-an", microphone())
    world.subscribe("peer-binh", (audio_line(ssrc=0x7FFE), "an", "mic"))
    sender = Sender(100, OPUS, seq=first, timestamp=0xFFFFFFFF - 960 * 5)
    for _ in range(20):
        world.send("peer-an", sender.sound())
    packets = world.received("peer-binh")
    assert steps(packets) == [1] * 19
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in zip(packets, packets[1:], strict=False)} == {960}


def test_late_packets_keep_their_place_and_duplicates_are_dropped(world: World, sound: Sender) -> None:
    one, two, three = sound.sound(b"1"), sound.sound(b"2"), sound.sound(b"3")
    for data in (one, three, two, two, three, one):
        world.send("peer-an", data)
    packets = world.received("peer-binh")
    assert [packet.payload for packet in packets] == [b"1", b"3", b"2"]
    assert packets[2].seq == (packets[0].seq + 1) & 0xFFFF
    assert world.relay.dropped == {"duplicate": 3}


def test_retransmissions_are_unwrapped_and_probes_ignored(world: World, picture: Sender) -> None:
    world.send("peer-an", picture.key())
    lost = picture.delta()
    world.send("peer-an", picture.delta())
    world.received("peer-binh")
    world.send("peer-an", rtp.build(97, 500, 0, 201, b""))
    world.send("peer-an", rtp.build(97, 501, 0, 201, (1000).to_bytes(2, "big")))
    world.send("peer-an", rtx_of(lost, 201, 97, 502))
    world.send("peer-an", rtx_of(lost, 201, 97, 503))
    (packet,) = world.received("peer-binh")
    assert packet.payload == parse(lost).payload
    assert packet.ssrc == 6000 and packet.payload_type == 120
    assert world.relay.dropped == {"rtx_padding": 2, "duplicate": 1}


def test_a_stray_number_is_dropped_and_a_restart_followed(world: World, sound: Sender) -> None:
    world.send("peer-an", sound.sound(b"1"))
    stray = Sender(100, OPUS, seq=30_000)
    world.send("peer-an", stray.sound(b"stray"))
    world.send("peer-an", sound.sound(b"2"))
    restarted = Sender(100, OPUS, seq=20_000, timestamp=7)
    for name in (b"lost to the restart", b"3", b"4"):
        world.send("peer-an", restarted.sound(name))
    packets = world.received("peer-binh")
    assert [packet.payload for packet in packets] == [b"1", b"2", b"3", b"4"]
    assert steps(packets) == [1, 1, 1]
    assert world.relay.dropped == {"jump": 2}


def test_picture_ids_go_on_when_a_line_changes_its_picture(world: World) -> None:
    world.apply(members=(member("an"), member("binh"), member("chi")))
    world.publish("peer-chi", camera(ssrc=800, rtx=801))
    one, two = Sender(200, VP8), Sender(800, VP8)
    world.send("peer-an", one.key(0x7FFE, 254))
    world.send("peer-an", one.delta(0x7FFF, 255))
    world.now += 0.04
    world.subscribe("peer-binh", (video_line(), "chi", "camera"))
    world.send("peer-chi", two.key(77, 3))
    world.send("peer-chi", two.delta(78, 4))
    packets = world.received("peer-binh")
    pictures = [int.from_bytes(packet.payload[2:4], "big") & 0x7FFF for packet in packets]
    assert pictures == [0x7FFE, 0x7FFF, 0, 1]
    assert [packet.payload[4] for packet in packets] == [254, 255, 0, 1]
    assert steps(packets) == [1, 1, 1]


def test_h264_begins_with_its_parameters() -> None:
    world = World()
    world.apply(members=(member("an"), member("binh")))
    world.publish("peer-an", camera(codec=H264))
    world.subscribe("peer-binh", (video_line(codec=H264), "an", "camera"))
    sender = Sender(200, H264)
    for payload in (b"\x41slice", b"\x65idr", b"\x18\0\2\x67\x42\0\2\x68\x01", b"\x65idr"):
        world.send("peer-an", sender.packet(payload))
    assert len(world.received("peer-binh")) == 2


def simulcast() -> PublishedMedia:
    return PublishedMedia("1", "camera", VP8, IN_IDS, rids=("q", "h"))


def test_the_best_layer_that_is_sent_is_shown_from_its_key_frame_on(world: World) -> None:
    world.publish("peer-an", simulcast(), queue=world.queues["peer-an", "publish"])
    low = Sender(301, VP8, extensions={4: b"1", 10: b"q"})
    high = Sender(302, VP8, seq=40_000, timestamp=9, extensions={4: b"1", 10: b"h"})
    world.send("peer-an", low.key(1))
    world.send("peer-an", low.delta(2))
    assert len(world.received("peer-binh")) == 2
    world.send("peer-an", high.delta(500))
    world.send("peer-an", low.delta(3))
    assert len(world.received("peer-binh")) == 1, "no switch without a key frame"
    world.now += 0.03
    world.send("peer-an", high.key(501))
    world.send("peer-an", low.delta(4))
    world.send("peer-an", high.delta(502))
    first, second = world.received("peer-binh")
    assert [int.from_bytes(packet.payload[2:4], "big") & 0x7FFF for packet in (first, second)] == [4, 5]
    for _ in range(15):
        world.send("peer-an", low.delta(5))
        world.received("peer-binh")
        world.run(0.1)
    assert world.plis("peer-an") >= 1, "the higher layer is gone, so the lower one is asked for a key frame"
    world.send("peer-an", low.key(6))
    assert len(world.received("peer-binh")) == 1


def test_a_retransmission_finds_its_layer_by_rrid(world: World) -> None:
    world.publish("peer-an", simulcast(), queue=world.queues["peer-an", "publish"])
    low = Sender(301, VP8, extensions={4: b"1", 10: b"q"})
    world.send("peer-an", low.key())
    lost = low.delta()
    world.send("peer-an", low.delta())
    world.received("peer-binh")
    original = parse(lost)
    block = rtp.build_extensions({4: b"1", 11: b"q"})
    payload = original.seq.to_bytes(2, "big") + original.payload
    world.send("peer-an", rtp.build(97, 9, original.timestamp, 401, payload, True, block))
    assert [packet.payload for packet in world.received("peer-binh")] == [original.payload]


def test_late_start_of_a_key_frame_still_begins_the_picture(world: World, picture: Sender) -> None:
    world.send("peer-an", picture.delta())
    start = picture.packet(vp8(True), step=3000)
    world.send("peer-an", picture.packet(vp8(True, first=False), marker=True))
    assert world.received("peer-binh") == []
    world.send("peer-an", rtx_of(start, 201, 97, 1))
    world.send("peer-an", picture.delta())
    first, second = world.received("peer-binh")
    assert (second.seq - first.seq) & 0xFFFF == 2, "the receiver will ask for the one in between"


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    loss=st.sampled_from([0.0, 0.05, 0.2]),
    jitter=st.sampled_from([0.0, 0.05]),
    first=st.integers(0, 0xFFFF),
)
def test_over_a_bad_line_everything_recovered_is_forwarded_once(
    seed: int, loss: float, jitter: float, first: int
) -> None:
    """An uplink with loss, reordering and duplicates; the publisher answers our NACKs over RTX."""
    world = World()
    world.apply(members=(member("an"), member("binh")))
    world.publish("peer-an", camera())
    world.subscribe("peer-binh", (video_line(), "an", "camera"))
    link = Link(seed=seed, loss=loss, jitter=jitter, duplicate=0.02, delay=0.01)
    sender = Sender(200, replace(VP8), seq=first)
    sent: dict[int, bytes] = {}
    rtx_seq = 0
    world.send("peer-an", sender.key())
    out = world.received("peer-binh")
    for index in range(300):
        if index < 200:
            data = sender.packet(vp8(False, body=index.to_bytes(2, "big")), step=1500)
            sent[parse(data).seq] = data
            link.send(data, world.now)
        for _, data in link.arrived(world.now):
            world.send("peer-an", data)
            out += world.received("peer-binh")
        for kind, form, body in world.feedback("peer-an"):
            if (kind, form) == (205, 1):
                for at in range(8, len(body), 4):
                    pid, mask = int.from_bytes(body[at : at + 2], "big"), int.from_bytes(body[at + 2 : at + 4], "big")
                    for seq in [pid] + [(pid + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1]:
                        rtx_seq += 1
                        link.send(rtx_of(sent[seq], 201, 97, rtx_seq), world.now)
        world.run(0.01)
    numbers = [packet.seq for packet in out]
    assert len(set(numbers)) == len(numbers), "nothing twice"
    bodies = {(packet.seq - out[0].seq) & 0xFFFF: packet.payload[-2:] for packet in out[1:]}
    for place, body in bodies.items():
        assert int.from_bytes(body, "big") == place - 1, "everything in its place"
    assert len(bodies) >= 195, "losses are repaired"
