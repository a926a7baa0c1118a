"""The only place that writes documents: a rooted folder, random names, atomic rename, hashes.

With a store behind it (``rooms.stores``) this folder is where new files begin and where those in use lie; what is not
here any more is brought back by ``at_hand``, in a thread and never inside a transaction, for a store may be slow.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from rooms.errors import Invalid, NotFound, StorageFailed
from rooms.ids import new_id

_PIECE = 256 * 1024
_HEAD = 8192
_AREA = re.compile(r"[a-z]{1,16}")
_SUFFIX = re.compile(r"(\.[a-z0-9]{1,8})?")


class Stream(Protocol):
    """What is read in pieces: an upload, an open file."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes; empty at the end."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored file: ``path`` relative to the store, ``length`` bytes, ``sha256`` hex, ``head`` its first 8 KiB."""

    path: str
    length: int
    sha256: str
    head: bytes


class Behind(Protocol):
    """What brings files back that are not in the folder any more (``rooms.keeping``)."""

    def bring(self, path: str, target: Path) -> None:
        """Fetch a file, or a folder with all its files, to ``target``. Raises NotFound, StorageFailed."""


class FileStore:
    """Files under ``root``. Paths it gives and takes are relative, made by itself, and never leave the folder."""

    def __init__(self, root: Path, behind: Behind | None = None) -> None:
        self.root = root
        self.behind = behind

    def put(self, area: str, stream: Stream, *, limit: int, suffix: str = "") -> Stored:
        """Stream into ``area`` (papers, packages, replay) under a random name; fsynced before it is named.

        Raises Invalid file.too_large past ``limit`` bytes, StorageFailed (storage.full, storage.failed).
        """
        path, target = self.place(area, suffix)
        temporary = target.with_name(f".{target.name}.new")
        try:
            with open(temporary, "xb") as out:
                length, digest, head = _copy(stream, out, limit)
                out.flush()
                os.fsync(out.fileno())
            temporary.rename(target)
            sync_folder(target.parent)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise translated(error) from error
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return Stored(path, length, digest, head)

    def path_of(self, path: str) -> Path:
        """The absolute path of a stored file. Raises NotFound for one that leaves the store or is not there."""
        root = self.root.resolve()
        try:
            target = (root / path).resolve()
        except ValueError as error:  # a NUL in it
            raise NotFound() from error
        if not target.is_relative_to(root) or not target.exists() or target == root:
            raise NotFound()
        return target

    def where(self, path: str) -> Path:
        """Where a file lies or would lie, without asking whether it is there. Raises NotFound outside the store."""
        root = self.root.resolve()
        try:
            target = (root / path).resolve()
        except ValueError as error:
            raise NotFound() from error
        if not target.is_relative_to(root) or target == root:
            raise NotFound()
        return target

    def at_hand(self, path: str) -> Path:
        """``path_of``, after bringing the file (or folder) back from the store if need be.

        Raises NotFound, StorageFailed. What was asked for stays here for at least an hour.
        """
        target = self.where(path)
        if target.exists():
            os.utime(target)
        elif self.behind is None:
            raise NotFound()
        else:
            self.behind.bring(path, target)
        return target

    def open(self, path: str) -> BinaryIO:
        """Open a stored file for reading. Raises NotFound."""
        return open(self.path_of(path), "rb")

    def place(self, area: str, suffix: str = "") -> tuple[str, Path]:
        """A fresh name for a file or folder that somebody else writes (package, replay): relative and absolute path."""
        if not _AREA.fullmatch(area) or not _SUFFIX.fullmatch(suffix):
            raise ValueError("areas and suffixes are plain words")
        name = new_id()
        path = f"{area}/{name[:2]}/{name}{suffix}"  # two letters of folders keep each below some thousand entries
        target = self.root / path
        try:
            make_folder(target.parent)
        except OSError as error:
            raise translated(error) from error
        return path, target

    def remove(self, path: str) -> None:
        """Remove a stored file if it is there (caches, uploads that failed)."""
        try:
            self.path_of(path).unlink(missing_ok=True)
        except NotFound:
            return


def _copy(stream: Stream, out: BinaryIO, limit: int) -> tuple[int, str, bytes]:
    digest = hashlib.sha256()
    length = 0
    head = b""
    while piece := stream.read(_PIECE):
        length += len(piece)
        if length > limit:
            raise Invalid("file.too_large", "The file is too large.", limit=limit)
        digest.update(piece)
        if len(head) < _HEAD:
            head = (head + piece)[:_HEAD]
        out.write(piece)
    return length, digest.hexdigest(), head


def make_folder(folder: Path) -> None:
    """Make ``folder`` and those above it, open to nobody but the hub's own user and group. Raises OSError."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o750, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Make names in ``folder`` survive a power cut. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def translated(error: OSError) -> StorageFailed:
    """The disk's complaint as one of ours."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFailed("storage.full", "There is no room left on the disk.")
    return StorageFailed("storage.failed", "The file could not be stored.")
