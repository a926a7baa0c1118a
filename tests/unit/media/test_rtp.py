"""RTP on buffers: any bytes are read without raising, and what we build reads back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media import rtp
from media.types import ExtensionIds

ELEMENTS = st.dictionaries(st.integers(1, 14), st.binary(min_size=1, max_size=16), max_size=6)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_raising(data: bytes) -> None:
    start = rtp.payload_start(data)
    if start < 0:
        return
    assert rtp.HEADER_SIZE <= start <= len(data)
    end = rtp.payload_end(data, start)
    assert end == -1 or start <= end <= len(data)
    rtp.find_extensions(data, start)
    if data[0] & 0x10:
        level, time, _ = rtp.scan_extensions(data, start, 1, 2)
        assert -1 <= level <= 255 and -1 <= time < 1 << 24


@given(st.sampled_from([0xBEDE, 0x1000, 0x100F, 0x1234]), st.binary(max_size=64))
def test_any_extension_block_is_read_without_raising(profile: int, block: bytes) -> None:
    block = block[: len(block) // 4 * 4]
    data = rtp.build(
        96, 1, 2, 3, b"x", extensions=profile.to_bytes(2, "big") + (len(block) // 4).to_bytes(2, "big") + block
    )
    start = rtp.payload_start(data)
    assert data[start:] == b"x"
    rtp.find_extensions(data, start)
    rtp.scan_extensions(data, start, 1, 2)


@given(ELEMENTS, st.binary(max_size=100), st.booleans())
def test_a_built_packet_reads_back(elements: dict[int, bytes], payload: bytes, marker: bool) -> None:
    block = rtp.build_extensions(elements) if elements else b""
    data = rtp.build(111, 70_000, 1 << 33, 99, payload, marker, block)
    start = rtp.payload_start(data)
    assert data[start:] == payload
    assert rtp.find_extensions(data, start) == elements
    first, second, seq, timestamp, ssrc = rtp.HEADER.unpack_from(data)
    assert (second >> 7 == 1, second & 0x7F, seq, timestamp, ssrc) == (marker, 111, 70_000 & 0xFFFF, 0, 99)
    assert first >> 6 == 2


def test_two_byte_elements_are_found() -> None:
    block = bytes.fromhex("1000 0002 01 01 85 02 03 010203".replace(" ", ""))
    data = rtp.build(111, 1, 2, 3, b"", extensions=block)
    start = rtp.payload_start(data)
    assert rtp.find_extensions(data, start) == {1: b"\x85", 2: b"\1\2\3"}
    assert rtp.scan_extensions(data, start, 1, 2) == (0x85, 0x010203, -1)


def test_padding_is_cut_and_impossible_padding_refused() -> None:
    data = bytearray(rtp.build(96, 1, 2, 3, b"abc\0\0\3"))
    data[0] |= 0x20
    assert data[12 : rtp.payload_end(data, 12)] == b"abc"
    data[-1] = 7
    assert rtp.payload_end(data, 12) == -1
    data[-1] = 0
    assert rtp.payload_end(data, 12) == -1


@given(
    st.builds(ExtensionIds, mid=st.integers(0, 30), audio_level=st.integers(0, 30), abs_send_time=st.integers(0, 30)),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=16),
    st.booleans(),
    st.integers(-1, 127),
)
def test_a_template_is_a_well_formed_header_whatever_was_negotiated(
    ids: ExtensionIds, mid: str, audio: bool, level: int
) -> None:
    used = [ident for ident in (ids.mid, ids.audio_level, ids.abs_send_time) if ident]
    if len(set(used)) < len(used) or 15 in used:
        return
    template = rtp.HeaderTemplate(100, 77, ids, mid, audio)
    if template.level_at:
        template.set_level(level)
    if template.time_at:
        template.buffer[template.time_at : template.time_at + 3] = rtp.abs_send_time(3.0)
    data = bytes(template.buffer) + b"payload"
    start = rtp.payload_start(data)
    assert data[start:] == b"payload" and start == template.size
    expected = {}
    if ids.mid and mid:
        expected[ids.mid] = mid.encode()
    if ids.audio_level and audio and level >= 0:
        expected[ids.audio_level] = bytes([level])
    if ids.abs_send_time:
        expected[ids.abs_send_time] = (3 << 18).to_bytes(3, "big")
    assert rtp.find_extensions(data, start) == expected


def test_text_values_are_plain_ascii() -> None:
    assert rtp.text_value(b"mid0") == "mid0"
    assert rtp.text_value(b"q\0\0") == "q"
    assert rtp.text_value(b"\xff") == ""
    assert rtp.text_value(None) == ""


def test_pictures_can_be_held_back_at_the_receiver() -> None:
    template = rtp.HeaderTemplate(96, 77, ExtensionIds(mid=1, transport_cc=4, playout_delay=5), "0", False)
    data = bytes(template.buffer)
    assert rtp.find_extensions(data, rtp.payload_start(data))[5] == bytes([0x00, 0x03, 0xE8]), "0 to 10 s: as if unsaid"
    template.set_least_delay(0.48)
    data = bytes(template.buffer)
    assert rtp.find_extensions(data, rtp.payload_start(data))[5] == bytes([0x03, 0x03, 0xE8])
    sound = rtp.HeaderTemplate(111, 78, ExtensionIds(mid=1, playout_delay=5), "1", True)
    sound.set_least_delay(1.0)
    assert 5 not in rtp.find_extensions(bytes(sound.buffer), rtp.payload_start(sound.buffer))


def test_the_transport_wide_number_is_found_among_other_extensions() -> None:
    def number(data: bytes, ident: int) -> int:
        parsed = rtp.parse(data, 9, 8, ident)
        assert parsed is not None
        return parsed[6]

    block = rtp.build_extensions({4: b"0", 1: b"\x85", 3: b"\x12\x34", 2: b"abc"})
    data = rtp.build(96, 1, 2, 3, b"payload", False, block)
    assert number(data, 3) == 0x1234
    assert number(data, 5) == -1
    assert number(data, 2) == -1, "of another size"
    assert number(rtp.build(96, 1, 2, 3, b"payload", False, b""), 3) == -1
