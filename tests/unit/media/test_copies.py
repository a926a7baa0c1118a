"""What is sent away of growing journals, and that the hub's side reads it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.copies import PIECE_BYTES, Backlog, Piece, Range, encode
from rooms.copies import Part, read_piece

FILES = ("p.mic.1.a.dcj", "p.camera.1.b.dcj", "q.mic.1.c.dcj")


def test_it_works() -> None:
    """Asked what is there first, then sent what is missing, then nothing until something grows."""
    backlog = Backlog()
    assert backlog.next() is None
    backlog.note({"s": {"p.mic.1.a.dcj": 100, "p.camera.1.b.dcj": 300}})
    assert backlog.next() == Piece("s", ())
    backlog.kept("s", {"p.mic.1.a.dcj": 40}, is_over=False)
    assert backlog.behind() == 360
    assert backlog.next() == Piece("s", (Range("p.mic.1.a.dcj", 40, 100), Range("p.camera.1.b.dcj", 0, 300)))
    backlog.kept("s", {"p.mic.1.a.dcj": 100, "p.camera.1.b.dcj": 300}, is_over=False)
    assert backlog.next() is None and backlog.behind() == 0
    backlog.note({"s": {"p.mic.1.a.dcj": 120}})
    assert backlog.next() == Piece("s", (Range("p.mic.1.a.dcj", 100, 120),))


def test_a_session_that_is_over_is_never_sent_again() -> None:
    backlog = Backlog()
    backlog.note({"s": {"p.mic.1.a.dcj": 100}})
    backlog.kept("s", {}, is_over=True)
    backlog.note({"s": {"p.mic.1.a.dcj": 200}})
    assert backlog.next() is None and backlog.behind() == 0


def test_another_hub_is_asked_what_it_keeps() -> None:
    backlog = Backlog()
    backlog.note({"s": {"p.mic.1.a.dcj": 100}})
    backlog.kept("s", {"p.mic.1.a.dcj": 100}, is_over=False)
    backlog.forget_there()
    assert backlog.next() == Piece("s", ())


def test_a_journal_that_was_released_holds_nothing_up() -> None:
    backlog = Backlog()
    backlog.note({"s": {"p.mic.1.a.dcj": 100, "q.mic.1.c.dcj": 5}})
    backlog.kept("s", {}, is_over=False)
    backlog.lost("s", "p.mic.1.a.dcj")
    assert backlog.next() == Piece("s", (Range("q.mic.1.c.dcj", 0, 5),))


@given(
    st.lists(
        st.dictionaries(st.sampled_from(FILES), st.integers(1, 3 * PIECE_BYTES), min_size=1), min_size=1, max_size=5
    )
)
def test_whatever_grows_is_sent_once_in_bounded_pieces(growth: list[dict[str, int]]) -> None:
    """By a hub that answers at once: every byte once, no piece longer than its bound, and it ends."""
    backlog, here, kept, sent = Backlog(), dict[str, int](), dict[str, int](), 0
    for step in growth:
        for file, more in step.items():
            here[file] = here.get(file, 0) + more
        backlog.note({"s": here})
        while (piece := backlog.next()) is not None:
            assert sum(one.end - one.start for one in piece.ranges) <= PIECE_BYTES
            for one in piece.ranges:
                assert one.start == kept.get(one.file, 0)
                kept[one.file] = one.end
                sent += one.end - one.start
            backlog.kept("s", kept, is_over=False)
        assert kept == here and sent == sum(here.values())


@given(st.lists(st.tuples(st.sampled_from(FILES), st.integers(0, 1 << 40), st.binary(min_size=1, max_size=50))))
def test_the_hub_reads_what_a_relay_sends(parts: list[tuple[str, int, bytes]]) -> None:
    """Relay and hub have code of their own for the format; this holds the two together."""
    assert read_piece(encode("session-1", parts)) == ("session-1", [Part(*part) for part in parts])
