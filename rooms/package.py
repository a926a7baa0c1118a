"""The package of a locked session: a folder of originals, a signed manifest, later supplements, and its ZIP.

Plain arguments only (paths, lists, dicts): the database's side of locking is ``rooms.recordings``. Everything appears
at once: a package or supplement is built under another name, synced, then renamed. Formats: docs/formats.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rooms.manifest import Gap
from rooms.signing import Signer


@dataclass(frozen=True, slots=True)
class TrackFile:
    """A journal as the relay reported it. ``path``: where it lies now (the spool). ``sha256`` "" and ``length`` -1 when
    unknown. ``state``: closed, recovered, damaged. A path that is not there becomes a missing track."""

    path: Path
    participant: str
    source: str
    part: int
    first_utc_us: int | None = None
    last_utc_us: int | None = None
    packets: int = 0
    length: int = -1
    sha256: str = ""
    state: str = "closed"
    lost_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PaperFile:
    """A paper that becomes an original. ``name``: its name in the package, opaque (id and suffix, no title)."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class DerivedFile:
    """A replay file in ``derived/``. ``kind``: replay, screen, composed, sound. ``originals``: paths in the package."""

    path: Path
    media_type: str
    participant: str
    kind: str
    start_utc_us: int
    duration_us: int
    frames: Mapping[str, int]
    originals: Sequence[str]


@dataclass(frozen=True, slots=True)
class Locked:
    """What a lock made. ``manifest_sha256`` is the package's first head. ``problems``: stable codes with the file's
    name, e.g. ``journal_missing``, ``journal_changed`` (not what the relay reported)."""

    manifest_sha256: str
    key_id: str
    complete: bool
    lost_s: float
    gaps: tuple[Gap, ...]
    length: int
    problems: tuple[tuple[str, str], ...]


def lock_session(
    folder: Path,
    session: str,
    tracks: Sequence[TrackFile],
    events: Iterable[bytes],
    papers: Sequence[PaperFile],
    gaps: Sequence[Gap],
    facts: Mapping[str, Any],
    signer: Signer,
    now: datetime,
) -> Locked:
    """Build and sign the package ``folder`` (its parent is made). Journals and papers are linked or copied, not moved.

    ``events``: the whole log, canonical lines without LF (``manifest.event_line``). Idempotent: a folder that is there
    and whole is returned as it is. Raises BrokenLog when the events do not chain, OSError when the disk refuses.
    """
    raise NotImplementedError


def add_supplement(
    folder: Path,
    kind: str,
    files: Sequence[PaperFile],
    facts: Mapping[str, Any],
    signer: Signer,
    now: datetime,
) -> str:
    """Add a signed supplement; returns the package's new head (SHA-256). One writer at a time per package."""
    raise NotImplementedError


def set_derived(folder: Path, files: Sequence[DerivedFile], signer: Signer, now: datetime) -> None:
    """Write the signed list of derived files; files of ``derived/`` that it does not name are deleted."""
    raise NotImplementedError


def head(folder: Path) -> str:
    """SHA-256 of the last supplement or of the manifest."""
    raise NotImplementedError


def export_zip(folder: Path, target: Path, derived: bool = False) -> int:
    """Write the canonical ZIP of a package; returns its length. Appears at once under ``target``."""
    raise NotImplementedError
