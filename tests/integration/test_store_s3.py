"""The S3 store against Debian's Swift on loopback, behind a line that is down, cuts, delays and changes bytes."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rooms import stores
from rooms.errors import NotFound, StorageFailed
from tests.support.badline import BadLine
from tests.support.s3 import place, private_swift
from web.s3store import S3


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with private_swift(tmp_path_factory.mktemp("swift")) as port:
        yield port


@pytest.fixture
def line(swift: int) -> Iterator[BadLine]:
    line = BadLine(swift)
    yield line
    line.close()


def through(line: BadLine, prefix: str, **options: float) -> S3:
    return S3(place(line.port, prefix), retries=2, backoff_s=0.01, **options)  # type: ignore[arg-type]


def put(store: S3, key: str, data: bytes) -> None:
    store.put(key, io.BytesIO(data), len(data))


def test_it_works(swift: int) -> None:
    store = S3(place(swift, "works"))
    data = os.urandom(700_000)
    put(store, "packages/ab/x/manifest.json", data)
    put(store, "papers/y", b"")
    assert b"".join(store.read("packages/ab/x/manifest.json")) == data
    assert b"".join(store.read("papers/y")) == b"" and store.length("papers/y") == 0
    for start, length in ((0, 1), (300_000, 70), (699_999, 5), (700_000, 5)):
        assert b"".join(store.read("packages/ab/x/manifest.json", start, length)) == data[start : start + length]
    assert [held.key for held in store.list("")] == ["packages/ab/x/manifest.json", "papers/y"]
    assert stores.sha256(store, "packages/ab/x/manifest.json") == hashlib.sha256(data).hexdigest()
    store.remove("papers/y")
    store.remove("papers/y")
    assert store.length("papers/y") is None
    with pytest.raises(NotFound):
        store.read("papers/y")
    assert list(S3(place(swift, "works2")).list("")) == []  # one prefix does not see another
    with pytest.raises(ValueError):
        store.read("../x")


def test_a_long_object_goes_up_in_parts(swift: int, tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(os.urandom(17 << 20))
    store = S3(place(swift, "parts"))
    stores.put_checked(store, "replay/a.webm", tmp_path / "long")
    assert store.length("replay/a.webm") == 17 << 20


@pytest.mark.parametrize("stated", [3, 5])
def test_a_source_of_another_length_is_refused(swift: int, stated: int) -> None:
    with pytest.raises(StorageFailed) as refused:
        S3(place(swift, "length")).put("a", io.BytesIO(b"next"), stated)
    assert refused.value.code == "storage.failed"


def test_wrong_credentials_are_told_from_a_store_that_is_away(swift: int) -> None:
    with pytest.raises(StorageFailed) as refused:
        put(S3(place(swift, secret="wrong")), "a", b"x")
    assert refused.value.code == "store.refused"


def test_a_store_that_is_down_is_told_soon_and_used_again_when_it_is_back(line: BadLine, tmp_path: Path) -> None:
    store = through(line, "down")
    (tmp_path / "x").write_bytes(b"the paper")
    line.down = True
    began = time.monotonic()
    for ask in (lambda: stores.put_checked(store, "a", tmp_path / "x"), lambda: store.length("a")):
        with pytest.raises(StorageFailed) as refused:
            ask()
        assert refused.value.code == "store.unavailable"
    assert time.monotonic() - began < 10
    line.heal()
    stores.put_checked(store, "a", tmp_path / "x")
    line.down = True
    line.drop()
    with pytest.raises(StorageFailed):
        list(store.list(""))
    with pytest.raises(StorageFailed):
        store.remove("a")


def test_an_object_that_comes_back_corrupted_is_never_believed(line: BadLine, tmp_path: Path) -> None:
    store = through(line, "corrupt")
    (tmp_path / "x").write_bytes(os.urandom(5000))
    line.corrupt_at = 1234
    with pytest.raises(StorageFailed) as refused:
        stores.put_checked(store, "a", tmp_path / "x")
    assert refused.value.code == "store.corrupted"
    line.heal()
    stores.put_checked(store, "a", tmp_path / "x")
    assert b"".join(store.read("a")) == (tmp_path / "x").read_bytes()


def test_a_cut_download_goes_on_where_it_was_cut(line: BadLine) -> None:
    store, data = through(line, "cut"), os.urandom(600_000)
    put(store, "a", data)
    line.cut_after, line.cuts_left = 250_000, 2
    line.drop()
    assert b"".join(store.read("a")) == data and line.cuts_left == 0
    line.cuts_left = 100
    line.drop()
    with pytest.raises(StorageFailed) as refused:
        list(store.read("a"))
    assert refused.value.code == "store.unavailable"


def test_a_store_that_takes_too_long_is_given_up(line: BadLine) -> None:
    store = through(line, "slow", answer_s=0.3)
    put(store, "a", b"x")
    line.delay_s = 1.0
    line.drop()
    with pytest.raises(StorageFailed) as refused:
        store.length("a")
    assert refused.value.code == "store.unavailable"
    line.delay_s = 0.1
    line.drop()
    assert b"".join(store.read("a")) == b"x"
