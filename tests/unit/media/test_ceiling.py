"""Ceilings: what honest senders do passes, what exceeds them by far does not and hurts nobody else."""

from __future__ import annotations

from media.ceiling import Ceilings, Meter
from media.relay import RelayOptions
from tests.support.media import VP8, Sender, World, vp8


def passes(meter: Meter, size: int, packets_per_s: float, seconds: float) -> float:
    """Share of packets at this rate that pass."""
    count = int(packets_per_s * seconds)
    passed = 0
    for index in range(count):
        meter.octets -= size
        meter.packets -= 1
        if (meter.octets >= 0 and meter.packets >= 0) or meter.refill(size, index / packets_per_s):
            passed += 1
    return passed / count


def test_a_sender_at_its_ceiling_passes_and_so_does_a_key_frame() -> None:
    assert passes(Meter(2_500_000, "camera", 0.0), 1200, 2_500_000 / 8 / 1200, 60) == 1.0
    assert passes(Meter(500_000, "camera", 0.0), 1200, 1000, 0.1) == 1.0
    assert passes(Meter(96_000, "mic", 0.0), 120, 50, 60) == 1.0


def test_ten_times_too_much_is_cut_to_about_the_ceiling() -> None:
    share = passes(Meter(500_000, "camera", 0.0), 1200, 5_000_000 / 8 / 1200, 60)
    assert 0.13 <= share <= 0.2


def test_many_tiny_packets_are_cut_too() -> None:
    assert passes(Meter(2_500_000, "camera", 0.0), 20, 20_000, 20) < 0.2
    assert passes(Meter(96_000, "mic", 0.0), 20, 5_000, 20) < 0.2


def test_ceilings_are_per_kind_and_may_change() -> None:
    ceilings = Ceilings(96_000, 2_500_000, 3_000_000, 8_000_000)
    assert [ceilings.of(source) for source in ("mic", "camera", "screen")] == [96_000, 2_500_000, 3_000_000]
    ceilings.set(1_000_000, 0)
    assert [ceilings.of(source) for source in ("mic", "camera", "document")] == [96_000, 1_000_000, 1_000_000]
    assert ceilings.viewer_bps == 8_000_000


def test_a_flood_is_dropped_and_counted_and_the_sound_beside_it_is_not(world: World, sound: Sender) -> None:
    flood = Sender(200, VP8, extensions={4: b"1"})
    world.send("peer-an", flood.key())
    sent = 0
    for _ in range(100):  # 10 s of 40 Mbit/s
        for _ in range(500):
            world.send("peer-an", flood.packet(vp8(False, body=bytes(980))))
        for _ in range(5):
            world.send("peer-an", sound.sound())
            sent += 1
        world.run(0.1)
        world.wire.take(world.queues["peer-an", "publish"])
    received = world.received("peer-binh")
    assert sum(1 for packet in received if packet.ssrc == 5000) == sent
    pictures = sum(len(packet.payload) for packet in received if packet.ssrc == 6000)
    assert pictures * 8 <= 1.6 * RelayOptions().camera_bitrate_bps * 12
    assert world.relay.dropped["over_ceiling"] > 30_000


def test_what_the_hub_says_holds_for_legs_that_are_up(world: World) -> None:
    world.relay.set_ceilings(400_000, 900_000)
    leg = world.relay._publishers["peer-an"]
    assert leg.estimator.ceiling_bps == 400_000 + 96_000
    line = world.relay._lines.of("peer-binh")
    assert line is not None and line.target_bps == 900_000
