"""Key frames and VP8 counters, read from any bytes and compared with aiortc's own descriptors."""

from __future__ import annotations

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor
from hypothesis import given
from hypothesis import strategies as st

from media.codecs import NO_VP8, h264_sps, h264_starts_key, patch_vp8, vp8_info, vp8_size
from tests.support.media import vp8


@given(st.binary(max_size=60))
def test_any_bytes_are_read_without_raising(payload: bytes) -> None:
    vp8_info(payload)
    h264_starts_key(payload)
    h264_starts_key(payload, parameters_known=True)
    vp8_size(payload)
    h264_sps(payload)


@given(st.integers(0, 0x7FFF), st.integers(0, 255), st.integers(0, 0x7FFF), st.integers(0, 255), st.booleans())
def test_shifted_counters_read_back(picture: int, layer: int, up: int, layer_up: int, key: bool) -> None:
    payload = vp8(key, picture, layer)
    info = vp8_info(payload)
    assert (info[0], info[3], info[5]) == (key, picture, layer)
    buffer = bytearray(5) + payload
    patch_vp8(buffer, 5, info, up, layer_up)
    descriptor, rest = VpxPayloadDescriptor.parse(bytes(buffer[5:]))
    assert descriptor.picture_id == (picture + up) & 0x7FFF
    assert descriptor.tl0picidx == (layer + layer_up) & 0xFF
    assert len(rest) == 21


def test_a_seven_bit_picture_id_stays_one_byte() -> None:
    payload = bytes((0x90, 0x80, 0x7F, 0x00, 1, 2))
    info = vp8_info(payload)
    assert info[:4] == (True, 2, False, 0x7F)
    buffer = bytearray(payload)
    patch_vp8(buffer, 0, info, 2, 0)
    assert buffer == bytes((0x90, 0x80, 0x01, 0x00, 1, 2))


def test_only_the_first_packet_of_a_frame_starts_a_key_frame() -> None:
    assert vp8_info(vp8(True))[0]
    assert not vp8_info(vp8(True, first=False))[0]
    assert not vp8_info(vp8(False))[0]
    assert vp8_info(b"\x90\x80\x80") is NO_VP8


def test_the_temporal_layer_and_its_sync_bit_are_read() -> None:
    for temporal, sync in ((0, False), (1, True), (2, False), (3, True)):
        head = bytes((0x90, 0xE0, 0x81, 0x23, 7, temporal << 6 | sync << 5, 0x01, 0))
        assert vp8_info(head)[3:] == (0x123, 4, 7, temporal, sync)
    assert vp8_info(bytes((0x90, 0x10, 0xFF, 0x01, 0)))[6:] == (0, False), "a key index is not a temporal layer"


def test_a_key_frame_tells_its_size() -> None:
    frame = b"\x10\x00\x00\x9d\x01\x2a\x00\x45\xd0\x42"  # 1280x720, both with a wish for upscaling
    assert vp8_size(b"\x90\x80\x81\x23" + frame) == (1280, 720)
    assert vp8_size(b"\x10" + frame) == (1280, 720)
    assert vp8_size(b"\x10" + frame[:9]) == (0, 0)
    assert h264_sps(b"\x18\x00\x02\x68\x01\x00\x03\x67\x42\x00") == b"\x67\x42\x00"
    assert h264_sps(b"\x67\x42") == b"\x67\x42" and h264_sps(b"\x65\x00") == b""


@pytest.mark.parametrize(
    ("payload", "starts", "with_parameters"),
    [
        (b"\x67\x42", True, True),  # SPS
        (b"\x18\x00\x02\x67\x42\x00\x02\x68\x01", True, True),  # STAP-A of SPS and PPS
        (b"\x18\x00\x02\x68\x01\x00\x02\x65\x01", False, True),  # STAP-A of PPS and IDR
        (b"\x65\x00", False, True),  # IDR
        (b"\x7c\x85", False, True),  # FU-A, start of an IDR
        (b"\x7c\x05", False, False),  # FU-A, middle of an IDR
        (b"\x41\x00", False, False),  # a slice
        (b"\x18\x00\x00\x00", False, False),
    ],
)
def test_h264_begins_at_an_sps_or_at_an_idr_whose_parameters_are_known(
    payload: bytes, starts: bool, with_parameters: bool
) -> None:
    assert h264_starts_key(payload) is starts
    assert h264_starts_key(payload, parameters_known=True) is with_parameters
