"""What a relay does at start with the journals in its spool: close what a dead process left open, tell of all of them.

Recovery as docs/formats.md says: cut after the last whole block, keep what was cut, append TAIL. Safe to repeat.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from media import journal
from media.messages import Recovered, Source, TrackClosed
from media.recorder import Found

_log = logging.getLogger(__name__)


def sync_folder(folder: Path) -> None:
    """Names made or changed in ``folder`` survive a power cut. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def scan(paths: list[Path]) -> Iterator[Found]:
    """Close the journals that a dead process left open; tell of the finished ones again, whose report may be lost.

    A hub that knows a finished journal already finds it by its file name. Files that cannot be read or that a live
    process holds are left alone, with a line in the log.
    """
    for path in paths:
        try:
            found = recover(path)
        except OSError:
            _log.exception("journal cannot be recovered", extra={"file": path.name})
            continue
        if found is not None:
            yield found


def recover(path: Path) -> Found | None:
    """Close one journal of the spool if it is open (docs/formats.md, Recovery). None: a live process writes it, or its
    name is not ours. Safe to repeat after a crash in its midst. Raises OSError."""
    named = _named(path.name)
    if named is None:
        return None
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        found = journal.survey(file)
        size = file.seek(0, os.SEEK_END)
        if found.header is None:
            return _damaged(path, named, size)
        whole = found.closed and found.end == size
        if not whole:
            _cut(path, file.fileno(), found, size)
    tail = found.tail
    session, epoch = path.parent.name, found.header.epoch
    participant, source, part = named
    length, sha = path.stat().st_size, sha256_of(path)
    first, last = (tail.first_utc_us or 0) / 1e6, (tail.last_utc_us or 0) / 1e6
    if whole and tail.reason == "closed":
        closed = TrackClosed(
            participant=participant, source=source, part=part, file=path.name, length=length, sha256=sha,
            first_utc=first, last_utc=last, packets=tail.packets,
        )  # fmt: skip
        return Found(session, epoch, closed)
    recovered = Recovered(
        participant=participant, source=source, part=part, file=path.name, length=length, sha256=sha,
        first_utc=first, last_utc=last, packets=tail.packets, lost_bytes=tail.lost_bytes,
    )  # fmt: skip
    return Found(session, epoch, recovered)


def _named(name: str) -> tuple[str, Source, int] | None:
    parts = name.split(".")
    if len(parts) != 5 or parts[1] not in get_args(Source) or not parts[2].isdigit():
        return None
    source: Source = parts[1]  # type: ignore[assignment]
    return parts[0], source, int(parts[2])


def _damaged(path: Path, named: tuple[str, Source, int], size: int) -> Found:
    target = path.with_name(path.name + ".damaged")
    path.rename(target)
    sync_folder(path.parent)
    participant, source, part = named
    body = Recovered(
        participant=participant, source=source, part=part, file=target.name, length=size, sha256=sha256_of(target),
        first_utc=0.0, last_utc=0.0, packets=0, lost_bytes=size,
    )  # fmt: skip
    return Found(path.parent.name, 0, body)


def _cut(path: Path, handle: int, found: journal.Survey, size: int) -> None:
    kept = path.with_name(path.name + ".cut")
    if size > found.end:
        # Kept first: what comes after damage in the middle of a file may still be worth something to somebody.
        with kept.open("wb") as target:
            offset = found.end
            while piece := os.pread(handle, 1 << 20, offset):
                target.write(piece)
                offset += len(piece)
            target.flush()
            os.fsync(target.fileno())
        os.ftruncate(handle, found.end)
    found.tail.lost_bytes = kept.stat().st_size if kept.exists() else 0
    if not found.closed:
        found.tail.reason = "recovered"
        encoder = journal.Encoder(found.head, found.blocks, found.end)
        os.pwrite(handle, encoder.block(journal.TAIL, journal.tail_payload(found.tail)), found.end)
    os.fsync(handle)
    sync_folder(path.parent)
