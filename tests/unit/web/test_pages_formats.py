"""How dates, spans, sizes and names are written."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from web.pages import formats
from web.pages.login import own_path

MOMENT = datetime(2026, 11, 22, 17, 5, tzinfo=UTC)  # 00:05 of the next day in Ha Noi


def test_moments_stand_on_the_clock_of_the_wall() -> None:
    assert formats.stamp(MOMENT) == "23/11/2026 00:05"
    assert formats.weekday(MOMENT, "vi") == "Thứ Hai" and formats.weekday(MOMENT, "en") == "Monday"
    assert formats.stamp(None) == formats.day(None) == formats.clock(None) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(40, "40 giây"), (24 * 60, "24 phút"), (3900, "1 giờ 05 phút"), (-5, "0 giây"), (None, "")]
)
def test_spans_in_words(seconds: float | None, text: str) -> None:
    assert formats.span(seconds, "vi") == text


def test_spans_in_english() -> None:
    assert formats.span(3900, "en") == "1 h 05 min"


@pytest.mark.parametrize(("seconds", "text"), [(0, "00:00"), (761, "12:41"), (3723, "1:02:03"), (None, "")])
def test_time_codes(seconds: float | None, text: str) -> None:
    assert formats.timecode(seconds) == text


@pytest.mark.parametrize(
    ("octets", "text"),
    [(999, "999 B"), (1_400_000, "1,4 MB"), (310_000, "310 kB"), (2_000_000_000, "2 GB"), (None, "")],
)
def test_sizes_with_a_decimal_comma(octets: int | None, text: str) -> None:
    assert formats.size(octets) == text


def test_vietnamese_order() -> None:
    names = ["Đông", "Dương", "Ân", "An", "Ăn", "Ánh", "Bình", "Lục Ngạn", "Lục Nam", "Yên Thế", "Ẩn"]
    expected = ["An", "Ánh", "Ăn", "Ân", "Ẩn", "Bình", "Dương", "Đông", "Lục Nam", "Lục Ngạn", "Yên Thế"]
    assert sorted(names, key=formats.sort_key) == expected


@pytest.mark.parametrize("text", ["22/11/2026", "2026-11-22", "22-11-2026", "22.11.2026", " 22/11/2026 "])
def test_days_as_people_write_them(text: str) -> None:
    assert formats.parse_day(text) == date(2026, 11, 22)


@pytest.mark.parametrize("text", ["", "mai", "31/02/2026", "2026", "22/11/26/1"])
def test_what_is_no_day(text: str) -> None:
    assert formats.parse_day(text) is None


@pytest.mark.parametrize("address", ["/\r\nx", "", "cases", "http://x/", "///x"])
def test_only_own_paths_are_gone_to(address: str) -> None:
    assert own_path(address) == "/"
