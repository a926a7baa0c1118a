"""The canonical ZIP: one form for given contents, so that anyone can rebuild and compare it (docs/formats.md, ZIP).

Stored entries sorted by path, one fixed date, no attributes, ZIP64 only where sizes demand it. Written front to back.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20
_MAX32 = 0xFFFFFFFF
_MAX16 = 0xFFFF
_DATE = 0x0021  # 1980-01-01, the first that ZIP can say
_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class InvalidPath(ValueError):
    """A path that does not belong in a package."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that goes in. ``crc`` is CRC-32 of its bytes."""

    name: str
    path: Path
    length: int
    crc: int


def check_path(name: str) -> str:
    """``name`` itself when it is a path as packages may hold. Raises InvalidPath."""
    if len(name) > 200 or not _PATH.fullmatch(name):
        raise InvalidPath("a path that does not belong in a package")
    return name


def entry_of(name: str, path: Path) -> Entry:
    """Read a file once for its length and CRC-32. Raises InvalidPath, OSError."""
    check_path(name)
    crc = length = 0
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            crc = zlib.crc32(piece, crc)
            length += len(piece)
    return Entry(name, path, length, crc)


def zip_pieces(entries: Sequence[Entry]) -> Iterator[bytes]:
    """The ZIP, piece by piece. Raises OSError, also when a file is not as long as its entry says."""
    ordered = sorted(entries, key=lambda e: e.name.encode())
    offset, central = 0, []
    for entry in ordered:
        header = _local(entry)
        central.append(_central(entry, offset))
        offset += len(header) + entry.length
        yield header
        yield from _contents(entry)
    directory = b"".join(central)
    yield directory
    yield _end(len(ordered), len(directory), offset)


def write_zip(target: BinaryIO, entries: Sequence[Entry]) -> int:
    """Write the ZIP to ``target``; its length. Raises OSError."""
    total = 0
    for piece in zip_pieces(entries):
        target.write(piece)
        total += len(piece)
    return total


def _contents(entry: Entry) -> Iterator[bytes]:
    left = entry.length
    with entry.path.open("rb") as file:
        while piece := file.read(CHUNK):
            left -= len(piece)
            yield piece
    if left:
        raise OSError(f"{entry.name} changed while it was read")


def _sizes(entry: Entry) -> tuple[int, bytes]:
    if entry.length >= _MAX32:
        return _MAX32, struct.pack("<QQ", entry.length, entry.length)
    return entry.length, b""


def _extra(fields: bytes) -> bytes:
    return struct.pack("<HH", 1, len(fields)) + fields if fields else b""


def _local(entry: Entry) -> bytes:
    name, (size, fields) = entry.name.encode(), _sizes(entry)
    extra = _extra(fields)
    needed = 45 if extra else 20
    head = struct.pack("<IHHHHHIIIHH", 0x04034B50, needed, 0, 0, 0, _DATE, entry.crc, size, size, len(name), len(extra))
    return head + name + extra


def _central(entry: Entry, offset: int) -> bytes:
    name, (size, fields) = entry.name.encode(), _sizes(entry)
    if offset >= _MAX32:
        fields, offset = fields + struct.pack("<Q", offset), _MAX32
    extra = _extra(fields)
    needed = 45 if extra else 20
    numbers = (20, needed, 0, 0, 0, _DATE, entry.crc, size, size, len(name), len(extra), 0, 0, 0, 0, offset)
    return struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, *numbers) + name + extra


def _end(count: int, size: int, start: int) -> bytes:
    if count < _MAX16 and size < _MAX32 and start < _MAX32:
        return struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, size, start, 0)
    end64 = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<IIQI", 0x07064B50, 0, start + size, 1)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, _MAX16, _MAX16, _MAX32, _MAX32, 0)
    return end64 + locator + end
