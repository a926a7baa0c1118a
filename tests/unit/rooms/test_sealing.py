"""Encryption at rest: what is put comes back, what was touched does not open, keys change without the files."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rooms import sealing, stores
from rooms.db import Database
from rooms.errors import NotFound, StorageFailed
from rooms.models import StoreKey
from rooms.sealing import FRAME, GroupKeys, Keys, Sealed
from rooms.stores import Folder

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
OLD, NEW = bytes(range(32)), bytes(range(32, 64))
VECTORS = Path(__file__).parents[2] / "data" / "formats"


@pytest.fixture
def kind() -> str:
    """These ask little of the database; test_keeping.py asks it of both."""
    return "sqlite"


@pytest.fixture
def inner(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "store")


@pytest.fixture
def sealed(database: Database, inner: Folder) -> Sealed:
    return Sealed(inner, GroupKeys(database, Keys([OLD]), lambda: NOW))


def put(store: stores.Store, key: str, data: bytes) -> None:
    store.put(key, io.BytesIO(data), len(data))


def code_of(read: object) -> str:
    with pytest.raises(StorageFailed) as refused:
        list(read())  # type: ignore[operator]
    return refused.value.code


@pytest.mark.parametrize("length", [0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 2 * FRAME + 77])
def test_it_works(sealed: Sealed, inner: Folder, length: int) -> None:
    data = os.urandom(length)
    put(sealed, "papers/ab/x", data)
    assert b"".join(sealed.read("papers/ab/x")) == data and sealed.length("papers/ab/x") == length
    assert [held.length for held in sealed.list("papers/")] == [length]
    assert inner.length("papers/ab/x") == sealing.sealed_length(length)
    at_rest = b"".join(inner.read("papers/ab/x"))
    assert length < 16 or data[:16] not in at_rest


def test_the_inner_store_shows_nothing(sealed: Sealed, inner: Folder) -> None:
    put(sealed, "papers/ab/x", b"%PDF-1.7 a made-up name" * 1000)
    for path in inner.root.rglob("*"):
        assert path.is_dir() or b"made-up" not in path.read_bytes()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 2 * FRAME + 200), length=st.integers(0, 2 * FRAME + 200))
def test_a_range_is_what_it_says(sealed: Sealed, start: int, length: int) -> None:
    data = bytes(i * 7 % 251 for i in range(1000)) * (2 * FRAME // 1000)
    if sealed.length("replay/a.webm") is None:
        put(sealed, "replay/a.webm", data)
    assert b"".join(sealed.read("replay/a.webm", start, length)) == data[start : start + length]


def test_any_changed_byte_is_found(sealed: Sealed, inner: Folder) -> None:
    data = os.urandom(40)
    put(sealed, "papers/ab/x", data)
    path = inner.root / "papers/ab/x"
    before = path.read_bytes()
    for at in range(len(before)):
        changed = bytearray(before)
        changed[at] ^= 1
        path.write_bytes(changed)
        assert code_of(lambda: sealed.read("papers/ab/x")) == "store.corrupted", at


def test_cut_reordered_and_exchanged_objects_do_not_open(sealed: Sealed, inner: Folder) -> None:
    for name in ("a", "b"):
        put(sealed, f"packages/ab/s/journals/{name}", os.urandom(3 * FRAME))  # one package, one key
    path, other = (inner.root / "packages/ab/s/journals" / name for name in ("a", "b"))
    whole, step = path.read_bytes(), FRAME + sealing.TAG
    head, frames = whole[: sealing.HEAD], [whole[sealing.HEAD + i * step :][:step] for i in range(3)]
    for wrong in (
        head + frames[0] + frames[1],  # the last frame gone, at a frame's end
        whole[:-1],
        head + frames[1] + frames[0] + frames[2],
        head + frames[0] + frames[1] + frames[2] + frames[2],
        other.read_bytes(),
        b"",
        head,
    ):
        path.write_bytes(wrong)
        assert code_of(lambda: sealed.read("packages/ab/s/journals/a")) == "store.corrupted"
    path.write_bytes(whole)
    assert len(b"".join(sealed.read("packages/ab/s/journals/a"))) == 3 * FRAME


def test_a_package_has_one_key_and_every_paper_its_own(database: Database, sealed: Sealed) -> None:
    for key in (
        "packages/ab/s/manifest.json",
        "packages/ab/s/journals/x",
        "papers/ab/x",
        "papers/ab/y",
        "copies/ab/s/1",
    ):
        put(sealed, key, b"x")
    with database.read() as db:
        groups = {row.group for row in db.query(StoreKey)}
    assert groups == {"packages/ab/s", "papers/ab/x", "papers/ab/y", "copies/ab/s"}


def test_the_outer_key_changes_without_the_files(database: Database, sealed: Sealed, inner: Folder) -> None:
    put(sealed, "papers/ab/x", b"first")
    put(sealed, "packages/ab/s/a", b"second")
    at_rest = (inner.root / "papers/ab/x").read_bytes()
    both = GroupKeys(database, Keys.read(f"{NEW.hex()}\n{OLD.hex()}"), lambda: NOW)
    assert b"".join(Sealed(inner, both).read("papers/ab/x")) == b"first"
    assert both.wrap_anew() == 2 and both.wrap_anew() == 0
    only_new = Sealed(inner, GroupKeys(database, Keys([NEW]), lambda: NOW))
    assert b"".join(only_new.read("papers/ab/x")) == b"first" and (inner.root / "papers/ab/x").read_bytes() == at_rest
    only_old = Sealed(inner, GroupKeys(database, Keys([OLD]), lambda: NOW))
    assert code_of(lambda: only_old.read("papers/ab/x")) == "store.key_missing"


def test_without_its_key_a_file_is_gone_for_everybody(database: Database, sealed: Sealed, inner: Folder) -> None:
    put(sealed, "papers/ab/x", b"first")
    copy = (inner.root / "papers/ab/x").read_bytes()
    sealed.remove("papers/ab/x")
    (inner.root / "papers/ab/x").write_bytes(copy)  # from somebody's backup of the store
    assert code_of(lambda: sealed.read("papers/ab/x")) == "store.key_missing"
    put(sealed, "packages/ab/s/a", b"x")
    sealed.remove("packages/ab/s/a")  # one file of a package: the others stay readable
    put(sealed, "packages/ab/s/b", b"y")
    assert b"".join(sealed.read("packages/ab/s/b")) == b"y"
    sealed.group_keys.forget("packages/ab/s")
    assert code_of(lambda: sealed.read("packages/ab/s/b")) == "store.key_missing"


def test_a_wrapped_key_of_another_group_does_not_open(database: Database, sealed: Sealed) -> None:
    put(sealed, "papers/ab/x", b"x")
    put(sealed, "papers/ab/y", b"y")
    with database.write() as db:
        mine, other = db.get_one(StoreKey, "papers/ab/x"), db.get_one(StoreKey, "papers/ab/y")
        mine.nonce, mine.wrapped = other.nonce, other.wrapped
    assert code_of(lambda: sealed.read("papers/ab/x")) == "store.key_damaged"


@pytest.mark.parametrize("stated", [3, 5])
def test_a_source_of_another_length_is_refused(sealed: Sealed, stated: int) -> None:
    with pytest.raises(StorageFailed):
        sealed.put("a", io.BytesIO(b"next"), stated)
    with pytest.raises(NotFound):
        sealed.read("a")


@pytest.mark.parametrize("text", ["", "00", "0" * 63, "g" * 64, f"{'0' * 64},x"])
def test_a_key_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Keys.read(text)


def test_keys_are_not_shown() -> None:
    assert OLD.hex() not in repr(Keys([OLD])) and sealing.outer_key_id(OLD) in repr(Keys([OLD]))


def test_the_frozen_object_still_opens(inner: Folder) -> None:
    """docs/formats.md, Sealed objects: made once, never again."""
    stated = json.loads((VECTORS / "sealed-1.json").read_text())
    frozen = (VECTORS / "sealed-1.dcs").read_bytes()
    put(inner, stated["key"], frozen)
    group_key = Keys([bytes.fromhex(stated["outer_key"])]).unwrap(
        stated["group"], stated["wrapped_by"], bytes.fromhex(stated["nonce"]), bytes.fromhex(stated["wrapped"])
    )

    class Given(GroupKeys):
        def __init__(self) -> None:
            pass

        def find(self, group: str) -> bytes:
            assert group == stated["group"]
            return group_key

    assert b"".join(Sealed(inner, Given()).read(stated["key"])) == stated["plain"].encode()
    by_hand = AESGCM(group_key).decrypt(
        frozen[8:16] + bytes(4), frozen[16:], frozen[:8] + bytes(4) + b"\x01" + stated["key"].encode()
    )
    assert by_hand == stated["plain"].encode()
