"""What relays report of the record, the lock, replay files. Takes plain values: rooms knows no media types."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.files import FileStore
from rooms.models import Package, ReplayFile, Track


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What there is to see of one session's record."""

    session_id: str
    title: str
    started_at: dt.datetime | None
    tracks: int
    replayable: bool
    locked: bool
    complete: bool | None
    lost_s: float | None
    restricted: bool


def track_reported(
    db: Session, relay_id: str, session_id: str, kind: str, body: Mapping[str, Any], now: dt.datetime
) -> Track | None:
    """Keep a report about a track: ``kind`` track_written, track_closed, recovered, heads, session_ended, write_failed;
    ``body`` its fields as plain values (media.messages). Reported twice is harmless; None when no track is meant.
    """
    raise NotImplementedError


def lock(
    db: Session, files: FileStore, session_id: str, signer: Any, now: dt.datetime, *, spool: Path | None = None
) -> Package:
    """Build, sign and store the package of a closed session and lock it (design 6). Twice gives the same package.

    Raises WrongState, StorageFailed, Conflict recording.tracks_open while a journal is not yet closed.
    """
    raise NotImplementedError


def package_path(
    db: Session, actor: Actor, files: FileStore, session_id: str, now: dt.datetime
) -> tuple[Package, Path]:
    """The package's file for download; needs REPLAY; logged. Raises NotFound, Forbidden."""
    raise NotImplementedError


def add_replay(
    db: Session, session_id: str, participant_id: str, now: dt.datetime, *, part: int, segment: int, mime: str,
    path: str, length: int, sha256: str, start_utc: float, duration_s: float, frames: int = 0, kind: str = "point",
    originals: Sequence[str] = (),
) -> ReplayFile:  # fmt: skip
    """Note a replay file that the worker made; the same point, part, segment and kind replaces the old row."""
    raise NotImplementedError


def replay_of(db: Session, actor: Actor, session_id: str, now: dt.datetime) -> list[ReplayFile]:
    """Replay files of a session in time order; needs REPLAY. The look is logged by view_logged."""
    raise NotImplementedError


def open_replay(
    db: Session, actor: Actor, files: FileStore, replay_id: str, now: dt.datetime
) -> tuple[ReplayFile, Path]:
    """One replay file for the player; needs REPLAY. Raises NotFound, Forbidden."""
    raise NotImplementedError


def list_for_case(db: Session, actor: Actor, case_id: str, now: dt.datetime) -> list[Recording]:
    """The recordings in a file that the actor may see."""
    raise NotImplementedError
