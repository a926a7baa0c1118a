"""Words of a text and of a question are made comparable by the same function; marks stand where they are."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.terms import Query, marks, marks_of_any, parse, snippet, terms_of


def test_it_works() -> None:
    assert terms_of(["Điều 15/2026"]) == {"dieu", "_111_i_1ec1_u", "15", "2026", "15/2026"}
    held = frozenset({"dieu"})
    assert parse("Điều 15/2026 dieu", 8) == Query(("15/2026", "dieu"), ("_111_i_1ec1_u",), ("15/2026",), 14, held)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("hồ sơ 26.LN.0317, ngày", "26.ln.0317"),
        ("(15/2026)", "15/2026"),
        ("NTC-ABC234", "ntc-abc234"),
        ("phiên 2611-0142.", "2611-0142"),
    ],
)
def test_a_code_is_a_term_as_a_whole_beside_its_parts(text: str, code: str) -> None:
    assert code in terms_of([text]) and set(re.split(r"[./-]", code)) <= terms_of([text])


def test_words_joined_by_a_stroke_are_no_code() -> None:
    assert terms_of(["xã/phường"]) == {"xa", "phuong", "x_e3_", "ph_1b0__1edd_ng"}


@given(st.lists(st.text(max_size=12), max_size=8), st.text(max_size=40))
def test_whatever_is_in_a_text_is_found_by_typing_it(before: list[str], words: str) -> None:
    held = terms_of([" ".join([*before, words])])
    query = parse(words, 50)
    assert {term for term in query.folded if term not in query.codes} <= held
    if not query.codes:
        assert set(query.exact) <= held


@given(st.text(max_size=80))
def test_terms_are_plain_and_bounded(text: str) -> None:
    for term in terms_of([text]):
        assert re.fullmatch(r"[a-z0-9._/-]+", term) and len(term) < 500 and ":" not in term


@given(st.text(alphabet="aăâdđeêoôơuưáàảãạ 1/.", max_size=40))
def test_composed_and_decomposed_are_the_same(text: str) -> None:
    other = unicodedata.normalize("NFD", text)
    assert terms_of([text]) == terms_of([other]) and parse(text, 50).folded == parse(other, 50).folded


def test_marks_stand_on_the_words_as_they_are_written() -> None:
    text = "Bà Điều ở thôn Điều, quyết định 15/2026 số 15"
    spans = marks(text, parse("dieu 15/2026", 8))
    assert [text[start:end] for start, end in spans] == ["Điều", "Điều", "15/2026"]


def test_a_snippet_shows_where_the_words_stand_close_together() -> None:
    text = "đất " + "x " * 200 + "bồi thường đất ở xã " + "y " * 200
    runs = snippet(text, marks(text, parse("boi thuong dat", 8)), 60)
    assert [run.text for run in runs if run.marked] == ["bồi thường đất"]
    assert runs[0].text == "…" and runs[-1].text.endswith("…") and sum(len(run.text) for run in runs) < 120


@given(st.text(max_size=300), st.text(max_size=20), st.integers(20, 200))
def test_a_snippet_is_a_piece_of_the_text(text: str, words: str, length: int) -> None:
    spans = marks(text, parse(words, 8))
    assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:], strict=False))
    shown = "".join(run.text for run in snippet(text, spans, length))
    assert shown.removeprefix("…").removesuffix("…").strip() in text or shown in text


_WRITTEN = st.text(alphabet="aAàâăđĐđiİıſßﬁøµ\u0301\u0309 15/._-“”…×kK\u212a", max_size=40)


@given(_WRITTEN, _WRITTEN)
def test_marks_are_the_same_by_the_quick_way_and_by_the_plain_one(text: str, words: str) -> None:
    query = parse(words, 8)
    assert marks(text, query) == marks_of_any(text, query)
