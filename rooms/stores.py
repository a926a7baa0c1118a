"""Where finished files are kept for good: one small interface, and the folder that fulfils it.

A ``Store`` holds objects under keys (``packages/ab/<session>/manifest.json``); it knows neither rights nor what they
mean. ``Folder`` keeps them below a folder of its own; ``web/s3store.py`` keeps them in a bucket. Both keep the same
promises: an object appears whole or not at all, a key never leads out of the store, and ``sha256`` is computed over
what the store hands out, so that nobody believes an upload that cannot be read back. Synchronous: for threads only.

    StorageFailed
      store.unavailable   the store does not answer, or breaks off, after every retry
      store.refused       it answers, and refuses: credentials, bucket, quota
      store.corrupted     it hands out other bytes than were put there (``put_checked``)
      storage.full, storage.failed   as in ``rooms.files``, for a folder
    NotFound              there is no object under this key
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rooms.errors import NotFound, StorageFailed
from rooms.files import Stream, make_folder, sync_folder, translated
from rooms.ids import new_id
from rooms.zipform import InvalidPath, check_path

PIECE = 256 * 1024
"""Bytes handed on at a time."""
MAX_KEY = 200


class StoreFailed(StorageFailed):
    """The store does not do what it was asked for; ``code`` as in the module's docstring."""

    code = "store.unavailable"
    message = "The file store does not answer."


@dataclass(frozen=True, slots=True)
class Held:
    """An object in a store. ``length`` in bytes."""

    key: str
    length: int


class Store(Protocol):
    """Objects under keys. Keys are as ``check_key`` says; every call may raise StorageFailed."""

    def put(self, key: str, source: Stream, length: int) -> None:
        """Store exactly ``length`` bytes of ``source`` under ``key``, in place of what is there.

        Raises StorageFailed also when ``source`` ends before or goes on after ``length``.
        """

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The object's bytes from ``start`` (at most ``length``), in pieces. Raises NotFound at once, not later."""

    def length(self, key: str) -> int | None:
        """Bytes of an object; None when there is none."""

    def remove(self, key: str) -> None:
        """Remove an object; harmless when there is none."""

    def list(self, prefix: str) -> Iterator[Held]:
        """Every object whose key begins with ``prefix`` (any text, "" for all), sorted by key."""


def check_key(key: str) -> str:
    """``key`` itself when it is one: ASCII words joined with ``/``, none beginning with a dot. Raises ValueError."""
    if len(key) > MAX_KEY:
        raise ValueError("a key is too long")
    try:
        return check_path(key)
    except InvalidPath as error:
        raise ValueError("not a key of a store") from error


def sha256(store: Store, key: str) -> str:
    """SHA-256 (hex) of what the store hands out under ``key``. Raises NotFound, StorageFailed."""
    digest = hashlib.sha256()
    for piece in store.read(key):
        digest.update(piece)
    return digest.hexdigest()


def put_checked(store: Store, key: str, path: Path, expected: str = "", *, attempts: int = 3) -> str:
    """Put a file and read it back; its SHA-256 (hex). Only after this may a local copy go.

    ``expected``: what the file must be, "" takes it as it lies. An object that comes back changed is put again, up to
    ``attempts`` times. Raises StorageFailed (store.corrupted, store.unavailable, store.refused), OSError for ``path``.
    """
    wanted = expected or _sha256_of(path)
    for _ in range(attempts):
        with path.open("rb") as source:
            store.put(key, source, os.fstat(source.fileno()).st_size)
        if sha256(store, key) == wanted:
            return wanted
    raise StoreFailed("store.corrupted", "The file store does not give back what was put there.")


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bring(store: Store, key: str, target: Path) -> None:
    """Fetch an object into a file, which appears whole or not at all. Raises NotFound, StorageFailed."""
    pieces = store.read(key)
    temporary = target.with_name(f".{target.name}.{new_id()}")
    try:
        make_folder(target.parent)
        with temporary.open("xb") as out:
            for piece in pieces:
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        temporary.rename(target)
    except OSError as error:
        raise translated(error) from error
    finally:
        temporary.unlink(missing_ok=True)


class Folder:
    """A store below ``root``, which is made at the first put. Objects are files of the same relative path."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, key: str, source: Stream, length: int) -> None:
        """See Store."""
        target = self._path(key)
        temporary = target.with_name(f".{target.name[:100]}.{new_id()}")
        try:
            make_folder(target.parent)
            with temporary.open("xb") as out:
                written = 0
                while piece := source.read(PIECE):
                    written += out.write(piece)
                    if written > length:
                        break
                if written != length:
                    raise StoreFailed("storage.failed", "A file changed while it was stored.")
                out.flush()
                os.fsync(out.fileno())
            temporary.rename(target)
            sync_folder(target.parent)
        except OSError as error:
            raise translated(error) from error
        finally:
            with contextlib.suppress(OSError):  # a file where the folder should be: said above
                temporary.unlink(missing_ok=True)

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See Store."""
        path = self._path(key)
        if not path.is_file():
            raise NotFound()

        def pieces() -> Iterator[bytes]:
            left = length
            try:
                with path.open("rb") as file:
                    file.seek(start)
                    while left is None or left > 0:
                        piece = file.read(PIECE if left is None else min(PIECE, left))
                        if not piece:
                            return
                        left = None if left is None else left - len(piece)
                        yield piece
            except FileNotFoundError as error:
                raise NotFound() from error
            except OSError as error:
                raise translated(error) from error

        return pieces()

    def length(self, key: str) -> int | None:
        """See Store."""
        path = self._path(key)
        try:
            return path.stat().st_size if path.is_file() else None
        except OSError as error:
            raise translated(error) from error

    def remove(self, key: str) -> None:
        """See Store. Folders that become empty stay: they are few and named by two letters or a session."""
        try:
            self._path(key).unlink(missing_ok=True)
        except (IsADirectoryError, NotADirectoryError):
            return
        except OSError as error:
            raise translated(error) from error

    def list(self, prefix: str) -> Iterator[Held]:
        """See Store. What is not whole yet has a name that begins with a dot and is not listed."""
        top = self.root
        for part in prefix.split("/")[:-1]:
            top = top / check_key(part)
        if not top.is_dir():
            return
        found = []
        for path in top.rglob("*"):
            key = path.relative_to(self.root).as_posix()
            if key.startswith(prefix) and not path.name.startswith(".") and not path.is_symlink() and path.is_file():
                found.append(Held(key, path.stat().st_size))
        yield from sorted(found, key=lambda held: held.key)

    def _path(self, key: str) -> Path:
        target = self.root / check_key(key)
        if not target.resolve().is_relative_to(self.root.resolve()):
            raise NotFound()  # a link in the store that leads out of it
        return target
