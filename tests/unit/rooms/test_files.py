"""The file store: rooted, random names, nothing half written."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import pytest

from rooms.errors import Invalid, NotFound, StorageFailed
from rooms.files import FileStore, translated
from tests.support.factories import stream


def test_it_works(files: FileStore) -> None:
    data = b"x" * 600_000
    stored = files.put("papers", stream(data), limit=1_000_000, suffix=".pdf")
    assert (stored.length, stored.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert stored.head == data[:8192]
    assert files.path_of(stored.path).read_bytes() == data
    with files.open(stored.path) as file:
        assert file.read(3) == b"xxx"
    files.remove(stored.path)
    files.remove(stored.path)
    with pytest.raises(NotFound):
        files.path_of(stored.path)


def test_too_much_leaves_nothing_behind(files: FileStore) -> None:
    with pytest.raises(Invalid) as refused:
        files.put("papers", stream(b"x" * 11), limit=10)
    assert refused.value.code == "file.too_large"
    assert [path for path in files.root.rglob("*") if path.is_file()] == []


def test_a_broken_upload_leaves_nothing_behind(files: FileStore) -> None:
    class Broken:
        def read(self, size: int = -1, /) -> bytes:
            raise ConnectionError

    with pytest.raises(StorageFailed):
        files.put("papers", Broken(), limit=10)
    assert [path for path in files.root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("path", ["", ".", "..", "../x", "/etc/passwd", "papers/../../x", "papers/\0"])
def test_no_path_leaves_the_store(files: FileStore, path: str) -> None:
    files.put("papers", stream(b"x"), limit=10)
    (files.root.parent / "x").write_text("outside")
    with pytest.raises(NotFound):
        files.path_of(path)


def test_a_link_out_of_the_store_is_not_followed(files: FileStore, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    files.put("papers", stream(b"x"), limit=10)
    (files.root / "papers" / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(NotFound):
        files.path_of("papers/link")


@pytest.mark.parametrize(("area", "suffix"), [("../x", ""), ("", ""), ("papers", "/x"), ("papers", ".p/df")])
def test_areas_and_suffixes_are_plain(files: FileStore, area: str, suffix: str) -> None:
    with pytest.raises(ValueError, match="plain"):
        files.place(area, suffix)


def test_a_full_disk_has_its_own_code() -> None:
    assert translated(OSError(errno.ENOSPC, "full")).code == "storage.full"
    assert translated(OSError(errno.EIO, "io")).code == "storage.failed"
