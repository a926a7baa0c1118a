"""Pieces of a take become one replay file in which every frame stands at its moment."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from media.clip import Clip, ClipOptions, make_clip, read_frame
from media.muxer import MuxError, Picture, ReplayFile, read_units
from media.takes import Piece, make_take

RATE = 10
BASE_US = 1_795_000_000_000_000
OPTIONS = ClipOptions(width=160, height=96, rate=RATE, seconds=9, bitrate_bps=60_000)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return make_clip(3, "", (), OPTIONS)


def piece(folder: Path, clip: Clip, first: int, last: int, *, pictures: bool = True) -> Piece:
    """A piece as a browser writes it: pictures ``first`` (a key frame) to before ``last``, with their sound."""
    path = folder / f"{first:04d}-{pictures}.webm"
    file = ReplayFile(path, Picture("vp8", 160, 96) if pictures else None, True)
    for number in range(first, last):
        at = (number - first) * 1_000_000 // RATE
        if pictures:
            file.write_picture(clip.pictures[number], number == first, at)
        for step in range(5):
            file.write_sound(clip.sounds[number * 5 + step], at + step * 20_000, 20_000)
    file.close()
    return Piece(path, BASE_US + first * 1_000_000 // RATE)


def counters(path: Path) -> list[tuple[int, int]]:
    with av.open(str(path)) as file:
        found = [(round(float(frame.time or 0) * 1000), read_frame(frame)) for frame in file.decode(video=0)]
    return [(at, value & 0xFFF) for at, value in found if value is not None]


def test_it_works(tmp_path: Path, clip: Clip) -> None:
    """Overlapping pieces, in any order: each picture once, at its own time."""
    pieces = [piece(tmp_path, clip, 40, 83), piece(tmp_path, clip, 0, 42)]
    made = make_take(pieces, tmp_path, "t")
    (only,) = made.segments
    assert (only.kind, only.media_type, made.problems) == ("take", "video/webm", ())
    assert only.start_utc == BASE_US / 1e6
    assert only.duration_s == pytest.approx(8.3, abs=0.1)
    assert counters(only.file) == [(number * 100, number) for number in range(83)]
    assert only.clamped == 0 and only.frames["camera"] == 83


def test_a_piece_that_was_cut_out_leaves_a_hole_of_its_length(tmp_path: Path, clip: Clip) -> None:
    made = make_take([piece(tmp_path, clip, 0, 20), piece(tmp_path, clip, 60, 80)], tmp_path, "t")
    (only,) = made.segments
    assert [at for at, _ in counters(only.file)] == [*range(0, 2000, 100), *range(6000, 8000, 100)]
    assert only.filled >= 190, "players drift where sound is missing"


def test_a_long_hole_and_a_camera_that_comes_later_begin_a_new_file(tmp_path: Path, clip: Clip) -> None:
    late = piece(tmp_path, clip, 20, 40)
    far = Piece(late.path, late.start_us + 60_000_000)
    made = make_take([piece(tmp_path, clip, 0, 20, pictures=False), late, far], tmp_path, "t")
    assert [one.media_type for one in made.segments] == ["audio/webm", "video/webm", "video/webm"]
    assert [round(one.start_utc - BASE_US / 1e6) for one in made.segments] == [0, 2, 62]


def test_hostile_pieces_cost_only_themselves(tmp_path: Path, clip: Clip) -> None:
    good = piece(tmp_path, clip, 0, 20)
    bad = tmp_path / "bad.webm"
    bad.write_bytes(bytes.fromhex("1a45dfa3") + bytes(3000))
    playlist = tmp_path / "list.webm"
    playlist.write_text("#EXTM3U\nfile:///etc/passwd\n")
    made = make_take([good, Piece(bad, BASE_US + 5_000_000), Piece(playlist, BASE_US + 6_000_000)], tmp_path, "t")
    assert [code for code, _ in made.problems] == ["piece_unreadable"] * 2
    assert len(made.segments) == 1
    for path in (bad, playlist):
        with pytest.raises(MuxError):
            read_units(path)


def test_a_piece_that_was_cut_off_gives_what_it_holds(tmp_path: Path, clip: Clip) -> None:
    good = piece(tmp_path, clip, 0, 40)
    good.path.write_bytes(good.path.read_bytes()[:-4000])
    assert 10 < len(read_units(good.path)) < 240


def test_nothing_makes_nothing(tmp_path: Path) -> None:
    assert make_take([], tmp_path, "t").segments == ()
