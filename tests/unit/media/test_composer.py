"""Composed files read back: what is seen and heard at which moment, and what a broken input costs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import av
import pytest

from media.clip import Clip, ClipOptions, make_clip, read_counter
from media.composer import compose, compose_sound
from media.composition import Feed, Piece, Plan, Span
from media.lettering import Lettering
from media.muxer import Picture, ReplayFile
from tests.support.replayed import beeps

RATE = 10
LENGTH = 4
S = 1_000_000
FONTS = sorted((Path(__file__).parents[3] / "web/static/vendor/be-vietnam-pro").glob("*-500-normal.woff2"))


@cache
def clip(number: int) -> Clip:
    return make_clip(number, "A", [], ClipOptions(width=320, height=180, rate=RATE, seconds=LENGTH))


def replay_file(path: Path, number: int) -> Path:
    made = ReplayFile(path, Picture("vp8", 320, 180), True)
    pictures = [(i * S // RATE, 0, data) for i, data in enumerate(clip(number).pictures)]
    sounds = [(i * 20_000, 1, data) for i, data in enumerate(clip(number).sounds)]
    for at, is_sound, data in sorted(pictures + sounds):
        if is_sound:
            made.write_sound(data, at, 20_000)
        else:
            made.write_picture(data, at % (S // 2) == 0, at)
    made.close()
    return path


def feed(path: Path, key: str, start: float = 0.0, holes: tuple[Span, ...] = ()) -> Feed:
    return Feed(key, f"Điểm cầu {key}", (Piece(path, round(start * S), round((start + LENGTH) * S), True),), holes)


def done(_: float) -> None:
    pass


def frames(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def counter(frame: Any, x: int, y: int, width: int, height: int) -> int | None:
    """The clip's counter in a part of the picture."""
    plane = frame.planes[0]
    stride = plane.line_size
    luma = bytes(plane)
    cut = b"".join(luma[(y + row) * stride + x : (y + row) * stride + x + width] for row in range(height))
    return read_counter(cut, width, height, width)


LARGE, SMALL = (0, 90, 960, 540), (960, 270, 320, 180)


def test_the_speaker_is_large_and_both_are_at_the_right_moment(tmp_path: Path) -> None:
    one, two = (replay_file(tmp_path / f"{n}.webm", n) for n in (1, 2))
    plan = Plan(
        0, LENGTH * S, (feed(one, "một"), feed(two, "hai")), ((0, "một"), (2 * S, "hai")), rate=RATE,
        cards=(Span(3_500_000, 5 * S, "Tạm dừng"),),
    )  # fmt: skip
    made = compose(plan, tmp_path / "made.mp4", FONTS, done)
    assert made.problems == () and sorted(p.name for p in tmp_path.iterdir()) == ["1.webm", "2.webm", "made.mp4"]
    shown = frames(made.file)
    assert len(shown) == LENGTH * RATE
    for at in (5, 15):
        assert counter(shown[at], *LARGE) == 1 << 12 | at, "the label must leave the counter of this clip readable"
    assert counter(shown[25], *LARGE) == 2 << 12 | 25
    assert counter(shown[37], *LARGE) is None, "a pause covers everything"
    heard = beeps(made.file)
    assert [round(at) for at in heard] == [1, 2, 3] and all(abs(at - round(at)) < 0.04 for at in heard)


def test_sound_alone_is_mixed_where_it_belongs_and_silent_where_nothing_may_be_heard(tmp_path: Path) -> None:
    one = replay_file(tmp_path / "1.webm", 1)
    late = feed(one, "muộn", start=2.5)
    hushed = feed(one, "hở", holes=(Span(1_900_000, 2_400_000, "Được bảo vệ"),))
    made = compose_sound(Plan(0, 6 * S, (late, hushed)), tmp_path / "made.m4a", done)
    assert made.media_type == "audio/mp4"
    # the beeps of the clip: 1, (2 hushed), 3, and of the second one 2.5, 3.5, 4.5, 5.5
    assert [round(at, 1) for at in beeps(made.file)] == [1.0, 2.5, 3.0, 3.5, 4.5, 5.5]


def test_what_a_point_recorded_by_itself_is_heard_where_the_rest_is_lost_and_nowhere_else(tmp_path: Path) -> None:
    one = replay_file(tmp_path / "1.webm", 1)
    lost = Span(round(1.8 * S), round(3.2 * S), "Mất kết nối")
    own = replace(feed(one, "hai-take", 0.5, (Span(0, lost.start_us), Span(lost.end_us, 9 * S))), stands_for="hai")
    made = compose_sound(Plan(0, 5 * S, (feed(one, "hai", holes=(lost,)), own)), tmp_path / "made.m4a", done)
    assert [round(at, 1) for at in beeps(made.file)] == [1.0, 2.5]


def test_a_long_gap_is_silence_and_what_comes_after_it_stands_where_it_belongs(tmp_path: Path) -> None:
    one = replay_file(tmp_path / "1.webm", 1)
    late = Feed("a", "A", (Piece(one, 0, LENGTH * S, True), Piece(one, 120 * S, (120 + LENGTH) * S, True)))
    made = compose_sound(Plan(0, 124 * S, (late,)), tmp_path / "made.m4a", done)
    assert [round(at, 1) for at in beeps(made.file)] == [1, 2, 3, 120, 121, 122, 123]


@pytest.mark.parametrize("spoil", [
    lambda path: path.unlink(), lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"no media" * 99),
    lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
], ids=["missing", "empty", "foreign", "cut"])  # fmt: skip
def test_a_spoilt_input_costs_what_it_held(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    good, bad = (replay_file(tmp_path / f"{n}.webm", n) for n in (1, 2))
    spoil(bad)
    plan = Plan(0, LENGTH * S, (feed(good, "một"), feed(bad, "hai")), rate=5)
    made = compose(plan, tmp_path / "made.mp4", [], done)
    assert len(frames(made.file)) == LENGTH * 5
    assert {file for _, file in made.problems} <= {"2.webm"}
    assert re.fullmatch(r"[a-z_]*", "".join(code for code, _ in made.problems))


def test_whoever_gives_up_leaves_nothing(tmp_path: Path) -> None:
    one = replay_file(tmp_path / "1.webm", 1)

    def stop(share: float) -> None:
        if share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compose(Plan(0, LENGTH * S, (feed(one, "một"),), rate=5), tmp_path / "made.mp4", [], stop)
    assert [path.name for path in tmp_path.iterdir()] == ["1.webm"]


def test_words_of_the_language_are_drawn_from_the_subsets_of_the_font() -> None:
    letters = Lettering([*FONTS, Path("/nonexistent")])
    plain, marked = (letters.label(text, 22, 900).tobytes() for text in ("Diem cau huyen", "Điểm cầu huyện"))
    assert plain != marked
    assert letters.label("x" * 400, 22, 300).width <= 300
    assert Lettering([]).label("Điểm cầu", 22, 300).width > 20, "without a font there is still one"
    assert letters.cut("Điểm cầu", 14, 290, "ghi tại điểm cầu") == "Điểm cầu · ghi tại điểm cầu"
    cut = letters.cut("Điểm cầu huyện Lục Ngạn", 14, 290, "ghi tại điểm cầu")
    assert cut.startswith("Điểm cầu huyện") and cut.endswith("… · ghi tại điểm cầu"), "the mark stays whole"
    assert letters.cut("Điểm cầu", 14, 100, "ghi tại điểm cầu") == "ghi tại điểm cầu"
