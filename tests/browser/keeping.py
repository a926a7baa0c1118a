"""A locked record of two points on a running hub, whose pictures count: for stories about what comes later."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import sqlalchemy as sa

from media.clip import Clip, ClipOptions, make_clip
from rooms import signing
from rooms.db import open_database
from rooms.files import FileStore
from rooms.models import Participant, ReceptionSession, ReplayFile, Track
from rooms.words import SessionState
from tests.browser.receptions import queued
from tests.browser.story import World
from tests.support.journals import OPUS, UTC0_US, VP8, Sender
from tests.support.keeping import lock

RATE, SECONDS = 10, 20
START = UTC0_US / 1e6
COUNTER = """(video) => {
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const pen = canvas.getContext('2d');
  pen.drawImage(video, 0, 0);
  const cell = canvas.width / 16;
  let value = 0;
  for (let bit = 0; bit < 16; bit += 1) {
    value = value * 2 + (pen.getImageData((bit + 0.5) * cell, canvas.height - 1.5 * cell, 1, 1).data[0] > 127 ? 1 : 0);
  }
  return value & 0xfff;
}"""
"""The picture's number, read out of a <video> (media.clip)."""


def clip(number: int) -> Clip:
    """Moving pictures that count."""
    options = ClipOptions(width=320, height=180, rate=RATE, seconds=SECONDS, bitrate_bps=90_000)
    return make_clip(number, f"Điểm {number}", [], options)


def recorded(world: World, folder: Path, content: str) -> str:
    """A session of a filed visit, recorded at its two first points and locked; its id."""
    (session_id,) = queued(world, content, opened=True)
    database = open_database(f"sqlite:///{world.hub.folder}/hub.db")
    files = FileStore(world.hub.folder / "files")
    signer = signing.load(world.hub.folder / "keys")
    now = dt.datetime.now(dt.UTC)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with database.write() as db:
            session = db.get_one(ReceptionSession, session_id)
            points = db.scalars(
                sa.select(Participant).where(Participant.session_id == session_id).order_by(Participant.position)
            ).all()
            journals = [
                one for number, point in enumerate(points[:2], 1) for one in spoken(clip(number), point.id, folder)
            ]
            session.closed_at = session.started_at = session.opened_at = now
            session.state = SessionState.CLOSED
            lock(db, files, signer, session, folder / "spool", tuple(journals), now)
            db.execute(sa.delete(ReplayFile).where(ReplayFile.session_id == session_id))
            for track in db.scalars(sa.select(Track).where(Track.session_id == session_id)):
                track.first_utc, track.last_utc = START, START + SECONDS
    finally:
        database.dispose()
    return session_id


def spoken(clip: Clip, participant: str, folder: Path) -> list[Path]:
    """Journals of sound and picture."""
    sound = Sender(OPUS, "mic", ssrc=1, participant=participant)
    picture = Sender(VP8, "camera", ssrc=2, participant=participant)
    sound.sounds(clip.sounds, 0, SECONDS)
    picture.pictures(clip.pictures, 0, SECONDS * RATE, RATE)
    return [sound.journal(folder, part=1), picture.journal(folder, part=1)]


def wall(seconds: float) -> str:
    """A moment of the record on the clock of the wall in Viet Nam."""
    local = dt.datetime.fromtimestamp(START + seconds, dt.timezone(dt.timedelta(hours=7)))
    return f"{local:%H:%M:%S}"
