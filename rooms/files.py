"""The only place that writes documents: a rooted folder, random names, atomic rename, hashes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol


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


class FileStore:
    """Files under ``root``. Paths it gives and takes are relative, made by itself, and never leave the folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, area: str, stream: Stream, *, limit: int, suffix: str = "") -> Stored:
        """Stream into ``area`` (papers, packages, replay) under a random name; fsynced before it is named.

        Raises Invalid paper.too_large past ``limit`` bytes, StorageFailed storage.full.
        """
        raise NotImplementedError

    def path_of(self, path: str) -> Path:
        """The absolute path of a stored file. Raises NotFound for one that leaves the store or is not there."""
        raise NotImplementedError

    def open(self, path: str) -> BinaryIO:
        """Open a stored file for reading. Raises NotFound."""
        raise NotImplementedError

    def place(self, area: str, suffix: str = "") -> tuple[str, Path]:
        """A fresh name for a file that somebody else writes (package, replay): relative and absolute path."""
        raise NotImplementedError

    def remove(self, path: str) -> None:
        """Remove a stored file if it is there (caches, uploads that failed)."""
        raise NotImplementedError
