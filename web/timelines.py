"""The time line of a recorded session as the database tells it: files, gaps, pauses, who spoke when.

Seconds from the first recorded moment, which is ``zero``. The replay page shows it, the composed file is made by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rooms import sessions
from rooms.errors import NotFound
from rooms.files import FileStore
from rooms.models import Gap as GapRow
from rooms.models import Participant, ReceptionSession, ReplayFile
from web.lanes import Gap, Noted, Span, filled, holes, pauses, protections

KINDS = ("point", "take", "screen", "document")
"""Replay files of one participant, in the order in which they are shown."""
VOICES = "voices"
"""Replay file that tells who spoke when; no media."""


@dataclass(frozen=True)
class Segment:
    """A replay file on the line."""

    start: float
    end: float
    file: ReplayFile

    @property
    def has_picture(self) -> bool:
        """Whether there is more than sound in it."""
        return not self.file.mime.startswith("audio/")


@dataclass(frozen=True)
class Lane:
    """One point's face and voice, what it recorded by itself, or its screen or document camera. ``fills``: times of its
    gaps that it recorded by itself."""

    participant: Participant
    kind: str
    segments: tuple[Segment, ...]
    gaps: tuple[Gap, ...] = ()
    fills: tuple[Span, ...] = ()

    @property
    def key(self) -> str:
        """Its name among the lanes of a session."""
        return self.participant.id if self.kind == "point" else f"{self.participant.id}-{self.kind}"

    @property
    def is_paper(self) -> bool:
        """A screen or a document."""
        return self.kind in ("screen", "document")


@dataclass(frozen=True)
class Voices:
    """``talk``: participant -> (from, to) of what it said; ``speakers``: (moment, participant) of each change."""

    talk: Mapping[str, list[tuple[float, float]]] = field(default_factory=dict)
    speakers: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class TimeLine:
    """See the module. ``held``: times in which the whole session was not recorded on purpose."""

    zero: float
    length: float
    lanes: tuple[Lane, ...]
    held: tuple[Gap, ...]
    log: tuple[tuple[float, str, Mapping[str, Any]], ...]
    people: tuple[Participant, ...]


def of_session(db: Session, session: ReceptionSession, files: Iterable[ReplayFile]) -> TimeLine:
    """The line of a session, from its replay files; the caller may read it."""
    shown = [one for one in files if one.kind in KINDS]
    opened = (session.opened_at or session.created_at).timestamp()
    began = session.started_at.timestamp() if session.started_at else opened
    zero = min((one.start_utc for one in shown), default=began)
    length = round(max(0.0, max((one.start_utc + one.duration_s for one in shown), default=zero) - zero), 3)
    query = select(Participant).where(Participant.session_id == session.id).order_by(Participant.position)
    people = tuple(db.scalars(query))
    noted = list(db.scalars(select(GapRow).where(GapRow.session_id == session.id)))
    log = tuple((e.utc - zero, e.kind, e.body) for e in sessions.events_since(db, session.id, 0))
    held = pauses([(at, kind) for at, kind, _ in log], length)
    of_lane: dict[tuple[str, str], list[ReplayFile]] = {}
    for one in shown:
        of_lane.setdefault((one.participant_id, one.kind), []).append(one)
    lanes = []
    for who, kind in ((who, kind) for who in people for kind in KINDS if (who.id, kind) in of_lane):
        segments = tuple(
            Segment(round(f.start_utc - zero, 3), round(f.start_utc - zero + f.duration_s, 3), f)
            for f in sorted(of_lane[who.id, kind], key=lambda f: f.start_utc)
        )
        gaps: list[Gap] = []
        if kind == "point":
            spans = [{"start": one.start, "end": one.end} for one in segments]
            on_purpose = [*held, *protections(log, who.id, length)]
            known = _noted(noted, who.id, zero)
            known += [(float(gap["start"]), float(gap["end"]), str(gap["reason"])) for gap in on_purpose]
            gaps = [*holes(spans, known, length), *on_purpose]
        lanes.append(Lane(who, kind, segments, tuple(gaps), tuple(filled(gaps, takes_of(of_lane, who.id, zero)))))
    return TimeLine(zero, length, tuple(lanes), tuple(held), log, people)


def takes_of(files: Mapping[tuple[str, str], list[ReplayFile]], participant: str, zero: float) -> list[Span]:
    """When the point recorded by itself."""
    found = files.get((participant, "take"), [])
    return [(one.start_utc - zero, one.start_utc - zero + one.duration_s) for one in found]


def _noted(rows: Iterable[GapRow], participant: str, zero: float) -> list[Noted]:
    return [(r.from_utc - zero, r.to_utc - zero, r.reason) for r in rows if r.participant_id in ("", participant)]


def voices_of(files: FileStore, rows: Iterable[ReplayFile], zero: float) -> Voices:
    """Who spoke when, if the maker could tell."""
    for one in rows:
        if one.kind == VOICES:
            with suppress(NotFound):
                return read_voices(files.path_of(one.path), zero)
    return Voices()


def read_voices(path: Path, zero: float) -> Voices:
    """Who spoke when, from the file the maker wrote; nothing where that cannot be read."""
    try:
        raw = json.loads(path.read_bytes())
        talk = {who: [(a / 1e6 - zero, b / 1e6 - zero) for a, b in spans] for who, spans in raw["talk"].items()}
        return Voices(talk, tuple((at / 1e6 - zero, who) for at, who in raw["speakers"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Voices()
