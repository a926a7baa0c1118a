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


# --- cut for an extract ----------------------------------------------------------------------------------------------


def between(start: float, end: float) -> tuple[int, int]:
    return round(BASE_US + start * 1e6), round(BASE_US + end * 1e6)


def coded(path: Path) -> list[bytes]:
    with av.open(str(path)) as file:
        return [bytes(packet) for packet in file.demux(video=0) if packet.size]


def sounds(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(1 for packet in file.demux(audio=0) if packet.size)


def test_a_cut_holds_exactly_what_lies_between(tmp_path: Path, clip: Clip) -> None:
    """Half of one piece and half of the next: each picture once, at its moment, and none from outside."""
    pieces = [piece(tmp_path, clip, 0, 42), piece(tmp_path, clip, 40, 83)]
    (only,) = make_take(pieces, tmp_path, "t", between(1.25, 6.55)).segments
    begin = only.start_utc - BASE_US / 1e6
    assert 1.25 <= begin < 1.28 and only.duration_s == pytest.approx(5.3, abs=0.1)
    assert [number for _, number in counters(only.file)] == list(range(13, 66))
    assert all(abs(at / 1000 + begin - number / RATE) < 0.03 for at, number in counters(only.file))
    assert 264 <= sounds(only.file) <= 266


def next_key(clip: Clip, after: int) -> int:
    """The next picture that is a key frame (RFC 6386 9.1)."""
    return next(number for number in range(after + 1, 90) if not clip.pictures[number][0] & 1)


def test_what_is_encoded_again_ends_at_the_next_key_frame_and_is_stated(tmp_path: Path, clip: Clip) -> None:
    """From there on the recorded pictures stand byte for byte; a cut at a key frame encodes nothing."""
    pieces = [piece(tmp_path, clip, 0, 42), piece(tmp_path, clip, 40, 83)]
    first = 33
    key = next_key(clip, first)
    assert key <= 40
    (only,) = make_take(pieces, tmp_path, "t", between(first / RATE, 7.0)).segments
    assert only.reencoded == (between(first / RATE, key / RATE),)
    assert coded(only.file)[key - first :] == list(clip.pictures[key:70])
    assert coded(only.file)[0] != clip.pictures[first]
    (clean,) = make_take(pieces, tmp_path, "u", between(-5, 2)).segments
    assert clean.reencoded == () and coded(clean.file) == list(clip.pictures[:20])


def test_pieces_outside_are_not_even_read(tmp_path: Path, clip: Clip) -> None:
    good = piece(tmp_path, clip, 20, 40)
    bad = tmp_path / "bad.webm"
    bad.write_bytes(b"nothing that plays")
    others = [Piece(bad, BASE_US - 4_000_000), Piece(bad, BASE_US), Piece(bad, BASE_US + 4_000_000)]
    made = make_take([good, *others], tmp_path, "t", between(2, 4))
    assert made.problems == () and [number for _, number in counters(made.segments[0].file)] == list(range(20, 40))


@pytest.mark.parametrize(("start", "end"), [(-9, 0), (8.5, 20)])
def test_a_take_outside_gives_nothing(tmp_path: Path, clip: Clip, start: float, end: float) -> None:
    pieces = [piece(tmp_path, clip, 0, 42), piece(tmp_path, clip, 40, 83)]
    assert make_take(pieces, tmp_path, "t", between(start, end)).segments == ()


def test_sound_alone_is_cut_at_its_packets(tmp_path: Path, clip: Clip) -> None:
    (only,) = make_take([piece(tmp_path, clip, 0, 40, pictures=False)], tmp_path, "t", between(1, 2)).segments
    assert only.media_type == "audio/webm" and only.reencoded == () and sounds(only.file) == 50


def test_pictures_of_impossible_size_are_not_decoded(
    tmp_path: Path, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's memory is filled by a piece from outside: its pictures begin at the next key frame."""
    monkeypatch.setattr("media.takes.MOST_PIXELS", 100 * 100)
    (only,) = make_take([piece(tmp_path, clip, 0, 83)], tmp_path, "t", between(2.25, 6)).segments
    assert [number for _, number in counters(only.file)] == list(range(next_key(clip, 22), 60))
    assert only.reencoded == () and 187 <= sounds(only.file) <= 188
