"""Frames in a stream: whatever is put in comes out, however it is cut; hostile streams are bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.framing import HEAD, FrameTooLong, split
from media.types import MAX_DATAGRAM

datagrams = st.lists(st.binary(max_size=MAX_DATAGRAM), max_size=8)


def framed(all_: list[bytes]) -> bytes:
    return b"".join(HEAD.pack(len(one)) + one for one in all_)


@given(datagrams, st.lists(st.integers(1, 700), max_size=60))
def test_whatever_goes_in_comes_out(sent: list[bytes], cuts: list[int]) -> None:
    stream, begun, found = framed(sent), b"", []
    for size in [*cuts, len(stream)]:
        piece, stream = stream[:size], stream[size:]
        frames, at = split(memoryview(begun + piece))
        found += [bytes(one) for one in frames]
        begun = (begun + piece)[at:]
        assert len(begun) <= MAX_DATAGRAM + 1
    assert found == sent and begun == b""


@given(st.binary(max_size=5000))
def test_a_hostile_stream_raises_only_what_is_declared(data: bytes) -> None:
    try:
        frames, at = split(memoryview(data))
    except FrameTooLong:
        return
    assert sum(len(one) + HEAD.size for one in frames) == at <= len(data)
    assert all(len(one) <= MAX_DATAGRAM for one in frames)


def test_the_longest_frame_passes_and_one_byte_more_does_not() -> None:
    (one,), _ = split(memoryview(framed([bytes(MAX_DATAGRAM)])))
    assert len(one) == MAX_DATAGRAM
    with pytest.raises(FrameTooLong):
        split(memoryview(HEAD.pack(MAX_DATAGRAM + 1)))
