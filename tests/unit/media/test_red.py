"""RED: what browsers send is taken apart; whatever else comes is refused without harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.red import MAX_BLOCKS, MAX_OFFSET, Red, missing, parse

OPUS = 111


def written(blocks: list[tuple[int, bytes]], primary: bytes, payload_type: int = OPUS) -> bytes:
    """A RED payload as RFC 2198 3 draws it."""
    headers = b"".join(
        (1 << 31 | payload_type << 24 | offset << 10 | len(data)).to_bytes(4, "big") for offset, data in blocks
    )
    return headers + bytes([payload_type]) + b"".join(data for _, data in blocks) + primary


def test_a_packet_with_one_earlier_sound() -> None:
    payload = bytes([0xEF, 0x0F, 0x00, 0x03, 0x6F]) + b"old" + b"newer"
    red = parse(payload, OPUS)
    assert red is not None
    assert (red.primary, red.blocks, red.span) == (b"newer", ((960, b"old"),), 960)


def test_the_first_packet_carries_nothing_earlier() -> None:
    red = parse(written([], b"sound"), OPUS)
    assert red is not None
    assert (red.primary, red.blocks, red.span) == (b"sound", (), 0)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        bytes([0x6F]),  # no primary
        bytes([0xEF]),
        bytes([0xEF, 0, 0]),
        bytes([0xEF, 0x0F, 0x00, 0x09, 0x6F]) + b"short",  # the block reaches beyond the packet
        bytes([0xEF, 0x0F, 0x00, 0x05, 0x6F]) + b"exact",  # no primary is left
        written([(960, b"a")], b"b", 96),  # another codec
        written([(960 * (9 - n), b"x") for n in range(MAX_BLOCKS + 1)], b"p"),
        b"\xef\x00\x04\x00" * 300,  # headers without an end
    ],
)
def test_what_is_malformed_is_refused(payload: bytes) -> None:
    assert parse(payload, OPUS) is None


def test_blocks_get_the_receivers_payload_type() -> None:
    red = parse(written([(1920, b"aa"), (960, b"bbb")], b"c"), OPUS)
    assert red is not None
    again = parse(red.with_type(96), 96)
    assert again is not None
    assert (again.primary, again.blocks) == (red.primary, red.blocks)
    assert parse(red.with_type(96), OPUS) is None


def sounds(*offsets: int) -> Red:
    red = parse(written([(offset, b"%d" % offset) for offset in offsets], b"now"), OPUS)
    assert red is not None
    return red


def test_one_lost_packet_is_found_again() -> None:
    assert missing(sounds(960), 1920, 1) == ((1, 960, b"960"),)
    assert missing(sounds(1920, 960), 2880, 2) == ((2, 1920, b"1920"), (1, 960, b"960"))


def test_what_came_already_is_not_taken_for_what_is_missing() -> None:
    assert missing(sounds(1920, 960), 1920, 1) == ((1, 960, b"960"),)


def test_some_of_more_lost_packets_are_found_by_their_time() -> None:
    assert missing(sounds(960), 2880, 2) == ((1, 960, b"960"),)
    assert missing(sounds(2880, 960), 4800, 4) == ((3, 2880, b"2880"), (1, 960, b"960"))


def test_after_a_pause_as_many_as_are_missing_are_the_missing_ones() -> None:
    assert missing(sounds(960), 20_000, 1) == ((1, 960, b"960"),)


def test_nothing_is_guessed() -> None:
    assert missing(sounds(960), 20_000, 2) == (), "two are missing, one is there"
    assert missing(sounds(1920, 960), 3000, 1) == (), "one is missing, two are there"
    assert missing(sounds(960, 1920), 20_000, 2) == (), "not in order of time"
    assert missing(sounds(960), 1920, 0) == ()
    assert missing(sounds(), 1920, 1) == ()


block = st.tuples(st.integers(1, MAX_OFFSET), st.binary(min_size=1, max_size=300))


@given(st.lists(block, max_size=MAX_BLOCKS), st.binary(min_size=1, max_size=400), st.integers(0, 127))
def test_what_was_written_is_read(blocks: list[tuple[int, bytes]], primary: bytes, payload_type: int) -> None:
    payload = written(blocks, primary, payload_type)
    red = parse(payload, payload_type)
    assert red is not None
    assert (red.primary, list(red.blocks)) == (primary, blocks)
    assert red.with_type(payload_type) == payload


@given(st.binary(max_size=1500), st.integers(0, 127))
def test_whatever_comes_nothing_is_made_up(payload: bytes, payload_type: int) -> None:
    red = parse(payload, payload_type)
    if red is not None:
        assert red.primary and payload.endswith(red.primary)
        assert sum(len(data) for _, data in red.blocks) + len(red.primary) < len(payload)
        assert all(0 < offset <= MAX_OFFSET for offset, _ in red.blocks)
