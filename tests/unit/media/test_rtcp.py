"""RTCP on buffers: any bytes are read without raising, and what we build reads back (also by aiortc)."""

from __future__ import annotations

from typing import Any

import pytest
from aiortc import rtp as reference
from hypothesis import given
from hypothesis import strategies as st

from media import rtcp


def read_with_aiortc(data: bytes) -> list[Any]:
    return list(reference.RtcpPacket.parse(data))


def read_all(data: bytes) -> None:
    for kind, count, at, end in rtcp.packets(data):
        assert at <= end <= len(data)
        rtcp.read_sender(data, at, end)
        list(rtcp.read_blocks(data, kind, count, at, end))
        _, wanted = rtcp.read_nack(data, at, end)
        assert len(wanted) <= rtcp.MAX_NACKED
        rtcp.read_keyframe_request(data, rtcp.PLI, at, end)
        rtcp.read_keyframe_request(data, rtcp.FIR, at, end)
        rtcp.read_remb(data, at, end)
        rtcp.read_bye(data, count, at, end)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_raising(data: bytes) -> None:
    read_all(data)


@given(
    st.lists(
        st.tuples(st.integers(0x80, 0xBF), st.integers(192, 223), st.integers(0, 12), st.binary(max_size=48)),
        max_size=8,
    )
)
def test_any_compound_packet_is_read_without_raising(parts: list[tuple[int, int, int, bytes]]) -> None:
    read_all(b"".join(bytes((first, kind, 0, words)) + body for first, kind, words, body in parts))


def test_reading_is_bounded() -> None:
    assert len(list(rtcp.packets(bytes((0x80, 201, 0, 0)) * 300))) == rtcp.MAX_PACKETS


@given(st.sets(st.integers(0, 400), min_size=1, max_size=60), st.sampled_from([0, 65_400, 131_000]))
def test_a_nack_reads_back_across_the_wrap(offsets: set[int], base: int) -> None:
    missing = sorted(base + offset for offset in offsets)
    buffer = bytearray(1500)
    size = rtcp.write_nack(buffer, 8, 1, 42, missing)
    ((kind, form, at, end),) = rtcp.packets(buffer[8 : 8 + size])
    assert (kind, form) == (rtcp.RTPFB, rtcp.NACK)
    assert rtcp.read_nack(buffer[8 : 8 + size], at, end) == (42, [number & 0xFFFF for number in missing])
    (theirs,) = read_with_aiortc(bytes(buffer[8 : 8 + size]))
    assert [number & 0xFFFF for number in theirs.lost] == [number & 0xFFFF for number in missing]


@given(st.integers(1000, 20_000_000))
def test_remb_reads_back_within_its_precision(bitrate: int) -> None:
    buffer = bytearray(200)
    size = rtcp.write_remb(buffer, 0, 1, bitrate, [7, 8])
    ((_, form, at, end),) = rtcp.packets(buffer[:size])
    assert form == rtcp.REMB
    assert bitrate * 0.9999 <= rtcp.read_remb(buffer, at, end) <= bitrate
    (theirs,) = read_with_aiortc(bytes(buffer[:size]))
    assert reference.unpack_remb_fci(theirs.fci) == (rtcp.read_remb(buffer, at, end), [7, 8])


def test_reports_read_back() -> None:
    buffer = bytearray(400)
    size = rtcp.write_receiver_report(buffer, 0, 1, [(5, 64, -3, (1 << 32) + 9, 100, 0x1234, 0x10)])
    ((kind, count, at, end),) = rtcp.packets(buffer[:size])
    assert list(rtcp.read_blocks(buffer, kind, count, at, end)) == [(5, 64, 9, 100, 0x1234, 0x10)]
    (theirs,) = read_with_aiortc(bytes(buffer[:size]))
    assert theirs.reports[0].packets_lost == -3
    size = rtcp.write_sender_report(buffer, 0, 9, 0x1122334455667788, 77, 3, 4)
    size += rtcp.write_sdes(buffer, size, 9, "participant")
    (sender, _, at, end), (sdes, _, _, _) = rtcp.packets(buffer[:size])
    assert (sender, sdes) == (rtcp.SR, rtcp.SDES)
    assert rtcp.read_sender(buffer, at, end) == (9, 0x1122334455667788, 77)
    _, names = read_with_aiortc(bytes(buffer[:size]))
    assert names.chunks[0].items == [(1, b"participant")]


def test_key_frame_requests_and_goodbyes_read_back() -> None:
    buffer = bytearray(100)
    for form, size in (
        (rtcp.PLI, rtcp.write_pli(buffer, 0, 1, 55)),
        (rtcp.FIR, rtcp.write_fir(bytearray(100), 0, 1, 55, 3)),
    ):
        if form == rtcp.FIR:
            rtcp.write_fir(buffer, 0, 1, 55, 3)
        ((kind, found, at, end),) = rtcp.packets(buffer[:size])
        assert (kind, found) == (rtcp.PSFB, form)
        assert rtcp.read_keyframe_request(buffer, form, at, end) == [55]
    size = rtcp.write_bye(buffer, 0, 55)
    ((kind, count, at, end),) = rtcp.packets(buffer[:size])
    assert (kind, rtcp.read_bye(buffer, count, at, end)) == (rtcp.BYE, [55])


def test_a_reference_time_is_written_and_its_answers_are_read() -> None:
    buffer = bytearray(100)
    size = rtcp.write_reference_time(buffer, 0, 1, 0x0123456789ABCDEF)
    assert bytes(buffer[:size]).hex() == "80cf000400000001040000020123456789abcdef"
    answer = bytes.fromhex("80cf000a000000640500000600000001456789ab0000001000000002cafecafe00000020") + bytes(
        [9, 0, 0, 0]
    )
    [(kind, _, at, end)] = [found for found in rtcp.packets(answer + bytes(4)) if found[0] == rtcp.XR]
    assert rtcp.read_delays(answer + bytes(4), at, end) == [(1, 0x456789AB, 16), (2, 0xCAFECAFE, 32)]


def test_reading_delays_is_bounded() -> None:
    blocks = b"\x05\0\0\x03" + bytes(12)
    data = b"\0\0\0\1" + blocks * 90 + b"\x05\0\xff\xff"
    assert len(rtcp.read_delays(data, 0, len(data))) == rtcp.MAX_BLOCKS
    assert rtcp.read_delays(b"\0\0\0\1\x05\0\0\x02" + bytes(8), 0, 16) == []


def compound(*parts: tuple[int, int, int]) -> bytes:
    """Packets of (type, count or format, words behind the header)."""
    return b"".join(bytes((0x80 | form, kind, 0, words)) + bytes(4 * words) for kind, form, words in parts)


@pytest.mark.parametrize(
    ("data", "may"),
    [
        (compound((rtcp.SR, 0, 6)), True),
        (compound((rtcp.RR, 1, 7), (rtcp.SDES, 1, 4)), True),
        (compound((rtcp.RTPFB, rtcp.WIDE, 5)), True),
        (compound((rtcp.RR, 1, 7), (rtcp.RTPFB, rtcp.NACK, 3)), False),
        (compound((rtcp.RR, 0, 1), (rtcp.PSFB, rtcp.PLI, 2)), False),
        (compound((rtcp.RR, 0, 1), (rtcp.BYE, 1, 1)), False),
        (compound((rtcp.PSFB, rtcp.REMB, 5)), False),
        (compound((rtcp.RR, 0, 1))[:-1], False),
        (compound((rtcp.RR, 0, 1)) + b"\x80", False),
        (compound(*[(rtcp.RR, 0, 1)] * (rtcp.MAX_PACKETS + 1)), False),
        (b"", False),
    ],
)
def test_what_asks_for_something_does_not_wait(data: bytes, may: bool) -> None:
    assert rtcp.may_wait(data) is may
