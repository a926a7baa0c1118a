"""RTP back to frames: order, loss, key frames, hostile bytes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.depacketize import PATIENCE_US, Depacketizer, Frame, h264_size, opus_duration_us
from tests.support.journals import h264_payloads, rtp, vp8_payloads

SPS = bytes.fromhex("6742c00cda05067e78400000030040000007a3c50aa8")  # 320x180, constrained baseline, by x264
PPS = bytes.fromhex("68ce0fc8")


def vp8_frame(key: bool, size: int, fill: int) -> bytes:
    head = b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xb4\x00" if key else b"\x11\x02\x00"
    return head + bytes([fill]) * size


def packets(frames: list[bytes], start: int = 65_530) -> list[tuple[int, bytes]]:
    """(frame index, packet)"""
    out = []
    for index, frame in enumerate(frames):
        parts = vp8_payloads(frame, index)
        for i, part in enumerate(parts):
            data = rtp(96, start + len(out), 0xFFFFFF00 + index * 3000, 7, part, i == len(parts) - 1)
            out.append((index, data))
    return out


def run(
    codec: str, arrivals: list[tuple[int, bytes]], first_time: int = 0xFFFFFF00
) -> tuple[list[Frame], Depacketizer]:
    depacketizer = Depacketizer(codec, first_time)
    frames: list[Frame] = []
    for at, data in arrivals:
        frames += depacketizer.push(memoryview(data), at)
    return frames + list(depacketizer.flush()), depacketizer


FRAMES = [vp8_frame(i % 10 == 0, 100 + 700 * (i % 4), i) for i in range(30)]


def test_it_works() -> None:
    frames, depacketizer = run("vp8", [(i * 1000, p) for i, (_, p) in enumerate(packets(FRAMES))])
    assert [f.data for f in frames] == FRAMES
    assert [f.is_key for f in frames] == [i % 10 == 0 for i in range(30)]
    assert (frames[0].width, frames[0].height) == (320, 180)
    assert [f.rtp_time - 0xFFFFFF00 for f in frames] == [3000 * i for i in range(30)]  # across the wrap
    assert depacketizer.lost == depacketizer.dropped == 0


@pytest.mark.parametrize("seed", range(10))
def test_reordered_and_doubled_packets_make_no_difference(seed: int) -> None:
    rng = random.Random(seed)
    sent = [(i * 1000 + rng.randrange(30_000), p) for i, (_, p) in enumerate(packets(FRAMES))]
    first, *rest = sent
    arrivals = [(0, first[1]), *sorted(rest + rng.sample(rest, 10))]
    assert [f.data for f in run("vp8", arrivals)[0]] == FRAMES


def test_a_lost_packet_costs_everything_up_to_the_next_key_frame() -> None:
    all_packets = packets(FRAMES)
    missing = next(i for i, (index, _) in enumerate(all_packets) if index == 13)
    arrivals = [(i * 50_000, p) for i, (_, p) in enumerate(all_packets) if i != missing]
    frames, depacketizer = run("vp8", arrivals)
    assert [f.data for f in frames] == FRAMES[:13] + FRAMES[20:]
    assert depacketizer.lost == 1 and depacketizer.dropped >= 6


def test_a_retransmission_within_the_patience_heals() -> None:
    arrivals = [(i * 1000, p) for i, (_, p) in enumerate(packets(FRAMES))]
    late = arrivals.pop(9)
    arrivals = sorted([*arrivals, (late[0] + PATIENCE_US // 2, late[1])])
    assert [f.data for f in run("vp8", arrivals)[0]] == FRAMES


def test_pictures_begin_with_a_key_frame() -> None:
    frames, depacketizer = run("vp8", [(i, p) for i, (index, p) in enumerate(packets(FRAMES)) if index >= 3])
    assert [f.data for f in frames] == FRAMES[10:] and depacketizer.dropped == 7


def test_a_sender_that_counts_anew_is_followed() -> None:
    first = [p for _, p in packets(FRAMES, start=40_000)]
    second = [p for _, p in packets(FRAMES * 8, start=30_000)]
    frames, _ = run("vp8", [(i, p) for i, p in enumerate(first + second)])
    assert len(frames) > 30 + 150


def test_sound_goes_on_after_a_loss() -> None:
    sent = [rtp(111, 100 + i, i * 960, 5, b"\xf8" + bytes([i]), False) for i in range(50)]
    arrivals = [(i * 20_000, p) for i, p in enumerate(sent) if i not in (10, 11)]
    frames, depacketizer = run("opus", arrivals, first_time=0)
    assert [f.rtp_time // 960 for f in frames] == [i for i in range(50) if i not in (10, 11)]
    assert depacketizer.lost == 2


def test_padding_and_probes_are_no_frames() -> None:
    depacketizer = Depacketizer("opus", 0)
    padded = bytearray(rtp(111, 1, 0, 5, b"\xf8abc\x00\x00\x03", False))
    padded[0] |= 0x20
    probe = bytearray(rtp(111, 2, 0, 5, b"\x00\x00\x03", False))
    probe[0] |= 0x20
    frames = [f for data in (padded, probe) for f in depacketizer.push(bytes(data), 0)]
    assert [f.data for f in frames] == [b"\xf8abc"]


def h264_frames() -> list[list[bytes]]:
    key = [SPS, PPS, b"\x65" + bytes(2500)]
    return [key] + [[b"\x41" + bytes([i]) * 1500] for i in range(1, 6)] + [key]


def test_h264_units_are_put_together_again() -> None:
    arrivals, number = [], 1
    for index, units in enumerate(h264_frames()):
        parts = h264_payloads(units)
        for i, part in enumerate(parts):
            arrivals.append((number, rtp(102, number, index * 3000, 9, part, i == len(parts) - 1)))
            number += 1
    frames, _ = run("h264", arrivals, first_time=0)
    assert [f.is_key for f in frames] == [True, *[False] * 5, True]
    start = b"\x00\x00\x00\x01"
    assert frames[0].data == start + start.join([SPS, PPS, b"\x65" + bytes(2500)])
    assert frames[1].data == start + b"\x41" + b"\x01" * 1500
    assert (frames[0].width, frames[0].height) == (320, 180)
    broken = [a for i, a in enumerate(arrivals) if i != 2]  # a fragment of the first key frame
    late = [(n * 2 * PATIENCE_US, p) for n, p in broken]
    assert [f.is_key for f in run("h264", late, first_time=0)[0]] == [True]


def test_the_size_of_a_picture_is_read_from_its_parameters() -> None:
    assert h264_size(SPS) == (320, 180)
    assert h264_size(SPS[:6]) is None and h264_size(b"\x67\x42\x00\x1e") is None


def test_opus_durations() -> None:
    assert opus_duration_us(b"\xf8\xff\xfe") == 20_000  # CELT, 20 ms
    assert opus_duration_us(b"\x08") == 20_000 and opus_duration_us(b"\x18") == 60_000  # SILK
    assert opus_duration_us(b"\x78") == 20_000 and opus_duration_us(b"\x79") == 40_000  # hybrid, two frames
    assert opus_duration_us(b"\xfb\x03") == 60_000 and opus_duration_us(b"") == 0


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(ValueError):
        Depacketizer("vp9", 0)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["opus", "vp8", "h264"]),
    st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.binary(max_size=60)), max_size=40),
)
def test_hostile_payloads_never_raise(codec: str, sent: list[tuple[int, bool, bytes]]) -> None:
    depacketizer = Depacketizer(codec, 0)
    for at, (number, marker, payload) in enumerate(sent):
        list(depacketizer.push(rtp(96, number, number // 4, 1, payload, marker), at * 300_000))
        list(depacketizer.push(payload, at * 300_000))
    list(depacketizer.flush())
