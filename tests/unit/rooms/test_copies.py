"""Kept pieces of journals: what is refused, and that a journal is the same again."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.copies import encode
from rooms.copies import MAX_PIECE, Copies, Part, read_piece
from rooms.errors import Invalid, NotFound, StorageFailed
from rooms.files import Stream
from rooms.stores import Folder, Held, check_key

FILE = "p.mic.1.a.dcj"


class Memory:
    """A store in memory, for properties."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, key: str, source: Stream, length: int) -> None:
        self.kept[check_key(key)] = source.read()

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        yield self.kept[key][start:]

    def length(self, key: str) -> int | None:
        return len(self.kept[key]) if key in self.kept else None

    def remove(self, key: str) -> None:
        self.kept.pop(key, None)

    def list(self, prefix: str) -> Iterator[Held]:
        yield from (Held(key, len(data)) for key, data in sorted(self.kept.items()) if key.startswith(prefix))


def put_together(copies: Copies, file: str = FILE) -> bytes:
    out = io.BytesIO()
    assert copies.write("s", file, out) == len(out.getvalue())
    return out.getvalue()


def test_it_works(tmp_path: Path) -> None:
    """In a real folder, with a process that begins anew in between."""
    copies = Copies(Folder(tmp_path))
    assert copies.keep("s", []) == {}
    assert copies.keep("s", [Part(FILE, 0, b"abc"), Part("q.mic.1.b.dcj", 0, b"xy")]) == {FILE: 3, "q.mic.1.b.dcj": 2}
    copies = Copies(Folder(tmp_path))
    assert copies.keep("s", [Part(FILE, 3, b"def")])[FILE] == 6
    assert put_together(copies) == b"abcdef"
    assert copies.lengths("s") == {FILE: 6, "q.mic.1.b.dcj": 2} and copies.sessions() == ["s"]
    assert copies.remove("s") == 3
    assert copies.sessions() == []


def test_nothing_after_a_hole_counts() -> None:
    copies = Copies(Memory())
    copies.keep("s", [Part(FILE, 0, b"abc"), Part(FILE, 5, b"xyz")])
    assert copies.lengths("s") == {FILE: 3} and put_together(copies) == b"abc"
    copies.keep("s", [Part(FILE, 2, b"c12xy")])
    assert put_together(copies) == b"abc12xyz"


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    copies = Copies(Folder(tmp_path))
    with pytest.raises(NotFound):
        copies.write("s", FILE, io.BytesIO())
    assert copies.lengths("s") == {} and copies.lengths("../../etc") == {} and copies.remove("s") == 0


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "copies").write_bytes(b"a file where the folder should be")
    with pytest.raises(StorageFailed):
        Copies(Folder(tmp_path)).keep("s", [Part(FILE, 0, b"abc")])


@given(st.binary(min_size=1, max_size=300), st.integers(0, 1 << 30))
def test_a_journal_is_the_same_again_however_often_and_in_whatever_order_it_came(data: bytes, seed: int) -> None:
    rng = random.Random(seed)
    cuts = sorted({0, len(data), *(rng.randrange(len(data) + 1) for _ in range(rng.randrange(6)))})
    parts = [Part(FILE, a, data[a:b]) for a, b in zip(cuts, cuts[1:], strict=False)]
    parts += [Part(FILE, a, data[a : a + rng.randint(1, 50)]) for a in (rng.randrange(len(data)) for _ in range(5))]
    rng.shuffle(parts)
    copies = Copies(Memory())
    for part in parts:
        copies.keep("s", [part])
    assert put_together(copies) == data and copies.lengths("s") == {FILE: len(data)}


GOOD = encode("s", [(FILE, 0, b"abc")])


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"DCP", GOOD[:-1], GOOD + b"x", GOOD.replace(b"abc", b"abd"), GOOD.replace(b"DCP", b"DCX"),
        GOOD[:8] + b"\xff\xff\xff\xff" + GOOD[12:], bytes(MAX_PIECE + 1), encode("../s", [(FILE, 0, b"abc")]),
        encode("s", [("../../etc/passwd", 0, b"abc")]), encode("s", [("p.mic.1.a.exe", 0, b"abc")]),
        encode("s", [(FILE, -1, b"abc")]), encode("s", [(FILE, 0, b"")]),
    ],
)  # fmt: skip
def test_what_is_not_exactly_a_piece_is_refused(raw: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        read_piece(raw)
    assert refused.value.code == "copy.bad_piece"


@given(st.binary(max_size=200), st.integers(0, len(GOOD)))
def test_hostile_bytes_only_ever_raise_invalid(noise: bytes, at: int) -> None:
    for raw in (noise, GOOD[:at] + noise, GOOD[:at] + noise + GOOD[at:]):
        try:
            _, parts = read_piece(raw)
        except Invalid:
            continue
        assert all(hashlib.sha256(part.data).digest() for part in parts)
