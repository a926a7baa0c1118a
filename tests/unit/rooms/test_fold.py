"""Text without diacritics."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.fold import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Đường  Đê", "duong de"),
        ("TIẾP CÔNG DÂN", "tiep cong dan"),
        ("Nguyễn Thị Ưỡn", "nguyen thi uon"),
        (unicodedata.normalize("NFD", "Hà Nội"), "ha noi"),
        ("Điểm cầu\n Lục Ngạn", "diem cau luc ngan"),
        ("ðất", "dat"),
        ("", ""),
    ],
)
def test_it_works(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_composed_and_decomposed_are_the_same(text: str) -> None:
    assert fold(unicodedata.normalize("NFC", text)) == fold(unicodedata.normalize("NFD", text))
