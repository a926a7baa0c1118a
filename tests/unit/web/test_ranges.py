"""Range headers, also hostile ones: what is answered, what is refused, what is ignored (RFC 9110 14)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.errors import Refusal
from web.ranges import read_range


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-", (0, 99)),
        ("bytes=0-0", (0, 0)),
        ("bytes=10-19", (10, 19)),
        ("bytes=10-1000000", (10, 99)),
        ("bytes=-10", (90, 99)),
        ("bytes=-1000", (0, 99)),
        ("bytes=99-99", (99, 99)),
    ],
)
def test_one_range_is_read(header: str, wanted: tuple[int, int]) -> None:
    assert read_range(header, 100) == wanted


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "lines=1-2", "bytes=0x1-2", "bytes=--5", "bytes=1-2-3",
     "bytes=\u0661-\u0662", "bytes=" + "9" * 40 + "-"],
)  # fmt: skip
def test_what_is_no_byte_range_is_ignored(header: str) -> None:
    assert read_range(header, 100) is None


@pytest.mark.parametrize(
    "header",
    ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=0-0,2-2", "bytes=0-,1-,2-", "bytes=" + "0-," * 3000, "x" * 5000],
)
def test_what_lies_outside_or_asks_for_several_is_refused_with_the_length(header: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_range(header, 100)
    assert caught.value.code == "request.range"
    assert caught.value.headers == {"Content-Range": "bytes */100"}


def test_an_empty_file_has_no_range() -> None:
    for header in ("bytes=0-", "bytes=-1"):
        with pytest.raises(Refusal):
            read_range(header, 0)


@given(st.text(max_size=200), st.integers(0, 10**9))
def test_whatever_comes_the_answer_is_inside_the_file(header: str, length: int) -> None:
    try:
        wanted = read_range("bytes=" + header, length)
    except Refusal:
        return
    assert wanted is None or 0 <= wanted[0] <= wanted[1] < length


def test_a_hostile_header_costs_no_time() -> None:
    began = time.perf_counter()
    for header in ("bytes=" + "0-0," * 100_000, "bytes=" + " " * 100_000 + "1-2", "bytes=" + "1" * 100_000 + "-"):
        with pytest.raises(Refusal):
            read_range(header, 100)
    assert time.perf_counter() - began < 0.5
