"""Copies of running journals, kept apart from the relay that writes them, and put together when that is gone.

A relay sends what has become durable every few seconds in *pieces* (docs/formats.md, Copies). They are kept as they
come, each part under a name of its own, in any store that can put, get, list and remove; one of objects will do.
Nothing here writes originals: what is put together is recovered and locked like any journal (``web.restore``).
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from rooms.errors import Invalid, NotFound
from rooms.stores import Store

MAGIC = b"DCP\x01\r\n\x1a\n"
MAX_PIECE = 2 << 20
"""A whole piece; longer ones are refused unread."""
MAX_HEADER = 64 * 1024

_SESSION = re.compile(r"[A-Za-z0-9_-]{1,40}")
_FILE = re.compile(r"[A-Za-z0-9_-]{1,40}\.(mic|camera|screen|document)\.[0-9]{1,6}\.[A-Za-z0-9_-]{1,40}\.dcj")
_KEY = re.compile(r"copies/[^/]+/([^/]+)/([0-9]{14})-([0-9]+)")


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of one journal from ``offset`` on."""

    file: str
    offset: int
    data: bytes


def read_piece(raw: bytes) -> tuple[str, list[Part]]:
    """Session and parts of a piece. Raises Invalid copy.bad_piece for anything that is not exactly one."""
    try:
        if not raw.startswith(MAGIC) or len(raw) > MAX_PIECE:
            raise ValueError("not a piece")
        size = int.from_bytes(raw[8:12], "big")
        if size > MAX_HEADER:
            raise ValueError("header too long")
        header = json.loads(raw[12 : 12 + size])
        session = header["session"]
        if header["format"] != "diemcau-copy" or header["version"] != 1 or not _SESSION.fullmatch(session):
            raise ValueError("another format")
        parts, at = [], 12 + size
        for file in header["files"]:
            part = Part(file["file"], file["offset"], raw[at : at + file["length"]])
            if not _is_sound(part, file):
                raise ValueError("a part is not what it says")
            parts.append(part)
            at += file["length"]
        if at != len(raw):
            raise ValueError("bytes left over")
        return session, parts
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Invalid("copy.bad_piece", "This is not a piece of a journal.") from error


def _is_sound(part: Part, stated: dict[str, object]) -> bool:
    return (
        isinstance(part.file, str)
        and _FILE.fullmatch(part.file) is not None
        and type(part.offset) is int
        and part.offset >= 0
        and type(stated["length"]) is int
        and 0 < stated["length"] == len(part.data)
        and hashlib.sha256(part.data).hexdigest() == stated["sha256"]
    )


class Copies:
    """All copies in one store. Safe to use from several threads and apps at once: what is kept is never changed.

    Each part is an object of its own whose key tells what it holds, so that nothing is read to know what is there.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, dict[str, int]] = {}

    def keep(self, session: str, parts: Sequence[Part]) -> dict[str, int]:
        """Keep parts that ``read_piece`` gave; how much of each journal is kept now, as far as this process knows (too
        little only makes a relay send something again). Raises StorageFailed."""
        known = self._known.get(session)
        if known is None:
            known = self._known.setdefault(session, self.lengths(session))
        for part in parts:
            key = f"copies/{session}/{part.file}/{part.offset:014d}-{len(part.data)}"
            self._store.put(key, io.BytesIO(part.data), len(part.data))
            length = known.get(part.file, 0)
            if part.offset <= length:
                known[part.file] = max(length, part.offset + len(part.data))
        return dict(known)

    def lengths(self, session: str) -> dict[str, int]:
        """How much of each journal is kept without a hole. Raises StorageFailed."""
        spans: dict[str, list[tuple[int, int]]] = {}
        for _, file, offset, length in self._held(session):
            spans.setdefault(file, []).append((offset, offset + length))
        return {file: _reach(found) for file, found in spans.items()}

    def write(self, session: str, file: str, out: BinaryIO) -> int:
        """Put a journal together into ``out``, as far as it is kept without a hole; its length.

        Raises NotFound when nothing of it is kept, StorageFailed, OSError.
        """
        held = sorted((offset, key) for key, name, offset, _ in self._held(session) if name == file)
        if not held:
            raise NotFound()
        length = 0
        for offset, key in held:
            if offset > length:
                break
            for piece in self._store.read(key, length - offset):
                out.write(piece)
                length += len(piece)
        return length

    def sessions(self) -> list[str]:
        """Sessions of which something is kept."""
        return sorted({held.key.split("/")[1] for held in self._store.list("copies/")})

    def remove(self, session: str) -> int:
        """Forget all of a session (its package holds it now); how many parts."""
        self._known.pop(session, None)
        keys = [held.key for held in self._store.list(f"copies/{session}/")]
        for key in keys:
            self._store.remove(key)
        return len(keys)

    def _held(self, session: str) -> Iterator[tuple[str, str, int, int]]:
        """(key, journal, offset, length) of every part."""
        if not _SESSION.fullmatch(session):
            return
        for held in self._store.list(f"copies/{session}/"):
            found = _KEY.fullmatch(held.key)
            if found is not None and held.length == int(found[3]):
                yield held.key, found[1], int(found[2]), held.length


def _reach(spans: list[tuple[int, int]]) -> int:
    length = 0
    for start, end in sorted(spans):
        if start > length:
            break
        length = max(length, end)
    return length
