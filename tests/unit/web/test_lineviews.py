"""Lines on the board: a word for each point, and figures in the reader's own way of writing numbers."""

from __future__ import annotations

from web.pages.lineviews import line_views, way_line

DOWN = {"kbps": 1200, "loss": 0.0123, "rtt_s": 0.04, "jitter_s": 0.003, "mos": 4.28, "layer": "h", "frozen_s": 1.5}


def test_a_way_is_one_line_of_figures() -> None:
    assert way_line(DOWN, "vi") == (
        "1200 kbit/s · mất gói 1,2 % · khứ hồi 40 ms · dao động 3 ms · điểm tiếng 4,3 · lớp h · hình đứng 1,5 giây"
    )
    assert "packets lost 1.2 %" in way_line(DOWN, "en")
    assert "round trip" not in way_line({**DOWN, "rtt_s": 0.0}, "en"), "0: not known"
    assert way_line(None, "vi") == ""


def test_a_point_that_is_away_shows_no_figures_of_before() -> None:
    points = [("a", "Lục Ngạn"), ("b", "Yên Thế"), ("c", "Trung ương")]
    words, figures = {"a": "good", "b": "weak"}, [{"participant": "b", "down": DOWN}, {"participant": "a", "up": DOWN}]
    seen = line_views(points, words, frozenset({"b"}), figures, "vi")
    assert [(one.name, one.word, one.tone, bool(one.up), bool(one.down)) for one in seen] == [
        ("Lục Ngạn", "đường truyền tốt", "good", True, False),
        ("Yên Thế", "mất kết nối", "bad", False, False),
    ]
