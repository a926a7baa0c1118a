"""A store in a folder: whole objects under safe keys, ranges, and nothing believed that was not read back."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from rooms import stores
from rooms.errors import NotFound, StorageFailed
from rooms.files import Stream
from rooms.stores import Folder, Held


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "store")


def put(store: stores.Store, key: str, data: bytes) -> None:
    store.put(key, io.BytesIO(data), len(data))


def test_it_works(folder: Folder) -> None:
    data = bytes(range(256)) * 2000
    put(folder, "packages/ab/x/manifest.json", data)
    put(folder, "papers/cd/y", b"")
    assert b"".join(folder.read("packages/ab/x/manifest.json")) == data
    assert b"".join(folder.read("papers/cd/y")) == b""
    assert folder.length("papers/cd/y") == 0 and folder.length("papers/cd/z") is None
    assert stores.sha256(folder, "packages/ab/x/manifest.json") == hashlib.sha256(data).hexdigest()
    put(folder, "papers/cd/y", b"newer")
    assert list(folder.list("pa")) == [Held("packages/ab/x/manifest.json", len(data)), Held("papers/cd/y", 5)]
    assert list(folder.list("papers/cd/")) == [Held("papers/cd/y", 5)] and list(folder.list("none/")) == []
    folder.remove("papers/cd/y")
    folder.remove("papers/cd/y")
    with pytest.raises(NotFound):
        folder.read("papers/cd/y")


@pytest.mark.parametrize(("start", "length"), [(0, 0), (0, 1), (5, 3), (300_000, 10), (299_990, 100), (400_000, 5)])
def test_a_range_is_what_it_says(folder: Folder, start: int, length: int) -> None:
    data = os.urandom(300_000)
    put(folder, "a", data)
    assert b"".join(folder.read("a", start, length)) == data[start : start + length]
    assert b"".join(folder.read("a", start)) == data[start:]


@pytest.mark.parametrize("key", ["", "/a", "a/", "../a", "a/../b", ".a", "a/.b", "tên", "a b", "a" * 201, "a\0b"])
def test_no_key_leaves_the_store(folder: Folder, key: str) -> None:
    for ask in (folder.read, folder.length, folder.remove, lambda k: put(folder, k, b"x")):
        with pytest.raises(ValueError):
            ask(key)
    with pytest.raises(ValueError):
        list(folder.list("../"))


def test_a_link_out_of_the_store_is_not_followed(folder: Folder, tmp_path: Path) -> None:
    put(folder, "a/b", b"x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("made up")
    (folder.root / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(NotFound):
        folder.read("link/secret")
    assert [held.key for held in folder.list("")] == ["a/b"]


@pytest.mark.parametrize("stated", [3, 5])
def test_a_source_of_another_length_leaves_what_was_there(folder: Folder, stated: int) -> None:
    put(folder, "a", b"first")
    with pytest.raises(StorageFailed):
        folder.put("a", io.BytesIO(b"next"), stated)
    assert b"".join(folder.read("a")) == b"first" and [p.name for p in folder.root.iterdir()] == ["a"]


def test_a_broken_source_leaves_what_was_there(folder: Folder) -> None:
    class Broken:
        def read(self, size: int = -1, /) -> bytes:
            raise RuntimeError("made up")

    put(folder, "a", b"first")
    with pytest.raises(RuntimeError):
        folder.put("a", Broken(), 4)
    assert b"".join(folder.read("a")) == b"first" and [p.name for p in folder.root.iterdir()] == ["a"]


def test_nobody_else_may_read_what_is_stored(folder: Folder) -> None:
    put(folder, "papers/ab/c", b"x")
    assert stat.S_IMODE((folder.root / "papers").stat().st_mode) & 0o007 == 0


class Lying(Folder):
    """Gives back a changed byte for the first ``lies`` reads."""

    lies = 0

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        data = bytearray(b"".join(super().read(key, start, length)))
        if self.lies > 0:
            self.lies -= 1
            data[0] ^= 1
        yield bytes(data)


def test_what_comes_back_changed_is_put_again_and_never_believed(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"the paper")
    store, wanted = Lying(tmp_path / "store"), hashlib.sha256(b"the paper").hexdigest()
    store.lies = 2
    assert stores.put_checked(store, "a", tmp_path / "x") == wanted
    store.lies = 3
    with pytest.raises(StorageFailed) as refused:
        stores.put_checked(store, "a", tmp_path / "x")
    assert refused.value.code == "store.corrupted"
    with pytest.raises(StorageFailed):  # the file is not any more what was stated
        stores.put_checked(store, "a", tmp_path / "x", "0" * 64)


def test_an_object_is_brought_whole_or_not_at_all(folder: Folder, tmp_path: Path) -> None:
    put(folder, "a", b"12345")
    stores.bring(folder, "a", tmp_path / "cache" / "a")
    assert (tmp_path / "cache" / "a").read_bytes() == b"12345"

    class Cut(Folder):
        def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
            yield b"12"
            raise stores.StoreFailed()

    with pytest.raises(StorageFailed):
        stores.bring(Cut(folder.root), "a", tmp_path / "cache" / "b")
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["a"]


def test_a_full_disk_is_told_by_its_code(folder: Folder) -> None:
    class Full:
        def read(self, size: int = -1, /) -> bytes:
            raise OSError(28, "No space left on device")

    source: Stream = Full()
    with pytest.raises(StorageFailed) as refused:
        folder.put("a", source, 5)
    assert refused.value.code == "storage.full"
