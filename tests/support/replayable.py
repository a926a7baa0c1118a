"""A locked-looking session with replay files of any length, put straight into a hub's database and store.

Pictures carry the counter of ``media.clip`` (its 12 bits start over after 4,096 pictures); a point of its own clip per
participant. What a relay and the worker would need hours for is written in seconds.
"""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from media.clip import Clip, ClipOptions, make_clip
from media.muxer import Picture, ReplayFile
from rooms import minutes, recordings, sessions
from rooms.actor import SYSTEM
from rooms.db import Database
from rooms.files import FileStore
from rooms.models import Gap, Site
from rooms.sessions import NewEvent
from rooms.words import LineKind, SessionState

US = 1_000_000


@dataclass(frozen=True)
class Point:
    """``spans``: (from, to) seconds in which it is recorded, a file for each; ``talk``: when it speaks; ``lost``: when
    its line was down; ``own``: what it recorded by itself."""

    name: str
    spans: Sequence[tuple[float, float]]
    talk: Sequence[tuple[float, float]] = ()
    lost: Sequence[tuple[float, float]] = ()
    own: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Story:
    """``lines``: (second, speaker, text), a bookmark without speaker; ``events``: (second, kind). ``clip_s``: the
    counter starts over after so many seconds; ``one_clip``: all points show the same one."""

    points: Sequence[Point]
    lines: Sequence[tuple[float, str, str]] = ()
    events: Sequence[tuple[float, str]] = ()
    began: dt.datetime = dt.datetime(2026, 11, 23, 7, 24, 24, tzinfo=dt.UTC)
    rate: int = 10
    clip_s: int = 8
    one_clip: bool = False

    def clip(self, number: int) -> Clip:
        """The clip of a point."""
        options = ClipOptions(width=320, height=180, rate=self.rate, seconds=self.clip_s, bitrate_bps=90_000)
        return make_clip(number, "", [], options)


def stage(database: Database, files: FileStore, story: Story, site: str = "") -> str:
    """Put it there; the session's id."""
    zero = story.began.timestamp()
    first = story.clip(1)
    clips = [first if story.one_clip or not number else story.clip(number + 1) for number in range(len(story.points))]
    with database.write() as db:
        session = sessions.open_plain(db, SYSTEM, "Bồi thường đất làm đường liên thôn", story.began)
        if site:
            session.site_id = db.query(Site).filter(Site.short_name == site).one().id
        session.started_at, session.opened_at, session.part = story.began, story.began, 1
        people = [sessions.add_participant(db, session.id, one.name, story.began).id for one in story.points]
        events = [NewEvent(kind=kind, utc=zero + at) for at, kind in [(0.0, "session.started"), *story.events]]
        sessions.append_events(db, session.id, session.epoch, events)
        found = minutes.prefill(db, SYSTEM, story.began, session_id=session.id)
        minutes.take(db, SYSTEM, found.id, "", story.began)
        for at, speaker, text in story.lines:
            kind = LineKind.LINE if speaker else LineKind.BOOKMARK
            moment = story.began + dt.timedelta(seconds=at)
            minutes.add_line(db, SYSTEM, found.id, text, story.began, speaker=speaker, at=moment, kind=kind)
        end = max(to for one in story.points for _, to in one.spans)
        session.state, session.closed_at = SessionState.CLOSED, story.began + dt.timedelta(seconds=end)
        session_id = session.id
    for number, (one, participant) in enumerate(zip(story.points, people, strict=True)):
        files_of = [*((span, "point") for span in one.spans), *((span, "take") for span in one.own)]
        for segment, ((start, to), kind) in enumerate(files_of):
            relative, target = files.place("replay", ".webm")
            write_file(target, clips[number], start, to, story.rate)
            with database.write() as db:
                recordings.add_replay(
                    db, session_id, participant, story.began, part=1, segment=segment, mime="video/webm", path=relative,
                    length=target.stat().st_size, sha256="0" * 64, start_utc=zero + start,
                    duration_s=to - start, kind=kind,
                )  # fmt: skip
        with database.write() as db:
            for start, to in one.lost:
                gap = Gap(session_id=session_id, participant_id=participant, reason="network")
                gap.from_utc, gap.to_utc = zero + start, zero + to
                db.add(gap)
    _put_voices(database, files, session_id, story, people)
    return session_id


def write_file(target: Path, clip: Clip, start: float, to: float, rate: int) -> None:
    """A replay file whose counter goes on with the session's time."""
    made = ReplayFile(target, Picture("vp8", 320, 180), True)
    sound = 0
    for index in range(round((to - start) * rate)):
        at = index * US // rate
        number = round(start * rate) + index
        while sound * 20_000 <= at:
            made.write_sound(clip.sounds[(round(start * 50) + sound) % len(clip.sounds)], sound * 20_000, 20_000)
            sound += 1
        # Key frames of the clip come twice a second; a file begins with one.
        made.write_picture(clip.pictures[number % len(clip.pictures)], number % (rate // 2) == 0, at)
    made.close()


def _put_voices(database: Database, files: FileStore, session_id: str, story: Story, people: Sequence[str]) -> None:
    zero = round(story.began.timestamp() * US)
    talk = {
        who: [[zero + round(a * US), zero + round(b * US)] for a, b in one.talk]
        for who, one in zip(people, story.points, strict=True)
    }
    speakers = sorted([a, who] for who, spans in talk.items() for a, _ in spans)
    raw = json.dumps({"talk": talk, "speakers": speakers}).encode()
    stored = files.put("replay", io.BytesIO(raw), limit=1 << 20, suffix=".json")
    with database.write() as db:
        recordings.add_replay(
            db, session_id, "", story.began, part=1, segment=0, mime="application/json", path=stored.path,
            length=stored.length, sha256=stored.sha256, start_utc=zero / US, duration_s=0.0, kind="voices",
        )  # fmt: skip
