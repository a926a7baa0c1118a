"""Copies of running journals, sent away while they grow: what is to be sent next, and how a piece of it looks. Pure.

A relay's machine may burn while a session runs. Every few seconds what has become durable since the last time goes, in
pieces, to the hub's store (``media.shipper`` sends, ``rooms.copies`` keeps and puts together again). A piece is safe to
send twice. Format: docs/formats.md, Copies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAGIC = b"DCP\x01\r\n\x1a\n"
PIECE_BYTES = 1 << 20
"""Journal bytes in one piece, at most: a slow line is not blocked for long by one request."""
MAX_FILES = 64


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes ``start`` to ``end`` of one journal."""

    file: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """What one request carries. Without ranges it only asks what is kept."""

    session: str
    ranges: tuple[Range, ...]


def encode(session: str, parts: Sequence[tuple[str, int, bytes]]) -> bytes:
    """The bytes of a piece; ``parts``: (journal, offset, bytes)."""
    files = [
        {"file": file, "offset": offset, "length": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for file, offset, data in parts
    ]
    value = {"format": "diemcau-copy", "version": 1, "session": session, "files": files}
    header = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return b"".join([MAGIC, len(header).to_bytes(4, "big"), header, *(data for _, _, data in parts)])


class Backlog:
    """What is durable here, what is kept there, and what has to be sent. Lengths in bytes."""

    def __init__(self) -> None:
        self._here: dict[str, dict[str, int]] = {}
        self._there: dict[str, dict[str, int]] = {}  # of sessions about which the hub was asked
        self._over: set[str] = set()

    def note(self, lengths: Mapping[str, Mapping[str, int]]) -> None:
        """Journals by session, and how much of each is durable; they only grow."""
        for session, files in lengths.items():
            if session not in self._over:
                here = self._here.setdefault(session, {})
                for file, length in files.items():
                    here[file] = max(length, here.get(file, 0))

    def forget_there(self) -> None:
        """Another hub may answer from now on: ask again what it keeps."""
        self._there.clear()

    def kept(self, session: str, files: Mapping[str, int], is_over: bool) -> None:
        """What the hub says it keeps. ``is_over``: the session is locked, nothing of it is needed any more."""
        if is_over:
            self._over.add(session)
            self._here.pop(session, None)
            self._there.pop(session, None)
            return
        self._there[session] = dict(files)

    def lost(self, session: str, file: str) -> None:
        """A journal is not in the spool any more."""
        self._here.get(session, {}).pop(file, None)

    def next(self) -> Piece | None:
        """The next piece; None when everything durable is kept there."""
        for session, files in self._here.items():
            there = self._there.get(session)
            if there is None:
                return Piece(session, ())
            room = PIECE_BYTES
            ranges: list[Range] = []
            for file, length in files.items():
                start = there.get(file, 0)
                end = min(length, start + room)
                if end > start and len(ranges) < MAX_FILES:
                    ranges.append(Range(file, start, end))
                    room -= end - start
            if ranges:
                return Piece(session, tuple(ranges))
        return None

    def behind(self) -> int:
        """Durable bytes that are not kept there yet."""
        return sum(
            max(0, length - self._there.get(session, {}).get(file, 0))
            for session, files in self._here.items()
            for file, length in files.items()
        )


__all__ = ["MAGIC", "MAX_FILES", "PIECE_BYTES", "Backlog", "Piece", "Range", "encode"]
