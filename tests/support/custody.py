"""A visit with a locked record of two points in a running hub, and what is taken out of it: for tests of custody."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from rooms import people, sessions
from rooms.actor import SYSTEM
from rooms.models import Delivery, Job, ReceptionSession, ReplayFile, Track
from rooms.words import JobState, ParticipantRole, ParticipantState
from tests.support.factories import PDF
from tests.support.journals import UTC0_US
from tests.support.keeping import lock
from tests.support.pages import Browser, Pages, register
from tests.unit.media.test_replay import speaker, talk
from web import jobs

START = UTC0_US / 1e6
ORDER = {"issuer": "Chủ tịch UBND", "number": "12/QĐ-TCD", "dated": "20/11/2025", "purpose": "Phục vụ giải quyết"}


@dataclass
class Held:
    """A visit with a locked record of ten seconds of two points, in a file."""

    visit: str
    session: str
    case: str


def held(pages: Pages, folder: Path, *, kind: str = "complaint") -> Held:
    """Alice registers, a session is recorded at two points and locked."""
    alice, hub = pages.browser("alice"), pages.hub
    visit = register(alice, kind=kind, content="Bồi thường đất")
    alice.post(f"/visits/{visit}/papers", files={"file": ("a.pdf", io.BytesIO(PDF), "application/pdf")})
    case = alice.get(f"/visits/{visit}").text.split('href="/cases/')[1].split('"')[0]
    now = hub.now()
    with hub.database.write() as db:
        if kind == "denunciation":
            session = sessions.open_plain(db, SYSTEM, "thử", now)
            session.visit_id, session.site_id, session.restricted = visit, pages.sites["Lục Ngạn"], True
        else:
            user = people.actor_of(db, db.query(people.User).filter_by(login="oscar").one().id, now)
            session = sessions.open_for_visit(db, user, visit, now)
        own = sessions.add_participant(
            db, session.id, "Lục Ngạn", now, role=ParticipantRole.POINT, state=ParticipantState.ADMITTED
        )
        own.receives_visit = True
        other = sessions.add_participant(
            db, session.id, "Trung ương", now, role=ParticipantRole.OPERATOR, state=ParticipantState.ADMITTED
        )
        session.closed_at = session.started_at = now
        record(db, pages, session, {own.id: ("mic", "camera"), other.id: ("mic", "document")}, folder)
        return Held(visit, session.id, case)


def record(
    db: object, pages: Pages, session: ReceptionSession, points: dict[str, tuple[str, ...]], folder: Path
) -> None:
    """Journals of these participants, and the package."""
    journals = []
    for participant, sources in points.items():
        sound, picture = speaker(participant=participant)
        picture.source = "document" if "document" in sources else "camera"
        talk(sound, picture, 0, 10)
        folder.mkdir(parents=True, exist_ok=True)
        journals += [one.journal(folder, part=1) for one in (sound, picture) if one.source in sources]
    lock(db, pages.hub.files, pages.hub.signer, session, folder / "spool", tuple(journals), pages.hub.now())  # type: ignore[arg-type]
    for track in db.query(Track).filter_by(session_id=session.id):  # type: ignore[attr-defined]
        track.first_utc, track.last_utc = START, START + 10
    for one in db.query(ReplayFile).filter_by(session_id=session.id):  # type: ignore[attr-defined]
        one.start_utc = START
    if not session.restricted:  # as after its age: made again when it is needed
        db.query(ReplayFile).filter_by(session_id=session.id).delete()  # type: ignore[attr-defined]


def work(pages: Pages, kind: str, key: str) -> None:
    """What the worker would do."""
    with pages.hub.database.write() as db:
        job = db.query(Job).filter_by(kind=kind, key=key, state=JobState.QUEUED).one()
        job.state = JobState.RUNNING
        name = job.id
    jobs.execute(pages.hub, name)
    with pages.hub.database.read() as db:
        row = db.get_one(Job, name)
        assert row.state is JobState.DONE, row.error


def wall(seconds: float) -> str:
    """A moment of the record as an officer types it (Viet Nam)."""
    at = round(START + seconds) % 86_400 + 7 * 3600
    return f"{at // 3600 % 24:02d}:{at // 60 % 60:02d}:{at % 60:02d}"


def extract(pages: Pages, rita: Browser, one: Held, **more: object) -> str:
    """An extract of seconds 2 to 6, made."""
    lanes = re.findall(r'name="lanes" value="([^"]+)"', rita.get(f"/sessions/{one.session}/extract").text)
    form = {"from": wall(2), "to": wall(6), "lanes": lanes, **ORDER, **more}
    answer = rita.post(f"/sessions/{one.session}/extract", **form)
    assert answer.status_code == 303, answer.text
    name = answer.headers["location"].split("/")[-1]
    work(pages, "extract", name)
    return name


def unpacked(pages: Pages, name: str, folder: Path) -> Path:
    """The ZIP of a delivery as on a stick."""
    with pages.hub.database.read() as db:
        path = pages.hub.files.path_of(db.get_one(Delivery, name).path)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder
