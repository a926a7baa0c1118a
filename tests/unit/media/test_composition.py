"""Who is large when in a composed file, and where everybody stands."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from media.composition import HOLD_US, Feed, Piece, Plan, Rect, Span, fitted, places, read_plan, scenes

S = 1_000_000


def feed(key: str, *spans: tuple[int, int], is_paper: bool = False, holes: tuple[Span, ...] = ()) -> Feed:
    pieces = tuple(Piece(Path(f"{key}.webm"), a * S, b * S, True) for a, b in spans or ((0, 100),))
    return Feed(key, key.upper(), pieces, holes, is_paper)


def plan(*feeds: Feed, speakers: tuple[tuple[float, str], ...] = (), length: int = 100) -> Plan:
    return Plan(0, length * S, feeds, tuple((round(at * S), key) for at, key in speakers))


def course(made: Plan) -> list[tuple[float, str]]:
    return [(scene.at_us / S, scene.main) for scene in scenes(made)]


def test_whoever_speaks_is_large_and_stays_so() -> None:
    made = plan(feed("a"), feed("b"), feed("c"), speakers=((0, "a"), (10, "b"), (20, "c")))
    assert course(made) == [(0, "a"), (10, "b"), (20, "c")]
    assert scenes(made)[1].small == ("a", "c"), "the others keep their order"


def test_a_word_between_does_not_make_the_picture_jump() -> None:
    assert course(plan(feed("a"), feed("b"), speakers=((0, "a"), (10, "b"), (10.5, "a")))) == [(0, "a")]
    late = course(plan(feed("a"), feed("b"), feed("c"), speakers=((0, "a"), (10, "b"), (11, "c"), (30, "a"))))
    assert late == [(0, "a"), (10, "b"), (12, "c"), (30, "a")]


def test_the_first_who_speaks_is_large_from_the_beginning_and_without_any_the_first_point() -> None:
    assert course(plan(feed("a"), feed("b"), speakers=((30, "b"),))) == [(0, "b")]
    assert course(plan(feed("a"), feed("b"))) == [(0, "a")]
    assert course(plan()) == []


def test_a_document_takes_the_stage_and_the_speaker_is_seen_first_beside_it() -> None:
    paper = feed("b-document", (20, 40), is_paper=True)
    found = scenes(plan(feed("a"), feed("b"), paper, speakers=((0, "b"),)))
    assert [(scene.at_us // S, scene.main, scene.small) for scene in found] == [
        (0, "b", ("a",)),
        (20, "b-document", ("b", "a")),
        (40, "b", ("a",)),
    ]


def test_what_a_point_recorded_by_itself_stands_in_its_place_where_the_rest_is_lost() -> None:
    own = Feed("b-take", "B", (Piece(Path("own.webm"), 15 * S, 60 * S, True),), stands_for="b",
               holes=(Span(0, 20 * S), Span(40 * S, 100 * S)))  # fmt: skip
    made = plan(feed("a"), feed("b", (0, 20), (40, 100)), own, speakers=((0, "a"), (30, "b")))
    found = [(scene.at_us // S, scene.main, scene.small) for scene in scenes(made)]
    assert found == [(0, "a", ("b",)), (20, "a", ("b-take",)), (30, "b-take", ("a",)), (40, "b", ("a",))]
    assert [one.key for one in made.points] == ["a", "b"] and [one.key for one in made.voices] == ["a", "b", "b-take"]


def test_a_hole_covers_what_a_file_still_holds() -> None:
    one = feed("a", holes=(Span(10 * S, 20 * S, "Tạm dừng"),))
    assert one.piece_at(9 * S) is not None and one.piece_at(15 * S) is None and one.reason_at(15 * S) == "Tạm dừng"


@given(st.lists(st.tuples(st.floats(0, 99), st.sampled_from("abcdx")), max_size=40))
def test_nobody_is_large_for_less_than_the_hold(speakers: list[tuple[float, str]]) -> None:
    found = scenes(plan(*(feed(key) for key in "abcd"), speakers=tuple(speakers)))
    moments = [scene.at_us for scene in found]
    assert moments[0] == 0 and moments == sorted(moments)
    assert all(later - sooner >= HOLD_US for sooner, later in zip(moments[1:], moments[2:], strict=False))
    assert all(found[i].main != found[i + 1].main for i in range(len(found) - 1))


@given(st.integers(1, 20), st.integers(16, 4000), st.integers(16, 4000))
def test_everything_stands_on_the_canvas_at_even_places(count: int, width: int, height: int) -> None:
    keys = [f"k{number}" for number in range(count)]
    (scene,) = scenes(plan(*(feed(key) for key in keys)))
    for place in places(scene, 1280, 720).values():
        for rect in (place, fitted(width, height, place)):
            assert rect.x >= 0 and rect.y >= 0 and rect.x + rect.width <= 1280 and rect.y + rect.height <= 720
            assert all(side % 2 == 0 for side in (rect.x, rect.y, rect.width, rect.height))


def test_a_portrait_picture_keeps_its_shape() -> None:
    assert fitted(360, 640, Rect(0, 0, 960, 720)) == Rect(278, 0, 404, 720)


def test_a_plan_is_read_from_plain_values() -> None:
    piece = {"path": "/a.webm", "start_us": 0, "end_us": 5, "has_picture": False}
    made = read_plan(
        {"zero_us": 1, "length_us": 2, "feeds": [{"key": "a", "name": "A", "pieces": [piece], "holes": [[0, 1, "x"]],
                                               "stands_for": "b", "mark": "m"}],
         "speakers": [[3, "a"]], "cards": [[0, 2, "y"]]}
    )  # fmt: skip
    assert made.feeds[0].pieces[0].has_picture is False and made.feeds[0].holes == (Span(0, 1, "x"),)
    assert (made.feeds[0].stands_for, made.feeds[0].mark) == ("b", "m")
    assert made.speakers == ((3, "a"),) and made.cards == (Span(0, 2, "y"),)
