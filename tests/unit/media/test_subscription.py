"""What a subscriber can ask for and what it is told: resends, sender reports, goodbyes to what is behind a fence."""

from __future__ import annotations

from typing import Any

import pytest

from media import rtcp
from media.layering import settle_now
from media.subscription import Subscription
from media.types import Ssrc, SubscribedMedia
from tests.support.media import (
    OPUS,
    OUT_IDS,
    VP8,
    Packet,
    Sender,
    World,
    audio_line,
    member,
    parse,
    video_line,
    vp8,
)


def nack(ssrc: int, *seqs: int) -> bytes:
    buffer = bytearray(1500)
    first = seqs[0]
    numbers = [first + ((seq - first) & 0xFFFF) for seq in seqs]
    return bytes(buffer[: rtcp.write_nack(buffer, 0, 7, ssrc, numbers)])


def pli(ssrc: int) -> bytes:
    buffer = bytearray(100)
    return bytes(buffer[: rtcp.write_pli(buffer, 0, 7, ssrc)])


def sender_report(ssrc: int, ntp: int, rtp_time: int) -> bytes:
    buffer = bytearray(100)
    return bytes(buffer[: rtcp.write_sender_report(buffer, 0, ssrc, ntp, rtp_time, 1, 2)])


def reports(world: World, peer: str) -> list[tuple[int, int, int]]:
    found = []
    for data in world.take(peer, "subscribe")[1]:
        for kind, _, at, end in rtcp.packets(data):
            if kind == rtcp.SR:
                report = rtcp.read_sender(data, at, end)
                assert report is not None
                found.append(report)
    return found


def shown(world: World, sender: Sender, count: int) -> list[Packet]:
    world.send("peer-an", sender.key())
    for index in range(count - 1):
        world.send("peer-an", sender.packet(vp8(False, body=bytes([index])), marker=True, step=3000))
    return world.received("peer-binh")


def test_a_nack_is_answered_over_rtx(world: World, picture: Sender) -> None:
    packets = shown(world, picture, 10)
    world.send_rtcp("peer-binh", "subscribe", nack(6000, packets[3].seq, packets[5].seq))
    again = world.received("peer-binh")
    assert [packet.ssrc for packet in again] == [6001, 6001]
    assert [packet.payload_type for packet in again] == [121, 121]
    assert [int.from_bytes(packet.payload[:2], "big") for packet in again] == [packets[3].seq, packets[5].seq]
    assert [packet.payload[2:] for packet in again] == [packets[3].payload, packets[5].payload]
    assert again[0].timestamp == packets[3].timestamp and again[0].marker
    assert again[1].seq == (again[0].seq + 1) & 0xFFFF
    assert again[0].extensions[OUT_IDS.mid] == b"1"


def test_where_much_is_lost_each_of_three_answers_goes_out_twice(world: World, picture: Sender) -> None:
    packets = shown(world, picture, 10)
    buffer = bytearray(100)
    size = rtcp.write_receiver_report(buffer, 0, 1, [(6000, 24, 10, packets[-1].seq, 0, 0, 0)])
    for _ in range(4):
        world.send_rtcp("peer-binh", "subscribe", bytes(buffer[:size]))
    world.send_rtcp("peer-binh", "subscribe", nack(6000, packets[3].seq))
    assert len(world.received("peer-binh")) == 2
    again = []
    for _ in range(4):
        world.run(0.1)
        world.send_rtcp("peer-binh", "subscribe", nack(6000, packets[3].seq))
        again += [packet.ssrc for packet in world.received("peer-binh")]
    assert again == [6001] * 4


def test_a_viewer_that_asks_on_after_the_last_answer_gets_a_key_frame(world: World, picture: Sender) -> None:
    packets = shown(world, picture, 10)
    world.run(0.7)
    world.plis("peer-an")
    for _ in range(4):
        world.run(0.15)
        world.send_rtcp("peer-binh", "subscribe", nack(6000, packets[3].seq))
        world.send("peer-an", picture.delta())
    world.run(0.6)
    assert world.plis("peer-an") == 1


def test_one_viewer_gets_key_frames_with_growing_pauses(world: World, picture: Sender) -> None:
    shown(world, picture, 10)
    subscription = Subscription(video_line(), world.queues["peer-binh", "subscribe"])
    asked = [tenth / 10 for tenth in range(200) if subscription.may_ask_key_frame(tenth / 10)]
    assert len(asked) <= 8 and asked[1] - asked[0] < 1.0
    assert subscription.may_ask_key_frame(40.0) and subscription.may_ask_key_frame(40.6)


def test_a_request_that_is_repeated_until_the_key_frame_comes_is_one_need(world: World, picture: Sender) -> None:
    shown(world, picture, 10)
    (publication,) = [each for each in world.relay._publishers["peer-an"].publications.values() if not each.audio]
    subscription = publication.subscriptions[0]
    assert all(subscription.may_ask_key_frame(world.now + tenth / 10) for tenth in range(30))
    subscription.layer.keys.arrived(world.now + 3.0)  # type: ignore[union-attr]
    assert not subscription.may_ask_key_frame(world.now + 3.1), "it is on its way"
    assert subscription.may_ask_key_frame(world.now + 3.6)


def test_a_viewer_whose_picture_was_stopped_costs_nobody_a_key_frame(world: World, picture: Sender) -> None:
    shown(world, picture, 10)
    (publication,) = [each for each in world.relay._publishers["peer-an"].publications.values() if not each.audio]
    subscription = publication.subscriptions[0]
    subscription.target = 0
    settle_now(publication, subscription, world.now)
    world.plis("peer-an")
    for _ in range(10):
        world.run(0.2)
        world.send_rtcp("peer-binh", "subscribe", pli(6000))
    assert world.plis("peer-an") == 0


def test_without_an_rtx_format_the_packet_itself_is_sent_again(world: World, sound: Sender) -> None:
    world.send("peer-an", sound.sound(b"sound"))
    (packet,) = world.received("peer-binh")
    world.send_rtcp("peer-binh", "subscribe", nack(5000, packet.seq))
    (again,) = world.received("peer-binh")
    assert (again.seq, again.timestamp, again.payload, again.ssrc) == (packet.seq, packet.timestamp, b"sound", 5000)
    assert again.extensions[OUT_IDS.audio_level] == b"\x85"


def test_a_packet_is_resent_three_times_at_most_and_not_in_one_breath(world: World, picture: Sender) -> None:
    packets = shown(world, picture, 5)
    world.send_rtcp("peer-binh", "subscribe", nack(6000, packets[2].seq))
    world.send_rtcp("peer-binh", "subscribe", nack(6000, packets[2].seq))
    assert len(world.received("peer-binh")) == 1
    for _ in range(5):
        world.run(0.05)
        world.send_rtcp("peer-binh", "subscribe", nack(6000, packets[2].seq))
    assert len(world.received("peer-binh")) == 2


def test_old_and_unknown_numbers_are_not_answered(world: World, picture: Sender) -> None:
    packets = shown(world, picture, 5)
    world.send_rtcp("peer-binh", "subscribe", nack(6000, (packets[0].seq - 1) & 0xFFFF, packets[-1].seq + 1))
    world.send_rtcp("peer-binh", "subscribe", nack(1, packets[2].seq))
    assert world.received("peer-binh") == []
    world.run(2.1)
    world.send_rtcp("peer-binh", "subscribe", nack(6000, packets[2].seq))
    assert world.received("peer-binh") == []


def test_the_answer_to_a_huge_nack_is_bounded(world: World, picture: Sender) -> None:
    packets = shown(world, picture, 60)
    everything = nack(6000, *[packet.seq for packet in packets]) * 20
    world.send_rtcp("peer-binh", "subscribe", everything)
    assert len(world.received("peer-binh")) <= 64


@pytest.mark.parametrize(
    "closing", [{"state": "paused"}, {"members": (member("an", muted=("camera",)), member("binh"))}]
)
def test_what_lies_behind_a_fence_is_not_resent(world: World, picture: Sender, closing: dict[str, Any]) -> None:
    packets = shown(world, picture, 5)
    world.apply(**closing)
    world.send_rtcp("peer-binh", "subscribe", nack(6000, packets[2].seq))
    assert world.received("peer-binh") == []
    world.apply(state="running", members=(member("an"), member("binh")))
    world.send_rtcp("peer-binh", "subscribe", nack(6000, packets[2].seq))
    assert world.received("peer-binh") == []


def test_another_participants_packets_are_not_resent_after_the_line_changed(world: World, picture: Sender) -> None:
    packets = shown(world, picture, 5)
    world.subscribe("peer-binh", (audio_line(), "", "mic"), (video_line(), "", "camera"))
    world.send_rtcp("peer-binh", "subscribe", nack(6000, packets[2].seq))
    assert world.received("peer-binh") == []


def test_sender_reports_say_what_the_publishers_own_said(world: World, sound: Sender, picture: Sender) -> None:
    """Sound and picture captured at one moment must be shown at one moment, whatever their offsets are."""
    world.send("peer-an", sound.sound())
    world.send("peer-an", picture.key())
    first_sound, first_picture = world.received("peer-binh")
    world.send_rtcp("peer-an", "publish", sender_report(100, 5000 << 32, sound.timestamp + 480))
    world.send_rtcp("peer-an", "publish", sender_report(200, 5001 << 32, picture.timestamp + 9000))
    said = {ssrc: (ntp, rtp_time) for ssrc, ntp, rtp_time in reports(world, "peer-binh")}
    assert said[5000] == (5000 << 32, first_sound.timestamp + 480)
    assert said[6000] == (5001 << 32, first_picture.timestamp + 9000)


def test_the_report_follows_the_line_to_another_participant(world: World, sound: Sender) -> None:
    world.send("peer-an", sound.sound())
    world.apply(members=(member("an"), member("binh"), member("chi")))
    from tests.support.media import microphone

    world.publish("peer-chi", microphone(ssrc=900))
    other = Sender(900, OPUS, timestamp=123_456)
    world.send("peer-chi", other.sound())
    world.send_rtcp("peer-chi", "publish", sender_report(900, 77 << 32, other.timestamp))
    world.received("peer-binh")
    world.now += 1.0
    world.subscribe("peer-binh", (audio_line(), "chi", "mic"))
    other.pause(2)
    world.send("peer-chi", other.sound())
    media, control = world.take("peer-binh", "subscribe")
    (packet,) = media
    assert len(control) == 1, "it is told at once, not only at the next report"
    kind, _, at, end = next(rtcp.packets(control[0]))
    assert kind == rtcp.SR
    _, ntp, rtp_time = rtcp.read_sender(control[0], at, end) or (0, 0, 0)
    assert ntp == 78 << 32
    captured = (packet.timestamp - rtp_time) / 48_000 + ntp / (1 << 32)
    assert captured == pytest.approx(77 + 2.02, abs=0.001)


def test_the_round_trip_is_measured_from_reports(world: World, sound: Sender) -> None:
    world.send("peer-an", sound.sound())
    world.send_rtcp("peer-an", "publish", sender_report(100, 5000 << 32 | 7 << 20, 1))
    ((_, ntp, _),) = reports(world, "peer-binh")
    world.run(0.25)
    buffer = bytearray(100)
    size = rtcp.write_receiver_report(buffer, 0, 9, [(5000, 128, 3, 10, 480, ntp >> 16 & 0xFFFFFFFF, int(0.2 * 65536))])
    world.send_rtcp("peer-binh", "subscribe", bytes(buffer[:size]))
    figures = next(leg for leg in world.relay.quality(world.now) if leg.peer == "peer-binh")
    assert figures.rtt_s == pytest.approx(0.05, abs=0.001)
    assert figures.loss == 0.5
    assert figures.jitter_s == pytest.approx(0.01)


def test_a_section_renegotiated_to_other_ids_keeps_its_numbers(world: World, sound: Sender) -> None:
    world.send("peer-an", sound.sound())
    (before,) = world.received("peer-binh")
    changed = SubscribedMedia("0", "audio", OPUS, OUT_IDS, Ssrc(5000), Ssrc(0))
    world.subscribe("peer-binh", (changed, "an", "mic"))
    sound.pause(0.2)
    world.send("peer-an", sound.sound())
    (after,) = world.received("peer-binh")
    assert after.payload_type == 111 and after.seq == (before.seq + 1) & 0xFFFF


def test_key_frames_and_sound_reach_every_one_of_many_subscribers(world: World, picture: Sender) -> None:
    names = [f"p{index}" for index in range(11)]
    world.apply(members=(member("an"), *(member(name) for name in names)))
    for name in names:
        world.subscribe(f"peer-{name}", (video_line(ssrc=9000), "an", "camera"))
    world.send("peer-an", picture.key())
    payloads = {world.received(f"peer-{name}")[0].payload for name in names}
    assert payloads == {parse(Sender(200, VP8).key()).payload}
