"""Learning what an SSRC is, from SDP, from mid and rid, or from its payload type."""

from __future__ import annotations

from media.types import PublishedMedia
from tests.support.media import IN_IDS, OPUS, VP8, Sender, World, audio_line, camera, member, microphone, video_line


def ready(*media: PublishedMedia) -> World:
    world = World()
    world.apply(members=(member("an"), member("binh")))
    world.publish("peer-an", *media)
    world.subscribe("peer-binh", (audio_line(), "an", "mic"), (video_line(), "an", "camera"))
    return world


def test_ssrcs_are_learnt_from_mid_and_kept_when_it_is_no_longer_sent() -> None:
    world = ready(microphone(ssrc=None), camera(ssrc=None, rtx=None))
    sender = Sender(555, OPUS, extensions={4: b"0"})
    world.send("peer-an", sender.sound(b"named"))
    sender.extensions = {}
    world.send("peer-an", sender.sound(b"not named"))
    assert [packet.payload for packet in world.received("peer-binh")] == [b"named", b"not named"]


def test_without_a_mid_a_payload_type_used_once_is_enough_and_one_used_twice_is_not() -> None:
    world = ready(microphone(ssrc=None), camera(ssrc=None), camera("2", None, None, source="screen"))
    world.send("peer-an", Sender(555, OPUS).sound())
    world.send("peer-an", Sender(556, VP8).key())
    assert [packet.ssrc for packet in world.received("peer-binh")] == [5000]
    assert world.relay.dropped == {"unknown_ssrc": 1}


def test_an_ssrc_that_differs_from_the_announced_one_replaces_it() -> None:
    world = ready(microphone(ssrc=100))
    world.send("peer-an", Sender(100, OPUS).sound(b"1"))
    world.send("peer-an", Sender(101, OPUS, extensions={4: b"0"}, timestamp=1 << 31).sound(b"2"))
    first, second = world.received("peer-binh")
    assert second.seq == (first.seq + 1) & 0xFFFF
    assert (second.timestamp - first.timestamp) & 0xFFFFFFFF < 48_000


def test_a_stray_ssrc_does_not_push_out_the_one_that_runs() -> None:
    world = ready(microphone(ssrc=100))
    world.send("peer-an", Sender(100, OPUS).sound(b"1"))
    world.send("peer-an", Sender(101, OPUS).sound(b"stray"))
    assert [packet.payload for packet in world.received("peer-binh")] == [b"1"]


def test_other_formats_of_a_known_ssrc_are_dropped() -> None:
    world = ready(microphone(ssrc=100))
    world.send("peer-an", Sender(100, VP8).key())
    assert world.relay.dropped == {"payload_type": 1}


def test_a_leg_learns_a_bounded_number_of_ssrcs() -> None:
    world = ready(microphone(ssrc=None))
    for ssrc in range(1000, 1200):
        world.send("peer-an", Sender(ssrc, OPUS, extensions={4: b"0"}).sound())
        world.received("peer-binh")
    assert world.relay.dropped["unknown_ssrc"] == 200 - 64


def test_a_learnt_ssrc_is_fenced_like_an_announced_one() -> None:
    world = ready(PublishedMedia("0", "mic", OPUS, IN_IDS))
    sender = Sender(555, OPUS, extensions={4: b"0"})
    world.send("peer-an", sender.sound(b"1"))
    world.apply(state="paused")
    world.apply(state="running")
    world.send("peer-an", sender.sound(b"in flight"))
    assert [packet.payload for packet in world.received("peer-binh")] == [b"1"]
