"""Leaving temporal layers out: what passes has no holes, what got lost keeps its place, rising waits for a sync."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.codecs import Vp8Info
from media.seq import time_delta
from media.thinning import ALL, Thinning

PATTERN = ((0, False), (2, True), (1, True), (2, False), (0, False), (2, False), (1, False), (2, False))
"""Temporal layer and Y bit of eight frames, as Chromium's L1T3 has them: one sync per layer and round."""


@dataclass(frozen=True)
class Piece:
    number: int
    timestamp: int
    info: Vp8Info


def stream(frames: int, packets: int = 3, picture: int = 100) -> list[Piece]:
    pieces = []
    number = 1000
    for frame in range(frames):
        temporal, sync = PATTERN[frame % len(PATTERN)]
        for part in range(packets):
            is_key = frame == 0 and part == 0
            info = (is_key, 2, True, (picture + frame) & 0x7FFF, 4, frame & 0xFF, temporal, sync)
            pieces.append(Piece(number, (frame * 3000) & 0xFFFFFFFF, info))
            number += 1
    return pieces


@dataclass
class Section:
    """A run as the thinning makes it."""

    start: int
    offset: int
    shift: int
    last: int = -1


def begin(piece: Piece, wanted: int) -> Thinning[Section]:
    thinning = Thinning(Section, Section(piece.number, 5000, 7), 7, piece.number - 1, -1)
    thinning.wanted = wanted
    return thinning


def passed(thinning: Thinning[Section], pieces: list[Piece]) -> list[tuple[Piece, int, int]]:
    """(packet, outgoing number, outgoing picture id) of what passes."""
    out = []
    for piece in pieces:
        run = thinning.take(piece.number, piece.timestamp, 100, piece.info)
        if run is not None:
            out.append((piece, piece.number + run.offset, (piece.info[3] + run.shift) & 0x7FFF))
    return out


@pytest.mark.parametrize(("limit", "share"), [(0, 1 / 4), (1, 1 / 2), (2, 1)])
def test_what_passes_has_no_holes(limit: int, share: float) -> None:
    pieces = stream(64, picture=0x7FF0)
    thinning = begin(pieces[0], limit)
    out = passed(thinning, pieces)
    assert len(out) == len(pieces) * share
    assert [number for _, number, _ in out] == list(range(6000, 6000 + len(out)))
    pictures = [picture for _, _, picture in out[::3]]
    assert pictures == [(0x7FF0 + 7 + index) & 0x7FFF for index in range(len(pictures))]
    assert all(piece.info[6] <= limit for piece, _, _ in out)
    assert thinning.left_out[0] == len(pieces) - len(out)
    assert thinning.last_out == out[-1][1]


def test_a_nack_finds_its_packet_again() -> None:
    pieces = stream(80)
    thinning = begin(pieces[0], 0)
    for piece, number, picture in passed(thinning, pieces):
        found = thinning.find(number)
        assert found is not None
        assert number - found.offset == piece.number and (piece.info[3] + found.shift) & 0x7FFF == picture
    assert thinning.find(thinning.last_out + 1) is None and thinning.find(5999) is None


def test_it_rises_only_at_frames_that_need_nothing_left_out() -> None:
    pieces = stream(48)
    thinning = begin(pieces[0], 0)
    passed(thinning, pieces[:30])  # frames 0..9
    thinning.wanted = ALL
    seen = [piece.info for piece, _, _ in passed(thinning, pieces[30:])]
    first = {temporal: next(info for info in seen if info[6] == temporal) for temporal in (1, 2)}
    assert first[1][7], "the second layer begins with a sync"
    assert first[2][7], "so does the third"
    assert thinning.is_over()


def test_a_frame_is_cut_neither_at_its_beginning_nor_in_its_middle() -> None:
    pieces = stream(32)
    thinning = begin(pieces[0], ALL)
    out = passed(thinning, pieces[:22])  # one packet into frame 7, which is of layer 2
    thinning.wanted = 0
    out += passed(thinning, pieces[22:])
    frames: dict[int, int] = {}
    for piece, _, _ in out:
        frames[piece.timestamp] = frames.get(piece.timestamp, 0) + 1
    assert set(frames.values()) == {3}
    assert 7 * 3000 in frames and 9 * 3000 not in frames


def test_a_key_frame_lets_everything_wanted_through_at_once() -> None:
    pieces = stream(16)
    thinning = begin(pieces[0], 0)
    passed(thinning, pieces[:12])
    thinning.wanted = 2
    key = (True, *pieces[12].info[1:])
    assert thinning.take(pieces[12].number, pieces[12].timestamp, 1, key) is not None
    rest = [piece.info[6] for piece, _, _ in passed(thinning, pieces[13:])]
    assert {0, 1, 2} == set(rest)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), packets=st.integers(1, 4), limit=st.integers(0, 2), frames=st.integers(20, 120))
def test_over_a_bad_line_every_packet_has_one_place(data: st.DataObject, packets: int, limit: int, frames: int) -> None:
    """Lost packets arrive late or never: what passes keeps its order, and nothing takes another one's place."""
    pieces = stream(frames, packets)
    fates = data.draw(st.lists(st.integers(0, 19), min_size=len(pieces), max_size=len(pieces)))
    thinning = begin(pieces[0], limit)
    taken: dict[int, Piece] = {}
    waiting: list[tuple[int, Piece]] = []
    missing = set()
    for index, (piece, fate) in enumerate(zip(pieces, fates, strict=True)):
        if fate == 0 and index:
            missing.add(piece.number)
            continue
        if fate == 1 and index:
            waiting.append((index + 5, piece))
            continue
        for due, late in [one for one in waiting if one[0] <= index]:
            waiting.remove((due, late))
            for one, number, _ in passed(thinning, [late]):
                assert taken.setdefault(number, one) is one
        for one, number, _ in passed(thinning, [piece]):
            assert taken.setdefault(number, one) is one
    ordered = [taken[number].number for number in sorted(taken)]
    assert ordered == sorted(ordered), "order is kept"
    for number, piece in list(taken.items())[-30:]:
        found = thinning.find(number)
        assert found is not None and number - found.offset == piece.number
    holes = (max(taken) - min(taken) + 1) - len(taken)
    assert holes <= len(missing) + len(waiting), "only what got lost leaves a hole"
    whole = {piece.timestamp for piece in taken.values() if piece.info[6] > limit}
    assert len(whole) <= len(missing) + sum(1 for fate in fates if fate == 1), "nothing beyond the limit but late ones"
    assert all(time_delta(piece.timestamp, 0) >= 0 for piece in taken.values())
